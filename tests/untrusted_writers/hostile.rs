//! Random bytes-on-purpose: well-formed updates whose blocks name anything anywhere, by a commenter who knows the whole
//! document. Whatever is called inside must make no difference elsewhere: not now, and not after what the editors do
//! next, whether they have heard of it or not. `SEED=7 cargo test --test untrusted_writers` replays one run.

use bytes::Bytes;
use triproom::room::change::Outcome;
use triproom::room::document::Document;
use triproom::room::update::CheckedUpdate;
use triproom::room::verdict::Verdict;
use yrs::updates::decoder::Decode;
use yrs::{IdSet, Update};

use super::crafted::{At, Crafted, Id, Of};
use super::seeded::{COMMENTERS, EDITORS, Session, holder, seeds};
use super::trip::{COMMENTS, apply, copy, says};

/// A commenter who writes what it likes.
struct Mallory {
    random: fastrand::Rng,
    inside: Vec<Id>,
    outside: Vec<Id>,
    /// How far each client's blocks go.
    known: Vec<Id>,
    /// What the update that it writes may bring.
    next: Vec<Id>,
}

fn ids(set: &IdSet) -> Vec<Id> {
    let all = set.iter().flat_map(|(client, ranges)| {
        let client = client.get();
        ranges.iter().flat_map(move |range| range.clone().map(move |clock| (client, clock))).collect::<Vec<_>>()
    });
    all.collect()
}

impl Mallory {
    /// Mostly something below `comments`, so that now and then all is.
    fn id(&mut self) -> Id {
        let from = match self.random.u8(..40) {
            0 | 1 => &self.outside,
            2 => &self.next,
            3 => return (self.random.u64(0..40), self.random.u32(..20)),
            _ => &self.inside,
        };
        self.random.choice(from).copied().unwrap_or((COMMENTERS[0], 0))
    }

    fn root(&mut self) -> &'static str {
        if self.random.u8(..20) == 0 {
            self.random.choice(["trip", "notes", "items", "list"]).expect("four")
        } else {
            COMMENTS
        }
    }

    fn block(&mut self, crafted: Crafted) -> Crafted {
        let key = self.random.choice(["a", "b", "text", "tags"]).expect("four");
        let at = match self.random.u8(..7) {
            0 => At::Root(self.root()),
            1 => At::Key(self.root(), key),
            2 => At::In(self.id()),
            3 => At::KeyIn(self.id(), key),
            4 => At::Left(self.id()),
            5 => At::Right(self.id()),
            _ => At::Between(self.id(), self.id()),
        };
        match self.random.u8(..8) {
            0 => crafted.block(at, Of::Map),
            1 => crafted.block(at, Of::TextType),
            2 => crafted.block(at, Of::Mark("bold", "true")),
            3 => crafted.block(at, Of::Deleted(2)),
            4 => crafted.block(at, Of::Value("value")),
            5 => crafted.collected(self.random.u32(1..4)),
            _ => crafted.block(at, Of::Text("text")),
        }
    }

    fn update(&mut self) -> Crafted {
        self.next.clear();
        let mut crafted = Crafted::default();
        let mut clients = vec![self.random.u64(60..64), self.random.u64(64..68)];
        for _ in 0..self.random.u8(1..3) {
            // Under a new name, or as some client goes on, or from somewhere before that.
            let mut from = (clients.pop().expect("two at the most"), 0);
            if self.random.bool() {
                from = *self.random.choice(&self.known).unwrap_or(&from);
                from.1 = from.1.saturating_sub(self.random.u32(..3));
            }
            crafted = crafted.by(from);
            for at in 0..self.random.u32(1..4) {
                self.next.extend((0..2).map(|offset| (from.0, from.1 + at + offset)));
                crafted = self.block(crafted);
            }
        }
        for _ in 0..self.random.u8(..3) {
            let id = self.id();
            crafted = crafted.delete(id, self.random.u32(1..3));
        }
        crafted
    }
}

/// Applies it to a copy, which is given back when the library bears that: what is impossible, or breaks it, is refused by
/// other checks. With it comes what everybody is told.
fn tried(document: &Document, raw: &Bytes) -> Option<(Document, Option<Bytes>)> {
    let mut copy = copy(document);
    let mut change = copy.change();
    let outcome = change.apply(CheckedUpdate::parse(raw.clone()).expect("well-formed"), 1).ok()?;
    let told = change.finish().ok()?.update;
    matches!(outcome, Outcome::Applied | Outcome::Known).then_some((copy, told))
}

/// Two documents that differ by what Mallory was allowed to write.
struct Twins {
    with: Document,
    without: Document,
    judged: u32,
    inside: u32,
}

impl Twins {
    fn attack(&mut self, mallory: &mut Mallory) {
        let crafted = mallory.update();
        let Ok(update) = CheckedUpdate::parse(crafted.bytes()) else { return };
        self.judged += 1;
        if self.with.only_touches(&update, COMMENTS, holder) != Verdict::Inside {
            return;
        }
        self.inside += 1;
        let Some((with, told)) = tried(&self.with, &update.raw) else { return };
        assert_eq!(with.orphans().count(), 0);
        apply(&mut self.with, update);
        self.compare(&crafted);
        let told = told.map(|told| Update::decode_v1(&told).expect("valid").insertions(true));
        mallory.inside.extend(ids(&told.unwrap_or_default()));
    }

    fn both(&mut self, raw: &[u8]) {
        for document in [&mut self.with, &mut self.without] {
            apply(document, CheckedUpdate::parse(raw.to_vec().into()).expect("honest"));
        }
    }

    fn compare(&self, last: &Crafted) {
        assert_eq!(says(&self.with.difference(&[])).0, says(&self.without.difference(&[])).0, "{last:?}");
    }
}

#[test]
fn what_is_inside_makes_no_difference_elsewhere_now_or_later() {
    let (mut judged, mut inside) = (0, 0);
    for seed in seeds() {
        println!("SEED={seed}");
        let mut session = Session::new(seed);
        for _ in 0..60 {
            session.step();
        }
        let (with, without) = (copy(&session.document), copy(&session.document));
        let mut twins = Twins { with, without, judged: 0, inside: 0 };
        let mut mallory = Mallory {
            random: session.random.fork(),
            inside: ids(&session.inside),
            outside: ids(&session.outside),
            next: Vec::new(),
            known: session.known().iter().map(|(client, clock)| (client.get(), *clock)).collect(),
        };
        for _ in 0..40 {
            twins.attack(&mut mallory);
            match session.random.u8(..8) {
                // An editor, who has heard of none of this.
                0 => {
                    let (at, place) = (session.random.usize(..EDITORS.len()), session.any_place());
                    let raw = session.edit_by(at, place);
                    twins.both(&raw);
                }
                1 => twins.with.forget_unasked(),
                2 => twins.with = copy(&twins.with),
                _ => {}
            }
            twins.compare(&Crafted::default());
        }
        (judged, inside) = (judged + twins.judged, inside + twins.inside);
    }
    println!("{inside} of {judged} were inside");
    assert!(std::env::var("SEED").is_ok() || (inside > judged / 20 && inside < judged / 20 * 19), "it tests nothing");
}
