//! A shared text as the runs of its elements, each with the id that the CRDT gave it: ids stay when others type, when the
//! room is loaded anew, and when the log is folded, so by them it is known whose each letter is. The library lists a text's
//! elements and their ids only as what was added between two moments: from nothing to now.

use std::collections::VecDeque;

use yrs::types::text::YChange;
use yrs::{Any, IdSet, Out, ReadTxn, Snapshot, Text, TextRef, TransactionMut};

use super::ranges::{Id, Ranges};
use super::trace::{Runs, TextEdit};
use crate::room::patch::text::units;

/// Some elements that stand one behind the other in a text and in their author's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    id: Id,
    text: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is part of the text.
    Shown,
    /// It has been taken back, and others are still found by it.
    TakenBack,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before this element.
    Before(Id),
    /// Before all of them.
    Start,
    /// Behind all of them.
    End,
}

/// A run or a part of one, and whether it is in a set.
type Part<'l> = (Id, &'l str, bool);

/// A text.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    runs: Vec<Run>,
}

impl Layout {
    /// Reads a text when nothing in it was deleted in this transaction, and what stands at each index of it: nothing
    /// instead of an id for what is no text, such as an image. Costs a walk over the text, times the marks in it.
    pub(super) fn read(txn: &mut TransactionMut<'_>, text: &TextRef) -> (Self, Vec<(Option<Id>, u32)>) {
        let (nothing, now) = (Snapshot::default(), Snapshot::new(txn.state_vector(), IdSet::new()));
        let mut layout = Self::default();
        let mut standing = Vec::new();
        for part in text.diff_range(txn, Some(&now), Some(&nothing), |YChange { id, .. }| id) {
            match (part.insert, part.ychange) {
                (Out::Any(Any::String(text)), Some(id)) => {
                    let id = (id.client.get(), id.clock);
                    standing.push((Some(id), units(&text)));
                    layout.runs.push(Run { id, text: text.as_ref().to_owned(), state: State::Shown });
                }
                _ => standing.push((None, 1)),
            }
        }
        (layout, standing)
    }

    /// A text that has been read before; nothing if it cannot have had these runs.
    pub(super) fn of(text: &str, runs: &Runs) -> Option<Self> {
        let mut rest = text;
        let run = |(id, length): &(Id, u32)| {
            let (text, behind) = split(rest, *length);
            rest = behind;
            (units(text) == *length).then(|| Run { id: *id, text: text.to_owned(), state: State::Shown })
        };
        let runs = runs.iter().map(run).collect::<Option<_>>()?;
        rest.is_empty().then_some(Self { runs })
    }

    /// Whose each of its letters is.
    pub(super) fn runs(&self) -> Runs {
        self.shown().map(|run| (run.id, units(&run.text))).collect()
    }

    /// The text.
    pub(super) fn string(&self) -> String {
        self.shown().map(|run| run.text.as_str()).collect()
    }

    /// How many runs it has.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// What was edited to get from this text to a later one.
    pub(super) fn edits_to(&self, after: &Self) -> Vec<TextEdit> {
        let (mut old, mut new) = (self.parts(&after.ids()), after.parts(&self.ids()));
        let (mut edits, mut left) = (Vec::new(), None);
        loop {
            let mut edit = TextEdit { left, ..TextEdit::default() };
            while let Some((id, text, _)) = old.pop_front_if(|(.., stays)| !*stays) {
                edit.removed.push((id, text.to_owned()));
            }
            while let Some((id, text, _)) = new.pop_front_if(|(.., stays)| !*stays) {
                edit.inserted.push((id, units(text)));
            }
            edit.right = new.front().map(|(id, ..)| *id);
            if !edit.removed.is_empty() || !edit.inserted.is_empty() {
                edits.push(edit);
            }
            let (Some((_, before, _)), Some((id, after, _))) = (old.front().copied(), new.front().copied()) else {
                return edits;
            };
            let same = units(before).min(units(after));
            left = Some(later(id, same - 1));
            pass(&mut old, same);
            pass(&mut new, same);
        }
    }

    /// Takes elements out.
    pub(super) fn take_out(&mut self, gone: &Ranges) {
        let mut runs = Vec::with_capacity(self.runs.len());
        for run in std::mem::take(&mut self.runs) {
            let parts = gone.cut(run.id, units(&run.text));
            if run.state == State::TakenBack || matches!(parts[..], [(_, false)]) {
                runs.push(run);
                continue;
            }
            let (mut id, mut rest) = (run.id, run.text.as_str());
            for (length, is_gone) in parts {
                let (text, behind) = split(rest, length);
                let state = if is_gone { State::TakenBack } else { State::Shown };
                runs.push(Run { id, text: text.to_owned(), state });
                (id, rest) = (later(id, length), behind);
            }
        }
        self.runs = runs;
    }

    /// Puts back what an edit has removed: before what stood behind it, behind what stood before it, or else at another
    /// place; at an end of the text if it was there. Says whether it has found a place.
    pub(super) fn put_back(&mut self, edit: &TextEdit, otherwise: Option<Place>) -> bool {
        let removed: Vec<Run> = edit
            .removed
            .iter()
            .filter(|(id, _)| self.find(*id).is_none())
            .map(|(id, text)| Run { id: *id, text: text.clone(), state: State::Shown })
            .collect();
        if removed.is_empty() {
            return true;
        }
        let behind = |left: Id| self.find(left).map(|(run, offset)| (run, offset + 1));
        let place = edit.right.and_then(|right| self.find(right)).or_else(|| edit.left.and_then(behind));
        let end = edit.right.is_none().then_some(Place::End);
        let start = || edit.left.is_none().then_some(Place::Start);
        let place = place.or_else(|| match otherwise.or(end).or_else(start)? {
            Place::Before(id) => self.find(id),
            Place::Start => Some((0, 0)),
            Place::End => Some((self.runs.len(), 0)),
        });
        let Some((run, offset)) = place else { return false };
        let at = self.cut(run, offset);
        self.runs.splice(at..at, removed);
        true
    }

    /// The run that an element is in, and where in it.
    fn find(&self, (client, clock): Id) -> Option<(usize, u32)> {
        let offset = |run: &Run| clock.checked_sub(run.id.1).filter(|offset| *offset < units(&run.text));
        let mut runs = self.runs.iter().enumerate().filter(|(_, run)| run.id.0 == client);
        runs.find_map(|(at, run)| Some((at, offset(run)?)))
    }

    /// Cuts a run in two, if need be; gives the place of what is behind the cut.
    fn cut(&mut self, run: usize, offset: u32) -> usize {
        if offset == 0 {
            return run;
        }
        let Run { id, text, state } = &mut self.runs[run];
        let (before, behind) = split(text, offset);
        if !behind.is_empty() {
            let behind = Run { id: later(*id, offset), text: behind.to_owned(), state: *state };
            *text = before.to_owned();
            self.runs.insert(run + 1, behind);
        }
        run + 1
    }

    fn shown(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.state == State::Shown)
    }

    fn ids(&self) -> Ranges {
        self.runs().into_iter().collect()
    }

    /// Its runs, cut where they are in a set and where not.
    fn parts(&self, set: &Ranges) -> VecDeque<Part<'_>> {
        let mut parts = VecDeque::new();
        for run in self.shown() {
            let (mut id, mut rest) = (run.id, run.text.as_str());
            for (length, is_in) in set.cut(run.id, units(&run.text)) {
                let (text, behind) = split(rest, length);
                parts.push_back((id, text, is_in));
                (id, rest) = (later(id, length), behind);
            }
        }
        parts
    }
}

/// The id of an element so many behind another one of a run. What is read of a trace may hold any number.
fn later((client, clock): Id, elements: u32) -> Id {
    (client, clock.saturating_add(elements))
}

/// Goes on behind the first elements of some parts; the first part has at least so many.
fn pass(parts: &mut VecDeque<Part<'_>>, elements: u32) {
    let Some((id, text, is_in)) = parts.pop_front() else { return };
    let rest = split(text, elements).1;
    if !rest.is_empty() {
        parts.push_front((later(id, elements), rest, is_in));
    }
}

/// A text's first UTF-16 units and the others. What stands in the middle of a character is behind it.
pub(super) fn split(text: &str, at: u32) -> (&str, &str) {
    let mut before = 0;
    for (byte, letter) in text.char_indices() {
        if before >= at {
            return text.split_at(byte);
        }
        before += u32::try_from(letter.len_utf16()).expect("one or two");
    }
    (text, "")
}
