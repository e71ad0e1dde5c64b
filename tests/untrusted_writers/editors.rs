//! An editor may write everywhere, and still nothing that no Yjs client would build: the library frees memory too early
//! when a map has two living values at one key or an entry stands among a list's elements, and the process may die of it.
//! `SEED=7 cargo test --test untrusted_writers` replays one run; `scripts/sanitize` runs all of it under
//! `AddressSanitizer`, which sees what luck hides.

use bytes::Bytes;
use triproom::room::change::{Outcome, Refusal};
use triproom::room::document::Document;
use triproom::room::fold;
use triproom::room::update::CheckedUpdate;
use triproom::room::view::ViewLimits;
use yrs::updates::decoder::Decode;
use yrs::{ClientID, StateVector};

use super::crafted::{At, Crafted, Id, Of};
use super::seeded::seeds;
use super::trip::{EDITOR_END, ITEM, ITEM_LETTERS, ITEM_NOTES, NOTES, apply, trip};

const UNSOUND: Outcome = Outcome::Refused(Refusal::Unsound);
const STRANGER: u64 = 40;

fn tried(crafted: &Crafted) -> Outcome {
    apply(&mut trip(), crafted.update())
}

fn stranger() -> Crafted {
    Crafted::default().by((STRANGER, 0))
}

#[test]
fn a_key_has_one_living_value() {
    for several in [Of::Values("v", 2), Of::Text("ab")] {
        assert_eq!(tried(&stranger().block(At::Key("trip", "k"), several)), UNSOUND);
        assert_eq!(tried(&stranger().block(At::KeyIn(ITEM, "k"), several)), UNSOUND);
        // Who stands behind an entry is one.
        assert_eq!(tried(&stranger().block(At::Left(ITEM_NOTES), several)), UNSOUND);
        let behind_the_own =
            stranger().block(At::KeyIn(ITEM, "k"), Of::Value("v")).block(At::Left((STRANGER, 0)), several);
        assert_eq!(tried(&behind_the_own), UNSOUND);
        // The update names the entry after what stands behind it.
        let behind_another =
            stranger().block(At::Left((3, 0)), several).by((3, 0)).block(At::KeyIn(ITEM, "k"), Of::Map);
        assert_eq!(tried(&behind_another), UNSOUND);
        let behind_that = Crafted::default()
            .by((STRANGER + 2, 0))
            .block(At::Left((STRANGER, 0)), several)
            .by((STRANGER, 0))
            .block(At::Left(ITEM_NOTES), Of::Value("v"));
        assert_eq!(tried(&behind_that), UNSOUND);
    }
}

#[test]
fn what_follows_each_other_at_a_key_never_becomes_one() {
    for one in [Of::Text("a"), Of::Value("v")] {
        let first = || stranger().block(At::KeyIn(ITEM, "k"), one);
        let behind = |clock| At::Left((STRANGER, clock));
        let at_once = first().block(behind(0), one).block(behind(1), one).update();
        let one_by_one = [
            first().update(),
            Crafted::default().by((STRANGER, 1)).block(behind(0), one).update(),
            Crafted::default().by((STRANGER, 2)).block(behind(1), one).update(),
        ];
        for updates in [vec![at_once], one_by_one.into()] {
            let mut document = trip();
            let mut change = document.change();
            for update in updates {
                assert_eq!(change.apply(update, 1), Ok(Outcome::Applied));
            }
            let told = change.finish().expect("the library bears it").update.expect("it is new");
            let told = CheckedUpdate::parse(told).expect("everybody can read it");
            assert_eq!(apply(&mut trip(), told), Outcome::Applied, "what everybody is told is sound");
            let state = document.difference(&[]);
            assert_eq!(apply(&mut trip(), CheckedUpdate::parse(state.clone()).expect("valid")), Outcome::Applied);
            fold::fold(Some(&state), &[]).expect("it can be folded");
        }
    }
}

#[test]
fn what_is_refused_leaves_no_trace() {
    let mut document = trip();
    let before = document.difference(&[]);
    let crafted = stranger().block(At::Root("notes"), Of::Text("fine")).block(At::KeyIn(ITEM, "k"), Of::Values("v", 2));
    assert_eq!(apply(&mut document, crafted.delete(ITEM, 1).update()), UNSOUND);
    assert_eq!(document.difference(&[]), before);
}

#[test]
fn several_values_that_are_deleted_at_once_are_taken() {
    // What npm yjs' undo manager keeps of a key that was set three times.
    let mut document = trip();
    let kept =
        stranger().block(At::KeyIn(ITEM, "k"), Of::Values("v", 2)).block(At::Left((STRANGER, 1)), Of::Value("w"));
    assert_eq!(apply(&mut document, kept.clone().delete((STRANGER, 0), 2).update()), Outcome::Applied);
    assert_eq!(tried(&kept.clone().delete((STRANGER, 1), 1).delete((STRANGER, 0), 1)), Outcome::Applied);
    assert_eq!(tried(&kept.clone().delete((STRANGER, 0), 1)), UNSOUND);
    assert_eq!(tried(&kept.clone().delete((STRANGER, 1), 5)), UNSOUND);
    assert_eq!(tried(&kept), UNSOUND);
}

#[test]
fn what_stands_behind_an_impossible_block_is_deleted_all_the_same() {
    // The library stops at the third block: by then the first is in the document, and its deletion must be, too.
    let mut document = trip();
    let stops = stranger()
        .block(At::KeyIn(ITEM, "k"), Of::Values("v", 2))
        .block(At::In((10, NOTES)), Of::Value("into a letter"))
        .delete((STRANGER, 0), 2);
    assert_eq!(apply(&mut document, stops.update()), Outcome::Refused(Refusal::Impossible));
    let state = CheckedUpdate::parse(document.difference(&[])).expect("valid");
    assert_eq!(apply(&mut Document::new(1 << 20), state), Outcome::Applied);
}

#[test]
fn no_entry_stands_among_elements() {
    let letter = (10, ITEM_LETTERS);
    for of in [Of::Value("v"), Of::Text("ab"), Of::Map, Of::Deleted(1)] {
        for at in [At::Between(letter, ITEM_NOTES), At::Between(ITEM_NOTES, letter), At::Right(ITEM_NOTES)] {
            assert_eq!(tried(&stranger().block(at, of)), UNSOUND, "{at:?} {of:?}");
        }
    }
}

#[test]
fn what_waits_is_looked_at_when_it_can_be_placed() {
    let mut document = trip();
    let waits = Crafted::default().by((STRANGER + 1, 0)).block(At::Left((STRANGER, 0)), Of::Text("ab"));
    assert_eq!(apply(&mut document, waits.update()), Outcome::Orphaned);
    let mut change = document.change();
    let entry = stranger().block(At::KeyIn(ITEM, "k"), Of::Value("v"));
    assert_eq!(change.apply(entry.update(), 2), Ok(Outcome::Applied));
    let finished = change.finish().expect("the library bears it");
    assert_eq!((finished.impossible.as_slice(), document.orphans().count()), ([1].as_slice(), 0));

    // The log says the same when it is read again.
    let rows = [trip().difference(&[]), waits.bytes(), entry.bytes()];
    let opened = fold::open(None, &rows, 1 << 20).expect("no snapshot");
    assert_eq!(opened.unusable, [1]);
    assert_eq!(opened.document.difference(&[]), document.difference(&[]));
}

#[test]
fn what_honest_clients_write_is_taken() {
    for (at, of) in [
        (At::Left((10, NOTES + 3)), Of::Text("pasted")),
        (At::Between((10, NOTES + 3), (10, NOTES + 4)), Of::Text("pasted")),
        (At::Right((10, NOTES)), Of::Values("v", 3)),
        (At::In(ITEM_NOTES), Of::Text("more")),
        (At::Root("list"), Of::Values("v", 3)),
        (At::Key("trip", "k"), Of::Value("v")),
        (At::Left(ITEM_NOTES), Of::Value("v")),
        (At::Left(ITEM_NOTES), Of::Deleted(3)),
        (At::Key("trip", "k"), Of::Deleted(3)),
    ] {
        assert_eq!(tried(&stranger().block(at, of)), Outcome::Applied, "{at:?} {of:?}");
    }
}

/// An editor who writes what it likes, and knows everything that the document has.
struct Mallory {
    random: fastrand::Rng,
    known: Vec<Id>,
    ends: [(u64, u32); 6],
}

impl Mallory {
    /// Mostly something new, so that things are built on each other.
    fn id(&mut self) -> Id {
        if self.random.u8(..20) == 0 {
            return (self.random.u64(30..38), self.random.u32(..20));
        }
        let newest = self.known.len().saturating_sub(40);
        *self.random.choice(&self.known[newest..]).expect("the trip is there")
    }

    fn update(&mut self) -> (Crafted, Vec<Id>) {
        let (mut crafted, mut new) = (Crafted::default(), Vec::new());
        let mut clients = self.ends;
        self.random.shuffle(&mut clients);
        let several = self.random.usize(1..3);
        for (client, end) in &clients[..several] {
            crafted = crafted.by((*client, *end));
            let mut clock = *end;
            for _ in 0..self.random.u8(1..4) {
                let length;
                (crafted, length) = self.block(crafted);
                new.extend((clock..clock + length).map(|clock| (*client, clock)));
                // What comes next may build on it.
                self.known.extend((clock..clock + length).map(|clock| (*client, clock)));
                clock += length;
            }
        }
        for _ in 0..self.random.u8(..3) {
            let id = self.id();
            crafted = crafted.delete(id, self.random.u32(1..4));
        }
        (crafted, new)
    }

    fn block(&mut self, crafted: Crafted) -> (Crafted, u32) {
        if self.random.u8(..20) == 0 {
            let length = self.random.u32(1..4);
            return (crafted.collected(length), length);
        }
        let key = self.random.choice(["a", "b", "notes"]).expect("three");
        let root = self.random.choice(["trip", "notes", "items", "list"]).expect("four");
        let at = match self.random.u8(..8) {
            0 => At::Root(root),
            1 => At::Key(root, key),
            2 => At::In(self.id()),
            3 => At::KeyIn(self.id(), key),
            4 | 5 => At::Left(self.id()),
            6 => At::Right(self.id()),
            _ => At::Between(self.id(), self.id()),
        };
        let (of, length) = match self.random.u8(..9) {
            0 | 1 => (Of::Map, 1),
            2 => (Of::TextType, 1),
            3 => (Of::Mark("bold", "true"), 1),
            4 => (Of::Deleted(2), 2),
            5 => (Of::Value("value"), 1),
            6 => (Of::Values("value", 3), 3),
            _ => (Of::Text("text"), 4),
        };
        (crafted.block(at, of), length)
    }
}

/// Applies it as a room does: a document that the library broke is built again from the log.
fn apply_or_rebuild(document: &mut Document, log: &mut Vec<Bytes>, crafted: &Crafted) -> Option<Outcome> {
    let update = CheckedUpdate::parse(crafted.bytes()).ok()?;
    let mut change = document.change();
    let done = change.apply(update, log.len() as u64).and_then(|outcome| Ok((outcome, change.finish()?)));
    let Ok((outcome, finished)) = done else {
        *document = fold::open(None, log, 1 << 20).expect("no snapshot").document;
        return None;
    };
    let taken = matches!(outcome, Outcome::Applied | Outcome::Orphaned);
    log.extend(if taken { Some(crafted.bytes()) } else { finished.update.filter(|_| finished.partial) });
    Some(outcome)
}

#[test]
fn whatever_an_editor_builds_the_document_stays_whole() {
    let (mut applied, mut unsound, mut broken) = (0, 0, 0);
    for seed in seeds() {
        println!("SEED={seed}");
        let mut document = trip();
        let mut log = vec![document.difference(&[])];
        let known = (0..EDITOR_END.1).map(|clock| (10, clock)).collect();
        let ends = [30, 31, 32, 33, 34, 35].map(|client| (client, 0));
        let mut mallory = Mallory { random: fastrand::Rng::with_seed(seed), known, ends };
        for step in 0..150 {
            let before = mallory.known.len();
            let (crafted, new) = mallory.update();
            match apply_or_rebuild(&mut document, &mut log, &crafted) {
                Some(Outcome::Applied) => {
                    applied += 1;
                    for (client, clock) in new {
                        let end = mallory.ends.iter_mut().find(|(id, _)| *id == client).expect("one of them");
                        end.1 = end.1.max(clock + 1);
                    }
                    continue;
                }
                Some(UNSOUND) => unsound += 1,
                None => broken += 1,
                Some(_) => {}
            }
            // Some of it may be in the document all the same.
            mallory.known.truncate(before);
            let vector = StateVector::decode_v1(&document.state_vector()).expect("valid");
            for (client, end) in &mut mallory.ends {
                *end = vector.get(&ClientID::new(*client));
            }
            if step % 10 == 0 {
                drop(document.view(&ViewLimits { values: 1_000_000, bytes: 32 << 20 }));
            }
        }
        drop(document.view(&ViewLimits { values: 1_000_000, bytes: 32 << 20 }));
        let folded = fold::fold(None, &log).expect("the log can be read");
        let again = fold::open(Some(&folded.snapshot), &[], 1 << 20).expect("a snapshot").document;
        assert_eq!(again.version(), fold::open(None, &log, 1 << 20).expect("no snapshot").document.version());
    }
    println!("{applied} applied, {unsound} unsound, {broken} broke the library");
    assert!(applied > 100 && unsound > 100);
}
