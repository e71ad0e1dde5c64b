//! Random bytes-on-purpose: well-formed updates whose blocks name anything anywhere, by a commenter who knows the whole
//! document. Whatever is called inside must make no difference elsewhere: not now, and not after what the editors do
//! next, whether they have heard of it or not. `SEED=7 cargo test --test comment_writers` replays one run.

use bytes::Bytes;
use triproom::room::update::CheckedUpdate;
use triproom::room::verdict::Verdict;
use yrs::IdSet;

use super::crafted::{At, Crafted, Id, Of};
use super::edits::Where;
use super::seeded::{COMMENTERS, EDITORS, Session, holder, seeds};
use super::trip::{COMMENTS, apply, copy, says};

/// A commenter who writes what it likes.
struct Mallory<'s> {
    random: &'s mut fastrand::Rng,
    inside: Vec<Id>,
    outside: Vec<Id>,
    /// How far each client's blocks go.
    known: Vec<Id>,
}

fn ids(set: &IdSet) -> Vec<Id> {
    let all = set.iter().flat_map(|(client, ranges)| {
        let client = client.get();
        ranges.iter().flat_map(move |range| range.clone().map(move |clock| (client, clock))).collect::<Vec<_>>()
    });
    all.collect()
}

impl Mallory<'_> {
    /// Mostly something below `comments`, so that now and then all is.
    fn id(&mut self) -> Id {
        let from = match self.random.u8(..40) {
            0 | 1 => &self.outside,
            2 => return (self.random.u64(0..40), self.random.u32(..20)),
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
        let mut crafted = Crafted::default();
        let mut clients = vec![60, 61];
        for _ in 0..self.random.u8(1..3) {
            // Under a new name, or as some client goes on, or from somewhere before that.
            let mut from = (clients.pop().expect("two at the most"), 0);
            if self.random.bool() {
                from = *self.random.choice(&self.known).unwrap_or(&from);
                from.1 = from.1.saturating_sub(self.random.u32(..3));
            }
            crafted = crafted.by(from);
            for at in 0..self.random.u32(1..4) {
                self.inside.extend((0..2).map(|offset| (from.0, from.1 + at + offset)));
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

/// Whether the library bears what follows: what is impossible, or breaks it, is refused by other checks.
fn bears(document: &mut triproom::room::document::Document, raw: &Bytes) -> bool {
    let mut change = document.change();
    let applied = change.apply(CheckedUpdate::parse(raw.clone()).expect("well-formed"), 1);
    applied.is_ok() && change.finish().is_ok()
}

#[test]
fn what_is_inside_makes_no_difference_elsewhere_now_or_later() {
    let (mut inside, mut judged) = (0, 0);
    for seed in seeds() {
        println!("SEED={seed}");
        let mut session = Session::new(seed);
        for _ in 0..60 {
            session.step();
        }
        // What the editors do next: one has heard of nothing, and goes on with what it knows.
        let later: Vec<_> = (0..6).map(|at| session.edit_by(at % EDITORS.len(), Where::Elsewhere)).collect();
        let known: Vec<Id> = session.known().iter().map(|(client, clock)| (client.get(), *clock)).collect();
        let (mut inside_ids, outside_ids) = (ids(&session.inside), ids(&session.outside));
        for _ in 0..40 {
            let mut random = session.random.fork();
            inside_ids.retain(|(client, _)| *client < 60);
            let mut mallory = Mallory {
                random: &mut random,
                inside: inside_ids.clone(),
                outside: outside_ids.clone(),
                known: known.clone(),
            };
            let crafted = mallory.update();
            let Ok(update) = CheckedUpdate::parse(crafted.bytes()) else { continue };
            judged += 1;
            if session.document.only_touches(&update, COMMENTS, holder) != Verdict::Inside {
                continue;
            }
            let (mut with, mut without) = (copy(&session.document), copy(&session.document));
            if !bears(&mut with, &update.raw) {
                continue;
            }
            inside += 1;
            assert_eq!(with.orphans().count(), 0);
            assert_eq!(says(&with.difference(&[])).0, says(&without.difference(&[])).0, "{crafted:?}");
            for raw in &later {
                for document in [&mut with, &mut without] {
                    apply(document, CheckedUpdate::parse(raw.clone().into()).expect("honest"));
                }
            }
            assert_eq!(says(&with.difference(&[])).0, says(&without.difference(&[])).0, "{crafted:?}");
        }
    }
    println!("{inside} of {judged} were inside");
    assert!(inside * 20 > judged && inside * 2 < judged, "{inside} of {judged}: the test tests nothing");
}
