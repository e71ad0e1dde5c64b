//! Who is in a room by way of which node, and whose the client ids are: what is said of it to other nodes and what is
//! heard. Part of `sharing`. It must never pass on what another node said: each speaks for its own.

use std::sync::Arc;
use std::time::Instant;

use super::{Node, Sharing};
use crate::room::effects::Effects;
use crate::room::node::{Claim, Extent, Here, NodeClaim, NodeId, NodeMessage, NodePresence, Recipient};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::request::Present;
use crate::room::room::Room;
use crate::wire::awareness::{AwarenessEntry, ClientId};

/// Clients that are asked to announce themselves anew at a time.
const ASKED_ANEW_MAX: usize = 64;

impl Sharing {
    /// A node has said who is there, or goes: it is waited for no longer.
    pub(super) fn introduced(&mut self, id: NodeId) {
        let known = self.nodes.get_mut(&id).is_some_and(|node| std::mem::replace(&mut node.introduced, true));
        if !known {
            self.strangers = self.strangers.saturating_sub(1);
        }
    }
}

impl Node {
    /// Counts connections anew.
    fn count(&mut self, extent: Extent, people: Vec<Present>) {
        if extent == Extent::All {
            self.people.clear();
        }
        for person in people {
            let id = person.principal.id.clone();
            if person.connections == 0 {
                self.people.remove(&id)
            } else {
                self.people.insert(id, person)
            };
        }
    }
}

impl Room {
    /// Whether a node that had the room open before has not yet said who is there. Until then somebody here could write
    /// under the client id of somebody there.
    pub fn awaits_nodes(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.strangers > 0)
    }

    /// A connection of theirs came or went.
    pub(in crate::room) fn count_people(&mut self, principal: &PrincipalId) {
        self.people_move();
        if let Some(sharing) = self.sharing.as_mut().filter(|sharing| !sharing.alone()) {
            sharing.moved.insert(principal.clone());
        }
    }

    /// A node says who is there.
    pub(super) fn hear_here(&mut self, now: Instant, from: NodeId, here: Here) {
        let Here { extent, presence, people, claims } = here;
        self.people_move();
        let sharing = self.sharing.as_mut().expect("whoever calls looked");
        if extent == Extent::All {
            sharing.introduced(from);
        }
        let agents: Vec<PrincipalId> = people.iter().map(|person| person.principal.id.clone()).collect();
        let node = sharing.node(from);
        node.count(extent, people);
        let connection = node.connection;
        for id in agents {
            self.agent_is_elsewhere(&id);
        }
        for NodeClaim { client, principal, claim } in claims {
            self.writers.hears(client.0, &principal, claim);
        }
        let entries = presence.into_iter().filter_map(|said| self.admit(said)).collect();
        self.presence.hear_node(now, connection, extent, entries);
    }

    /// Somebody's client is not taken over by somebody else's, whichever nodes they are on.
    fn admit(&mut self, said: NodePresence) -> Option<AwarenessEntry> {
        if let Some(agent) = self.agent_of(said.entry.client) {
            return (said.principal.as_ref() == Some(agent) || said.entry.state.is_none()).then_some(said.entry);
        }
        if let Some(principal) = &said.principal {
            self.writers.hears(said.entry.client.0, principal, Claim::Announced);
        }
        let owner = self.writers.owner(said.entry.client.0).map(|(owner, _)| owner);
        (owner == said.principal.as_ref() || said.entry.state.is_none()).then_some(said.entry)
    }

    /// A client has come that others, on other nodes, have to show themselves to anew.
    pub(in crate::room) fn ask_elsewhere(&mut self, effects: &mut Effects) {
        let Some(sharing) = &mut self.sharing else { return };
        sharing.returned = sharing.alone();
        effects.shares.push((Recipient::All, NodeMessage::Returned));
    }

    /// Asks those who are here to raise their clocks. Of many, most show themselves with their next renewal.
    pub(super) fn ask_here(&self, effects: &mut Effects) {
        for entry in self.presence.everyone_here().into_iter().take(ASKED_ANEW_MAX) {
            if let Some(speaker) = self.presence.speaker_of(entry.client.0) {
                let clock = entry.clock + 1;
                self.cure(speaker, vec![AwarenessEntry { client: entry.client, clock, state: None }], effects);
            }
        }
    }

    /// What is new of who is here, for the other nodes.
    pub fn take_here(&mut self) -> Option<NodeMessage> {
        let sharing = self.sharing.as_mut().filter(|sharing| !sharing.alone())?;
        if sharing.moved.is_empty() && !self.presence.has_unshared() && !self.writers.has_unshared() {
            return None;
        }
        let moved = std::mem::take(&mut sharing.moved);
        let entries = self.presence.take_unshared();
        let presence = entries.into_iter().map(|entry| self.named(entry)).collect();
        let mut people = Vec::new();
        for id in moved {
            let mut theirs = self.principals().filter(|principal| principal.id == id);
            let principal = theirs.next().cloned();
            let connections = usize::from(principal.is_some()) + theirs.count();
            let principal = principal.unwrap_or_else(|| Arc::new(Principal::new(id.clone(), None)));
            people.push(Present { principal, connections });
        }
        let claims = self.writers.take_unshared().into_iter();
        let claims =
            claims.map(|(id, principal, claim)| NodeClaim { client: ClientId(id), principal, claim }).collect();
        Some(NodeMessage::Here(Here { extent: Extent::Changes, presence, people, claims }))
    }

    pub(super) fn everything_here(&self) -> NodeMessage {
        let presence = self.presence.everyone_here().into_iter().map(|entry| self.named(entry)).collect();
        let claims = self.writers.all().map(|(id, principal, claim)| {
            let principal = principal.clone();
            NodeClaim { client: ClientId(id), principal, claim }
        });
        let (people, claims) = (self.connected_here(), claims.collect());
        NodeMessage::Here(Here { extent: Extent::All, presence, people, claims })
    }

    fn named(&self, entry: AwarenessEntry) -> NodePresence {
        let owner = || self.writers.owner(entry.client.0).map(|(owner, _)| owner);
        let principal = self.agent_of(entry.client).or_else(owner).cloned();
        NodePresence { entry, principal }
    }

    /// Those who are connected to other nodes.
    pub(in crate::room) fn connected_elsewhere(&self) -> impl Iterator<Item = &Present> {
        self.sharing.iter().flat_map(|sharing| sharing.nodes.values()).flat_map(|node| node.people.values())
    }
}
