//! How far each client's blocks go: the state vector, kept beside the library's own because reading that one costs a walk over
//! all clients; and how far they went before a change. Part of `change`, which raises them; `Document` keeps them.

use hashbrown::HashMap;
use smallvec::SmallVec;
use yrs::StateVector;

use crate::room::orphans::Need;
use crate::room::update::BlockRange;

/// How far a client's blocks go.
pub(in crate::room) fn clock(clocks: &HashMap<u64, u32>, client: u64) -> u32 {
    clocks.get(&client).copied().unwrap_or(0)
}

/// The same as the library has it.
pub(in crate::room) fn clocks_of(vector: &StateVector) -> HashMap<u64, u32> {
    vector.iter().map(|(client, clock)| (client.get(), *clock)).collect()
}

/// The first block range that does not continue what is known. The library would take it and show what no client
/// shows, and its encoded state would lose it.
pub(super) fn gap(clocks: &HashMap<u64, u32>, ranges: &[BlockRange]) -> Option<Need> {
    let (mut client, mut reached) = (None, 0);
    for range in ranges {
        // An update names each client in one run.
        if client != Some(range.client) {
            (client, reached) = (Some(range.client), clock(clocks, range.client));
        }
        if range.start > reached {
            return Some(Need { client: range.client, clock: range.start });
        }
        reached = reached.max(range.end);
    }
    None
}

/// What a change has done to the clocks, so that it can be taken back.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// Whose was raised, and what it was; the first of a client counts.
    before: SmallVec<[(u64, u32); 2]>,
    /// What all were, once all were replaced.
    all: Option<HashMap<u64, u32>>,
}

impl Raised {
    /// A client's blocks go as far as this range, or farther.
    pub(super) fn raise(&mut self, clocks: &mut HashMap<u64, u32>, range: &BlockRange) {
        let known = clocks.entry(range.client).or_insert(0);
        if self.all.is_none() && self.before.last().is_none_or(|(client, _)| *client != range.client) {
            self.before.push((range.client, *known));
        }
        *known = (*known).max(range.end);
    }

    /// The library says how far all go.
    pub(super) fn replace(&mut self, clocks: &mut HashMap<u64, u32>, new: HashMap<u64, u32>) {
        let mut old = std::mem::replace(clocks, new);
        if self.all.is_none() {
            self.lower(&mut old);
            self.all = Some(old);
        }
    }

    /// The clocks are again what they were before the change.
    pub(super) fn take_back(&mut self, clocks: &mut HashMap<u64, u32>) {
        match self.all.take() {
            Some(all) => *clocks = all,
            None => self.lower(clocks),
        }
    }

    fn lower(&mut self, clocks: &mut HashMap<u64, u32>) {
        clocks.extend(self.before.drain(..).rev());
    }
}
