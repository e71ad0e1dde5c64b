//! Whose the client ids of a document are: who wrote under each, or was the first to say that it is theirs. Owned by
//! `Room`, which asks before it takes something from those who may write a part of the document only.
//! It outlives connections, because the harm is done to those who are away: what is written in the name of their client
//! takes the place of what they write offline. It must never take what is in the document already for a proof.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::principal::PrincipalId;

/// Client ids that are remembered of one principal. A tab has one, and another after each reload.
const IDS_OF_ONE: usize = 32;
/// Client ids that are remembered in all.
const IDS_MAX: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Writers {
    claims: HashMap<u64, (PrincipalId, Claim)>,
    /// The ids of each principal, the newest last.
    ids: HashMap<PrincipalId, VecDeque<u64>>,
    /// Ids that somebody came by here and of which other nodes were not told.
    unshared: Vec<u64>,
}

/// How somebody came by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// They wrote something new under it.
    Wrote,
    /// They were the first to introduce themselves with it. It keeps others off and proves nothing: anybody can.
    Announced,
}

impl Writers {
    /// Somebody introduces themselves.
    pub fn announces(&mut self, id: u64, by: &PrincipalId) {
        if !self.claims.contains_key(&id) {
            self.insert(id, by, Claim::Announced);
            self.unshared.push(id);
        }
    }

    /// The room took something new that was written under this id.
    pub fn wrote(&mut self, id: u64, by: &PrincipalId) {
        match self.claims.get(&id) {
            Some((owner, Claim::Wrote)) if owner == by => {}
            _ => {
                self.insert(id, by, Claim::Wrote);
                self.unshared.push(id);
            }
        }
    }

    /// Another node says how somebody came by an id there. Whoever is known to have written under it keeps it.
    pub fn hears(&mut self, id: u64, by: &PrincipalId, claim: Claim) {
        match self.claims.get(&id) {
            Some((_, known)) if *known == Claim::Wrote || claim == Claim::Announced => {}
            _ => self.insert(id, by, claim),
        }
    }

    /// All that is known.
    pub fn all(&self) -> impl Iterator<Item = (u64, &PrincipalId, Claim)> {
        self.claims.iter().map(|(id, (owner, claim))| (*id, owner, *claim))
    }

    /// What is new since this was last asked, but for what other nodes have said.
    pub fn take_unshared(&mut self) -> Vec<(u64, PrincipalId, Claim)> {
        let mut ids = std::mem::take(&mut self.unshared);
        ids.sort_unstable();
        ids.dedup();
        let known = |id: u64| self.claims.get(&id).map(|(owner, claim)| (id, owner.clone(), *claim));
        ids.into_iter().filter_map(known).collect()
    }

    /// Whether there is something new.
    pub fn has_unshared(&self) -> bool {
        !self.unshared.is_empty()
    }

    /// Nobody is there to be told.
    pub fn forget_unshared(&mut self) {
        self.unshared = Vec::new();
    }

    /// Whose an id is.
    pub fn owner(&self, id: u64) -> Option<(&PrincipalId, Claim)> {
        self.claims.get(&id).map(|(owner, claim)| (owner, *claim))
    }

    fn insert(&mut self, id: u64, by: &PrincipalId, claim: Claim) {
        self.forget(id);
        if self.claims.len() >= IDS_MAX
            && let Some(some) = self.claims.keys().next().copied()
        {
            self.forget(some);
        }
        let ids = self.ids.entry(by.clone()).or_default();
        let oldest = if ids.len() >= IDS_OF_ONE { ids.pop_front() } else { None };
        ids.push_back(id);
        if let Some(oldest) = oldest {
            self.claims.remove(&oldest);
        }
        self.claims.insert(id, (by.clone(), claim));
    }

    fn forget(&mut self, id: u64) {
        let Some((owner, _)) = self.claims.remove(&id) else { return };
        let Some(ids) = self.ids.get_mut(&owner) else { return };
        ids.retain(|known| *known != id);
        if ids.is_empty() {
            self.ids.remove(&owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> PrincipalId {
        PrincipalId::user(name).expect("an id")
    }

    #[test]
    fn the_first_to_announce_an_id_keeps_it_until_somebody_writes_under_it() {
        let mut writers = Writers::default();
        let (ada, bob) = (person("ada"), person("bob"));
        writers.announces(1, &ada);
        writers.announces(1, &bob);
        assert_eq!(writers.owner(1), Some((&ada, Claim::Announced)));
        writers.wrote(1, &bob);
        writers.announces(1, &ada);
        assert_eq!(writers.owner(1), Some((&bob, Claim::Wrote)));
    }

    #[test]
    fn what_other_nodes_say_takes_no_id_from_who_wrote_under_it_and_is_not_said_back() {
        let mut writers = Writers::default();
        let (ada, bob) = (person("ada"), person("bob"));
        writers.announces(1, &bob);
        writers.hears(1, &ada, Claim::Announced);
        assert_eq!(writers.owner(1), Some((&bob, Claim::Announced)));
        writers.hears(1, &ada, Claim::Wrote);
        writers.hears(1, &bob, Claim::Wrote);
        assert_eq!(writers.owner(1), Some((&ada, Claim::Wrote)));
        writers.hears(2, &ada, Claim::Announced);
        assert_eq!(writers.owner(2), Some((&ada, Claim::Announced)));
        writers.forget_unshared();
        writers.hears(3, &ada, Claim::Wrote);
        assert!(!writers.has_unshared());
        writers.wrote(4, &bob);
        assert_eq!(writers.take_unshared(), [(4, bob, Claim::Wrote)]);
        assert_eq!(writers.all().count(), 4);
    }

    #[test]
    fn nobody_makes_the_ids_of_others_forgotten() {
        let mut writers = Writers::default();
        let (ada, bob) = (person("ada"), person("bob"));
        writers.wrote(1, &ada);
        (2..10_000).for_each(|id| writers.announces(id, &bob));
        assert_eq!(writers.owner(1), Some((&ada, Claim::Wrote)));
        assert_eq!((writers.claims.len(), writers.ids[&bob].len()), (1 + IDS_OF_ONE, IDS_OF_ONE));
        (0..10_000).for_each(|id| writers.announces(20_000 + id, &person(&format!("p{id}"))));
        assert_eq!(writers.claims.len(), IDS_MAX);
        assert!(writers.ids.len() <= IDS_MAX);
    }
}
