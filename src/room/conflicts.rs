//! What merging hides: two people set one field, neither knowing of the other, and the document keeps one of the values. The
//! part of `Room` that notices and tells. It looks at what was set lately; of very many at once not all are told.
//! It must never change anything: what is to count is for people to say.

mod place;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use yrs::Any;

use super::effects::Effects;
use super::event::edits::{Conflict, Loser, Winner};
use super::event::{Event, moment};
use super::json::normalize;
use super::kept::EventOrigin;
use super::patch::Excerpt;
use super::principal::PrincipalId;
use super::room::Room;
use super::scan::{self, Block, Id, VALUES};
use super::view::part;
use super::writers::Claim;

/// So many of the values that were set last are remembered,
const REMEMBERED: usize = 256;
/// of updates up to this: whoever brings more at once brings what was written long ago.
const UPDATE_MAX: usize = 64 << 10;
/// The largest document in which a place is looked for,
const DOCUMENT_MAX: usize = 256 << 10;
/// and how often at most in a second.
const LOOKS_MAX: u32 = 8;

/// See the module. Owned by `Room`.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    recent: VecDeque<Set>,
    /// How often was looked since when: a second at most.
    looks: Option<(Instant, u32)>,
}

/// A value that was put where there can be one.
#[derive(Debug, Clone)]
struct Set {
    id: Id,
    place: Place,
    value: String,
    by: PrincipalId,
    at: Timestamp,
}

/// Two values at one place were set without knowing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Instead of this one.
    Instead(Id),
    /// Where there was none: a number that stands for the map and the key.
    First(u64),
}

impl Conflicts {
    /// What somebody else set last at a place, or instead of what they set there.
    fn rival(&self, set: &Set) -> Option<Set> {
        let others = |other: &&Set| other.by != set.by && other.id.0 != set.id.0;
        let mut rival = self.recent.iter().filter(others).rfind(|other| other.place == set.place)?;
        // In the order in which they came, so that there is an end to it.
        for next in &self.recent {
            if next.place == Place::Instead(rival.id) {
                rival = next;
            }
        }
        (rival.by != set.by).then(|| rival.clone())
    }

    /// Whether a place may be looked for now.
    fn may_look(&mut self, now: Instant) -> bool {
        match &mut self.looks {
            Some((since, looks)) if now.duration_since(*since) < Duration::from_secs(1) => {
                *looks += 1;
                *looks <= LOOKS_MAX
            }
            looks => {
                *looks = Some((now, 1));
                true
            }
        }
    }

    fn remember(&mut self, set: Set) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(set);
    }
}

impl Room {
    /// Takes note of what an update that was applied has set; it came from `by`, or was written by them.
    pub(super) fn note_sets(&mut self, raw: &[u8], by: Option<&PrincipalId>, effects: &mut Effects) {
        if raw.len() > UPDATE_MAX {
            return;
        }
        let (mut sets, mut writer, mut are_several) = (Vec::new(), None, false);
        let each = |block: &Block| {
            are_several |= *writer.get_or_insert(block.client) != block.client;
            sets.extend(value_of(raw, block).map(|(place, value)| ((block.client, block.clock), place, value)));
        };
        if scan::scan(raw, each).is_err() || sets.is_empty() {
            return;
        }
        let at = self.wall();
        for (id, place, value) in sets {
            // Whoever passes on what others wrote did not write it.
            let by = match self.writers.owner(id.0) {
                Some((owner, Claim::Wrote)) => Some(owner),
                Some((owner, _)) if are_several => Some(owner),
                _ if are_several => None,
                _ => by,
            };
            let Some(by) = by.cloned() else { continue };
            if self.conflicts.recent.iter().any(|known| known.id == id) {
                continue;
            }
            let set = Set { id, place, value, by, at };
            let rival = self.conflicts.rival(&set);
            self.conflicts.remember(set.clone());
            if let Some(rival) = rival {
                self.tell_conflict(&set, &rival, effects);
            }
        }
    }

    /// Keeps that one of two values hides the other, if it does.
    fn tell_conflict(&mut self, one: &Set, other: &Set, effects: &mut Effects) {
        if one.value == other.value || self.document.size() > DOCUMENT_MAX || !self.conflicts.may_look(self.now) {
            return;
        }
        let Some(pointer) = place::pointer(&self.document.difference(&[]), one.id) else { return };
        let Ok(view) = self.view() else { return };
        let Some(now) = part(&view.json, pointer.as_str()) else { return };
        let now = serde_json::from_str(now.get()).map(|now: Value| Excerpt::of(&now).to_string());
        let now = now.unwrap_or_default();
        let (winner, loser) = if one.value == now { (one, other) } else { (other, one) };
        if winner.value != now {
            return;
        }
        let id = |by: &PrincipalId| by.as_str().to_owned();
        let conflict = Conflict {
            pointer: pointer.to_string(),
            winner: Winner { by: id(&winner.by), value: winner.value.clone() },
            losers: vec![Loser { by: id(&loser.by), value: loser.value.clone(), at: moment(loser.at) }],
        };
        let origin = EventOrigin::of_conflict(one.id, other.id);
        self.keep_unsaid(origin, &Event::Conflict(conflict), effects);
    }
}

/// What a block puts where there can be one value, if it may do that: an entry of a map, or the last of a list.
fn value_of(raw: &[u8], block: &Block) -> Option<(Place, String)> {
    let is_one = block.reference == VALUES && block.length == 1 && block.right.is_none();
    if !is_one || block.payload.len() > UPDATE_MAX {
        return None;
    }
    let place = match block.left {
        Some(left) => Place::Instead(left),
        None => Place::First(block.key.as_ref().map(|_| block.position(raw))?),
    };
    // One value, behind how many there are.
    let mut cursor = yrs::encoding::read::Cursor::new(&raw[block.payload.start + 1..block.payload.end]);
    let mut value = serde_json::to_value(Any::decode(&mut cursor).ok()?).ok()?;
    normalize(&mut value);
    Some((place, Excerpt::of(&value).to_string()))
}

#[cfg(test)]
mod tests {
    use yrs::{Doc, Map, MapPrelim, ReadTxn, StateVector, Transact, WriteTxn};

    use super::*;

    #[test]
    fn a_value_is_known_by_what_it_replaces() {
        let doc = Doc::with_client_id(7);
        let item = {
            let mut txn = doc.transact_mut();
            let items = txn.get_or_insert_map("items");
            items.insert(&mut txn, "a", MapPrelim::from([("title", "Dinner")]))
        };
        let mut txn = doc.transact_mut();
        item.insert(&mut txn, "title", "Fado");
        let update = txn.encode_update_v1();
        drop(txn);
        let mut found = Vec::new();
        scan::scan(&update, |block| found.extend(value_of(&update, block))).expect("an update");
        assert_eq!(found, [(Place::Instead((7, 1)), "\"Fado\"".to_owned())]);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert!(place::pointer(&state, (7, 2)).is_some());
    }
}
