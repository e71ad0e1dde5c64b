//! Presence of clients that are connected to other nodes, and presence of this node's clients for those nodes.
//! A connection that no socket has stands for each other node; it speaks for that node's clients. Of two nodes that say
//! to have a client, the one with the higher clock has it: the client raises it when it moves.

use std::time::Instant;

use hashbrown::HashSet;

use super::{ConnectionId, Entry, Heard, Manner, Origin, Presence, PresenceRefusal, copied, gone};
use crate::room::node::Extent;
use crate::wire::awareness::{AwarenessEntry, ClientId};
use bytes::Bytes;

impl Presence {
    /// Hears of the clients of the node that `node` stands for. What it says was checked there.
    pub fn hear_node(&mut self, now: Instant, node: ConnectionId, extent: Extent, entries: Vec<AwarenessEntry>) {
        if extent == Extent::All {
            let named: HashSet<ClientId> = entries.iter().map(|entry| entry.client).collect();
            let owned = self.owned.entry(node).or_default();
            let missing: Vec<ClientId> = owned.iter().copied().filter(|client| !named.contains(client)).collect();
            owned.retain(|client| named.contains(client));
            for client in missing {
                self.went(now, client);
            }
        }
        for entry in entries {
            self.hear_of(now, node, &entry);
        }
        self.bound_memory(now);
    }

    fn hear_of(&mut self, now: Instant, node: ConnectionId, said: &AwarenessEntry) {
        let known = self.entries.get(&said.client);
        let owner = known.and_then(|known| known.owner);
        let is_news = match known {
            None => said.state.is_some(),
            Some(known) if owner == Some(node) => {
                said.clock > known.clock || (said.clock == known.clock && said.state.is_none() && known.state.is_some())
            }
            // It was lost with its clock's state, and the node still has it.
            Some(known) if owner.is_none() && known.state.is_none() => {
                said.clock >= known.clock && said.state.is_some()
            }
            Some(known) => said.clock > known.clock && said.state.is_some(),
        };
        let was_gone = known.is_some_and(|known| known.state.is_none());
        if !is_news {
            return;
        }
        let Some(state) = said.state.as_ref().map(copied) else {
            // Its clock is remembered by the entry, and nobody speaks for it.
            self.disown(owner, said.client);
            self.went(now, said.client);
            self.entries.get_mut(&said.client).expect("it was just there").clock = said.clock;
            return;
        };
        if owner != Some(node) {
            self.disown(owner, said.client);
            self.owned.entry(node).or_default().push(said.client);
        }
        let entry = Entry { clock: said.clock, state: Some(state), owner: Some(node), claim: None, seen: now };
        let before = self.entries.insert(said.client, Box::new(entry));
        if let Some(claim) = before.and_then(|before| before.claim) {
            self.claims.remove(&claim.by);
        }
        self.gone -= usize::from(was_gone);
        self.news.note(said.client, Origin::Many);
    }

    pub(super) fn disown(&mut self, owner: Option<ConnectionId>, client: ClientId) {
        if let Some(owned) = owner.and_then(|owner| self.owned.get_mut(&owner)) {
            owned.retain(|owned| *owned != client);
        }
    }

    fn went(&mut self, now: Instant, client: ClientId) {
        let entry = self.entries.get_mut(&client).expect("what is spoken for is there");
        (entry.owner, entry.seen) = (None, now);
        if entry.state.take().is_some() {
            self.gone += 1;
            self.news.note(client, Origin::Many);
        }
    }

    /// A connection here says to be a client that is connected to another node: it has moved, if its clock says so, and
    /// is asked to raise it if that is all that is missing. Those who are here raise theirs: it knows them from before.
    pub(super) fn hear_moved(
        &mut self,
        now: Instant,
        from: ConnectionId,
        (client, said): (ClientId, u64),
        state: &Bytes,
        manner: Manner,
        heard: &mut Heard,
    ) -> Result<(), PresenceRefusal> {
        let known = &self.entries[&client];
        let (clock, owner) = (known.clock, known.owner);
        if manner == Manner::Introduction {
            heard.returned = Some(client);
            heard.peers = self.ask_peers(from);
        }
        if said > clock {
            self.introduce(now, from, client, said, state)?;
            self.disown(owner, client);
        } else if manner == Manner::Introduction {
            heard.cures.push(gone(client, clock + 1));
        }
        Ok(())
    }

    /// What is new of this node's clients, for the others.
    pub fn take_unshared(&mut self) -> Vec<AwarenessEntry> {
        let mut clients = std::mem::take(&mut self.unshared);
        clients.sort_unstable();
        clients.dedup();
        let here = |client: &ClientId| {
            self.entries.get(client).is_some_and(|entry| !entry.owner.is_some_and(ConnectionId::is_node))
        };
        clients.retain(here);
        clients.into_iter().filter_map(|client| self.said_of(client)).collect()
    }

    /// Whether there is such news.
    pub fn has_unshared(&self) -> bool {
        !self.unshared.is_empty()
    }

    /// Nobody is there to be told.
    pub fn forget_unshared(&mut self) {
        self.unshared.clear();
    }

    /// All of this node's clients.
    pub fn everyone_here(&self) -> Vec<AwarenessEntry> {
        let here = |entry: &Entry| entry.owner.is_some_and(|owner| !owner.is_node());
        let present = self.entries.iter().filter(|(_, entry)| here(entry));
        present
            .filter_map(|(client, entry)| {
                let state = entry.state.clone()?;
                Some(AwarenessEntry { client: *client, clock: entry.clock, state: Some(state) })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Whose;
    use super::*;

    const HERE: ConnectionId = ConnectionId(1);

    fn said(client: u64, clock: u64, state: Option<&'static str>) -> AwarenessEntry {
        AwarenessEntry { client: ClientId(client), clock, state: state.map(Bytes::from) }
    }

    fn changes(presence: &mut Presence) -> Vec<AwarenessEntry> {
        presence.take_changes().map(|change| change.entries).unwrap_or_default()
    }

    fn hear(presence: &mut Presence, entry: AwarenessEntry) -> Heard {
        presence.hear(Instant::now(), HERE, vec![entry], |_, _| Whose::Own).expect("it is fine")
    }

    #[test]
    fn clients_of_a_node_come_change_and_go_with_it() {
        let (now, node) = (Instant::now(), ConnectionId::of_node(1));
        let mut presence = Presence::new(now, 4);
        let (ada, bob) = (said(7, 1, Some("{}")), said(8, 1, Some("{}")));
        presence.hear_node(now, node, Extent::Changes, vec![ada.clone(), bob.clone()]);
        assert_eq!(changes(&mut presence), [ada.clone(), bob.clone()]);
        presence.hear_node(now, node, Extent::Changes, vec![ada.clone(), said(8, 1, None)]);
        assert_eq!(changes(&mut presence), [said(8, 1, None)], "what is known is no news");
        presence.hear_node(now, node, Extent::All, vec![]);
        assert_eq!(changes(&mut presence), [said(7, 1, None)], "who is not named among all is gone");
        presence.hear_node(now, node, Extent::Changes, vec![said(7, 2, Some("{}"))]);
        changes(&mut presence);
        presence.leave(now, node);
        assert_eq!(changes(&mut presence), [said(7, 2, None)]);
        assert!(presence.is_empty() && presence.take_unshared().is_empty(), "nothing of this is told to other nodes");
    }

    #[test]
    fn the_higher_clock_has_the_client() {
        let (now, first, second) = (Instant::now(), ConnectionId::of_node(1), ConnectionId::of_node(2));
        let mut presence = Presence::new(now, 4);
        presence.hear_node(now, first, Extent::Changes, vec![said(7, 5, Some("1"))]);
        presence.hear_node(now, second, Extent::Changes, vec![said(7, 5, Some("2"))]);
        presence.hear_node(now, second, Extent::Changes, vec![said(7, 7, Some("3"))]);
        presence.hear_node(now, first, Extent::Changes, vec![said(7, 5, None)]);
        assert_eq!(changes(&mut presence), [said(7, 7, Some("3"))], "who it left takes it nowhere");
        presence.leave(now, first);
        assert_eq!(presence.len(), 1);
        // It moves here, with the clock that it had, and is asked to raise it.
        let heard = hear(&mut presence, said(7, 7, Some("4")));
        assert_eq!(heard.cures, [said(7, 8, None)]);
        hear(&mut presence, said(7, 9, Some("4")));
        assert_eq!(presence.take_unshared(), [said(7, 9, Some("4"))]);
        presence.leave(now, second);
        assert_eq!(changes(&mut presence), [said(7, 9, Some("4"))]);
        presence.hear_node(now, first, Extent::Changes, vec![said(7, 10, None)]);
        assert_eq!(presence.len(), 1, "nobody elsewhere says of a client that is here that it is gone");
        presence.leave(now, HERE);
        assert_eq!(presence.take_unshared(), [said(7, 9, None)]);
        assert!(presence.is_empty());
    }

    #[test]
    fn a_client_that_was_thought_dead_with_its_node_is_back_when_it_speaks() {
        let (now, node, again) = (Instant::now(), ConnectionId::of_node(1), ConnectionId::of_node(2));
        let mut presence = Presence::new(now, 4);
        presence.hear_node(now, node, Extent::All, vec![said(7, 5, Some("1"))]);
        presence.leave(now, node);
        changes(&mut presence);
        presence.hear_node(now, again, Extent::All, vec![said(7, 5, Some("1"))]);
        assert_eq!(changes(&mut presence), [said(7, 5, Some("1"))]);
        assert_eq!(presence.len(), 1);
    }
}
