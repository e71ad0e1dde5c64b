//! Who is in the room: the awareness states of its clients, each with the connection that speaks for it.
//! Owned by `Room`. Rules of npm `y-protocols/awareness.js`, hardened: a connection speaks only for the client ids
//! that it introduced and that are nobody else's, a state that is not JSON never reaches a browser, and what is said for
//! others (clients echo what they hear) changes nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::id::ConnectionId;
use crate::wire::awareness::{AwarenessEntry, ClientId, is_json};

/// A state that is not renewed for so long is gone; clients renew theirs every 15 s.
pub const EXPIRY: Duration = Duration::from_secs(30);
/// Peers never forget a clock that they saw. After this long it is more likely that they are gone themselves.
const GONE_KEPT: Duration = Duration::from_mins(10);
/// The most clients that are remembered after they went.
const GONE_MAX: usize = 4_096;
/// In a room opened more recently than this, peers may know a client from before: from a server that restarted.
const YOUNG: Duration = Duration::from_mins(1);
/// A clock only gets beyond this in steps: whoever used up somebody's clocks would silence them for good.
const LEAP_MAX: u64 = 1 << 31;
/// The longest of these steps. A client that is asked to raise its clock adds two.
const STEP_MAX: u64 = 16;
/// In a bigger room, a client that comes back sees the others with their next renewal, and not at once.
const PEERS_ASKED_MAX: usize = 64;

/// The presence of everybody in one room.
#[derive(Debug)]
pub struct Presence {
    entries: HashMap<ClientId, Entry>,
    /// The clients that each connection speaks for.
    owned: HashMap<ConnectionId, SmallVec<[ClientId; 1]>>,
    /// The client that a connection would speak for, if the one that does were gone.
    claims: HashMap<ConnectionId, ClientId>,
    /// How many entries are of clients that went.
    gone: usize,
    changed: Vec<ClientId>,
    origin: Option<Origin>,
    opened: Instant,
    clients_per_connection: usize,
}

#[derive(Debug)]
struct Entry {
    clock: u64,
    /// Nothing: the client is gone, and its clock is remembered.
    state: Option<Bytes>,
    owner: Option<ConnectionId>,
    claim: Option<Claim>,
    seen: Instant,
}

/// A connection says that it is this client, while another one speaks for it: a browser whose old socket is dead
/// and not yet noticed, or a spoof. It is heard when the old socket is gone.
#[derive(Debug)]
struct Claim {
    by: ConnectionId,
    clock: u64,
    state: Bytes,
}

/// Whose a client is, as the principal sees it who speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Nobody used it, as far as is known.
    Nobodys,
    /// Theirs.
    Own,
    /// Theirs, and a connection of somebody else speaks for it.
    Taken,
    /// Somebody else's.
    Others,
}

/// How a connection speaks of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// For the first time, and of one client only: of itself.
    Introduction,
    /// In any other way.
    Talk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    One(ConnectionId),
    Many,
}

/// Changes since they were last taken.
#[derive(Debug, PartialEq, Eq)]
pub struct PresenceChange {
    /// The states of clients that changed, or came, or went.
    pub entries: Vec<AwarenessEntry>,
    /// The connection that said all of it, which need not hear it again.
    pub sole_origin: Option<ConnectionId>,
}

/// What comes back from hearing an awareness update.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// For the sender: "as others see it you are gone, with this clock"; it answers with a higher one. Without this
    /// its peers would ignore a client that comes back with the clock that they saw it leave with.
    pub cures: Vec<AwarenessEntry>,
    /// The same for the peers of a client that came back: it remembers their clocks, too, and would ignore them.
    pub peers: Vec<(ConnectionId, AwarenessEntry)>,
    /// A connection that may be dead: somebody else says to be its client.
    pub challenged: Option<ConnectionId>,
}

/// Why an awareness update is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PresenceRefusal {
    /// A state is not JSON.
    #[error("a presence state is not JSON")]
    NotJson,
    /// The connection would speak for more clients than it may.
    #[error("the connection speaks for too many clients")]
    TooManyClients,
}

impl Presence {
    /// Nobody is there yet. A connection may speak for `clients_per_connection` clients.
    pub fn new(opened: Instant, clients_per_connection: usize) -> Self {
        Self {
            entries: HashMap::new(),
            owned: HashMap::new(),
            claims: HashMap::new(),
            gone: 0,
            changed: Vec::new(),
            origin: None,
            opened,
            clients_per_connection,
        }
    }

    /// Hears what `from` says; `whose` knows of a client and of the connection that speaks for it. What was heard before
    /// a refusal stays heard.
    pub fn hear(
        &mut self,
        now: Instant,
        from: ConnectionId,
        entries: Vec<AwarenessEntry>,
        whose: impl Fn(ClientId, Option<ConnectionId>) -> Whose,
    ) -> Result<Heard, PresenceRefusal> {
        let mut heard = Heard::default();
        // A client first speaks for itself alone; whatever else comes first is an echo of others.
        let first = !self.knows(from) && entries.len() == 1;
        let manner = if first { Manner::Introduction } else { Manner::Talk };
        self.owned.entry(from).or_default();
        for entry in entries {
            let known = self.entries.get(&entry.client);
            let (clock, speaker) = known.map_or((0, None), |known| (known.clock, known.owner));
            if entry.clock > LEAP_MAX.max(clock + STEP_MAX) {
                continue;
            }
            if speaker == Some(from) {
                self.hear_own(now, from, &entry)?;
                continue;
            }
            let whose = whose(entry.client, speaker);
            match (whose, speaker) {
                (Whose::Others, _) => continue,
                // What has the clock that others were told is an echo.
                (Whose::Taken, Some(speaker)) if entry.state.is_some() && entry.clock != clock => {
                    self.silence(now, speaker, entry.client);
                }
                _ => {}
            }
            self.hear_one(now, from, entry, manner, whose, &mut heard)?;
        }
        Ok(heard)
    }

    /// What a connection says of a client that it speaks for.
    fn hear_own(&mut self, now: Instant, from: ConnectionId, said: &AwarenessEntry) -> Result<(), PresenceRefusal> {
        let known = &self.entries[&said.client];
        let leaves = said.clock == known.clock && said.state.is_none() && known.state.is_some();
        if said.clock > known.clock || leaves { self.accept(now, from, said) } else { Ok(()) }
    }

    fn hear_one(
        &mut self,
        now: Instant,
        from: ConnectionId,
        said: AwarenessEntry,
        manner: Manner,
        whose: Whose,
        heard: &mut Heard,
    ) -> Result<(), PresenceRefusal> {
        let introduces = manner == Manner::Introduction;
        // Nobody speaks of others leaving.
        let Some(state) = said.state else { return Ok(()) };
        let Some(known) = self.entries.get_mut(&said.client) else {
            self.introduce(now, from, said.client, said.clock, &state)?;
            if introduces && now.duration_since(self.opened) < YOUNG {
                heard.cures.push(gone(said.client, said.clock + 1));
            }
            return Ok(());
        };
        if let Some(owner) = known.owner {
            // What has the clock that others were told is an echo. A client that is really there raises it.
            let claims = self.owned[&from].is_empty() && self.claims.get(&from).is_none_or(|id| *id == said.client);
            if claims && said.clock > known.clock && is_json(&state) {
                self.claims.insert(from, said.client);
                if known.claim.as_ref().is_none_or(|claim| claim.by != from) {
                    heard.challenged = Some(owner);
                }
                known.claim = Some(Claim { by: from, clock: said.clock, state: copied(&state) });
            }
            return Ok(());
        }
        if said.clock > known.clock {
            self.introduce(now, from, said.client, said.clock, &state)?;
        } else if introduces || whose != Whose::Nobodys {
            heard.cures.push(gone(said.client, known.clock + 1));
        }
        if introduces && heard.peers.is_empty() {
            heard.peers = self.ask_peers(from);
        }
        Ok(())
    }

    /// What makes every other connection raise the clocks of its clients.
    fn ask_peers(&self, except: ConnectionId) -> Vec<(ConnectionId, AwarenessEntry)> {
        if self.len() > PEERS_ASKED_MAX {
            return Vec::new();
        }
        let alive = self.entries.iter().filter(|(_, entry)| entry.state.is_some());
        alive
            .filter_map(|(client, entry)| Some((entry.owner?, gone(*client, entry.clock + 1))))
            .filter(|(owner, _)| *owner != except)
            .collect()
    }

    /// A connection begins to speak for a client.
    fn introduce(
        &mut self,
        now: Instant,
        from: ConnectionId,
        client: ClientId,
        clock: u64,
        state: &Bytes,
    ) -> Result<(), PresenceRefusal> {
        if self.owned[&from].len() >= self.clients_per_connection {
            return Err(PresenceRefusal::TooManyClients);
        }
        if !is_json(state) {
            return Err(PresenceRefusal::NotJson);
        }
        let entry = Entry { clock, state: Some(copied(state)), owner: Some(from), claim: None, seen: now };
        if self.entries.insert(client, entry).is_some() {
            self.gone -= 1;
        }
        self.owned.entry(from).or_default().push(client);
        self.note(client, Origin::One(from));
        Ok(())
    }

    /// A connection says something new about a client that it speaks for.
    fn accept(&mut self, now: Instant, from: ConnectionId, said: &AwarenessEntry) -> Result<(), PresenceRefusal> {
        if said.state.as_ref().is_some_and(|state| !is_json(state)) {
            return Err(PresenceRefusal::NotJson);
        }
        let entry = self.entries.get_mut(&said.client).expect("the caller found it");
        match (entry.state.is_some(), said.state.is_some()) {
            (true, false) => self.gone += 1,
            (false, true) => self.gone -= 1,
            _ => {}
        }
        entry.clock = said.clock;
        entry.state = said.state.as_ref().map(copied);
        entry.seen = now;
        self.note(said.client, Origin::One(from));
        Ok(())
    }

    /// A connection speaks no more for a client that is somebody else's.
    fn silence(&mut self, now: Instant, connection: ConnectionId, client: ClientId) {
        if let Some(owned) = self.owned.get_mut(&connection) {
            owned.retain(|owned| *owned != client);
        }
        let entry = self.entries.get_mut(&client).expect("what is spoken for is there");
        (entry.owner, entry.seen) = (None, now);
        if let Some(claim) = entry.claim.take() {
            self.claims.remove(&claim.by);
        }
        if entry.state.take().is_some() {
            self.gone += 1;
            self.note(client, Origin::Many);
        }
    }

    /// The connection is gone, and with it the clients that it spoke for, unless another connection claims them.
    pub fn leave(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(claimed) = self.claims.remove(&connection)
            && let Some(entry) = self.entries.get_mut(&claimed)
            && entry.claim.as_ref().is_some_and(|claim| claim.by == connection)
        {
            entry.claim = None;
        }
        for client in self.owned.remove(&connection).unwrap_or_default() {
            let entry = self.entries.get_mut(&client).expect("what is owned is there");
            if let Some(claim) = entry.claim.take() {
                self.claims.remove(&claim.by);
                self.owned.entry(claim.by).or_default().push(client);
                entry.owner = Some(claim.by);
                self.gone -= usize::from(entry.state.is_none());
                if claim.clock > entry.clock || entry.state.is_none() {
                    (entry.clock, entry.state, entry.seen) = (claim.clock, Some(claim.state), now);
                    self.note(client, Origin::One(claim.by));
                }
                continue;
            }
            entry.owner = None;
            entry.seen = now;
            if entry.state.take().is_some() {
                self.gone += 1;
                self.note(client, Origin::Many);
            }
        }
        self.bound_memory(now);
    }

    /// Removes states that nobody renewed.
    pub fn sweep(&mut self, now: Instant) {
        let silent: Vec<ClientId> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.state.is_some() && now.duration_since(entry.seen) >= EXPIRY)
            .map(|(client, _)| *client)
            .collect();
        for client in silent {
            let entry = self.entries.get_mut(&client).expect("it was just found");
            entry.state = None;
            self.gone += 1;
            self.note(client, Origin::Many);
        }
        self.bound_memory(now);
    }

    /// When `sweep` has something to do, at the earliest.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.entries.values().filter(|entry| entry.state.is_some()).map(|entry| entry.seen + EXPIRY).min()
    }

    /// What changed since this was last asked, for everybody.
    pub fn take_changes(&mut self) -> Option<PresenceChange> {
        let sole_origin = match self.origin.take()? {
            Origin::One(connection) => Some(connection),
            Origin::Many => None,
        };
        let mut clients = std::mem::take(&mut self.changed);
        clients.sort_unstable();
        clients.dedup();
        let entries = clients.into_iter().filter_map(|client| self.said_of(client)).collect();
        Some(PresenceChange { entries, sole_origin })
    }

    /// Everybody who is there, but for those whom `except` speaks for.
    pub fn everyone(&self, except: Option<ConnectionId>) -> Vec<AwarenessEntry> {
        let others = self.entries.iter().filter(|(_, entry)| entry.owner.is_none() || entry.owner != except);
        others
            .filter_map(|(client, entry)| {
                let state = entry.state.clone()?;
                Some(AwarenessEntry { client: *client, clock: entry.clock, state: Some(state) })
            })
            .collect()
    }

    /// Whether a connection has said anything yet.
    pub fn knows(&self, connection: ConnectionId) -> bool {
        self.owned.contains_key(&connection)
    }

    /// The clients that a connection speaks for.
    pub fn spoken_for(&self, connection: ConnectionId) -> impl Iterator<Item = ClientId> {
        self.owned.get(&connection).into_iter().flatten().copied()
    }

    /// The connection that speaks for a client.
    pub fn speaker_of(&self, client: u64) -> Option<ConnectionId> {
        self.entries.get(&ClientId(client)).and_then(|entry| entry.owner)
    }

    /// How many clients are there.
    pub fn len(&self) -> usize {
        self.entries.len() - self.gone
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn said_of(&self, client: ClientId) -> Option<AwarenessEntry> {
        let entry = self.entries.get(&client)?;
        Some(AwarenessEntry { client, clock: entry.clock, state: entry.state.clone() })
    }

    fn note(&mut self, client: ClientId, origin: Origin) {
        self.changed.push(client);
        self.origin = match self.origin {
            None => Some(origin),
            Some(known) if known == origin => Some(known),
            Some(_) => Some(Origin::Many),
        };
    }

    fn bound_memory(&mut self, now: Instant) {
        if self.gone == 0 {
            return;
        }
        let all = self.gone > GONE_MAX;
        let forget = |entry: &Entry| {
            entry.state.is_none() && entry.owner.is_none() && (all || now.duration_since(entry.seen) > GONE_KEPT)
        };
        let changed = &self.changed;
        let before = self.entries.len();
        self.entries.retain(|client, entry| !forget(entry) || changed.contains(client));
        self.gone -= before - self.entries.len();
    }
}

fn gone(client: ClientId, clock: u64) -> AwarenessEntry {
    AwarenessEntry { client, clock, state: None }
}

/// A state of its own, so that it does not keep the frame alive that it came in.
fn copied(state: &Bytes) -> Bytes {
    Bytes::copy_from_slice(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: ClientId = ClientId(1);
    const OLD: ConnectionId = ConnectionId(10);
    const NEW: ConnectionId = ConnectionId(11);
    const PEER: ConnectionId = ConnectionId(12);

    fn says(clock: u64, state: &'static str) -> Vec<AwarenessEntry> {
        vec![AwarenessEntry {
            client: ADA,
            clock,
            state: (state != "null").then(|| Bytes::from_static(state.as_bytes())),
        }]
    }

    /// Nobody is known to have used any of these clients before.
    fn nobodys(_: ClientId, _: Option<ConnectionId>) -> Whose {
        Whose::Nobodys
    }

    /// A room that is old enough for everybody in it to have come since it opened.
    fn room() -> (Presence, Instant) {
        let opened = Instant::now();
        (Presence::new(opened, 2), opened + YOUNG)
    }

    fn states(presence: &Presence) -> Vec<(u64, Bytes)> {
        presence.everyone(None).into_iter().map(|entry| (entry.clock, entry.state.expect("there"))).collect()
    }

    #[test]
    fn a_state_is_told_to_all_but_its_sender() {
        let (mut presence, now) = room();
        assert_eq!(presence.hear(now, OLD, says(1, "{}"), nobodys), Ok(Heard::default()));
        let change = presence.take_changes().expect("news");
        assert_eq!(change.sole_origin, Some(OLD));
        assert_eq!(change.entries, says(1, "{}"));
        assert_eq!(presence.take_changes(), None);
        presence.hear(now, OLD, says(1, "{\"old\":1}"), nobodys).expect("ignored");
        assert_eq!(presence.take_changes(), None, "an equal clock is no news");
    }

    #[test]
    fn a_closed_socket_takes_its_clients_along_with_an_unchanged_clock() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
        presence.take_changes();
        presence.leave(now, OLD);
        assert_eq!(presence.take_changes().expect("news").entries, says(5, "null"));
        assert!(presence.is_empty());
    }

    #[test]
    fn a_client_that_comes_back_with_its_old_clock_is_asked_to_raise_it() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
        presence.leave(now, OLD);
        let peer = AwarenessEntry { client: ClientId(2), clock: 3, state: Some(Bytes::from_static(b"{}")) };
        presence.hear(now, PEER, vec![peer.clone()], nobodys).expect("heard");
        let heard = presence.hear(now, NEW, says(5, "{}"), nobodys).expect("heard");
        assert_eq!(heard.cures, says(6, "null"));
        assert_eq!(heard.peers, [(PEER, AwarenessEntry { clock: 4, state: None, ..peer })]);
        let heard = presence.hear(now, NEW, says(7, "{}"), nobodys).expect("heard");
        assert_eq!((heard.cures.len(), states(&presence).len()), (0, 2));
    }

    #[test]
    fn in_a_young_room_peers_may_know_a_client_from_before() {
        let opened = Instant::now();
        let mut presence = Presence::new(opened, 2);
        assert_eq!(presence.hear(opened, NEW, says(5, "{}"), nobodys).expect("heard").cures, says(6, "null"));
        assert_eq!(presence.len(), 1);
    }

    #[test]
    fn nobody_speaks_for_somebody_else() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{\"name\":\"Ada\"}"), nobodys).expect("heard");
        presence
            .hear(now, PEER, vec![AwarenessEntry { client: ClientId(2), ..says(1, "{}").remove(0) }], nobodys)
            .expect("heard");
        presence.hear(now, PEER, says(9, "{\"name\":\"Mallory\"}"), nobodys).expect("ignored");
        presence.hear(now, PEER, says(9, "null"), nobodys).expect("ignored");
        presence.hear(now, NEW, says(9, "null"), nobodys).expect("ignored");
        assert!(states(&presence).contains(&(5, Bytes::from_static(b"{\"name\":\"Ada\"}"))));
        presence.leave(now, PEER);
        assert_eq!(states(&presence).len(), 1, "an echo binds nothing to the socket that echoed");
    }

    #[test]
    fn a_viewer_in_a_room_of_two_binds_nothing_by_its_echo() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
        assert_eq!(presence.hear(now, PEER, says(5, "{}"), nobodys), Ok(Heard::default()));
        presence.leave(now, OLD);
        assert!(presence.is_empty());
    }

    #[test]
    fn a_client_without_presence_of_its_own_binds_nothing_by_its_echoes() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
        // npm clients echo what they hear; the first thing that this one says is about two others.
        let other = AwarenessEntry { client: ClientId(2), ..says(1, "{}").remove(0) };
        presence.hear(now, NEW, vec![other.clone()], nobodys).expect("heard");
        let echo = [says(5, "{}"), vec![other]].concat();
        assert_eq!(presence.hear(now, PEER, echo, nobodys), Ok(Heard::default()));
        assert_eq!(presence.hear(now, PEER, says(5, "{}"), nobodys), Ok(Heard::default()));
        presence.leave(now, OLD);
        assert_eq!(states(&presence).len(), 1, "nobody keeps a client alive that is gone");
    }

    #[test]
    fn a_socket_that_takes_over_is_heard_when_the_old_one_is_gone() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
        assert_eq!(presence.hear(now, NEW, says(5, "{}"), nobodys), Ok(Heard::default()), "as an echo would say it");
        let heard = presence.hear(now, NEW, says(6, "{\"new\":1}"), nobodys).expect("heard");
        assert_eq!(heard.challenged, Some(OLD));
        presence.hear(now, NEW, says(7, "{\"new\":2}"), nobodys).expect("heard");
        assert_eq!(states(&presence), [(5, Bytes::from_static(b"{}"))], "not while the old one may live");
        presence.take_changes();
        presence.leave(now, OLD);
        assert_eq!(presence.take_changes().expect("news").entries, says(7, "{\"new\":2}"));
        presence.leave(now, NEW);
        assert!(presence.is_empty());
    }

    #[test]
    fn silence_ends_a_state_and_speaking_brings_it_back() {
        let (mut presence, now) = room();
        presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
        assert_eq!(presence.next_expiry(), Some(now + EXPIRY));
        presence.sweep(now + EXPIRY);
        assert!(presence.is_empty());
        presence.hear(now + EXPIRY, OLD, says(6, "{}"), nobodys).expect("heard");
        assert_eq!(presence.len(), 1);
    }

    #[test]
    fn nobodys_clocks_are_used_up_by_a_leap() {
        let (mut presence, now) = room();
        for leap in [LEAP_MAX + 1, LEAP_MAX + STEP_MAX] {
            assert_eq!(presence.hear(now, PEER, says(leap, "{}"), nobodys), Ok(Heard::default()));
            assert!(presence.is_empty());
        }
        presence.hear(now, PEER, says(LEAP_MAX, "{}"), nobodys).expect("heard");
        presence.hear(now, PEER, says(LEAP_MAX + STEP_MAX + 1, "{}"), nobodys).expect("ignored");
        presence.leave(now, PEER);
        let heard = presence.hear(now, NEW, says(5, "{}"), nobodys).expect("heard");
        assert_eq!(heard.cures, says(LEAP_MAX + 1, "null"));
        presence.hear(now, NEW, says(LEAP_MAX + 2, "{}"), nobodys).expect("heard");
        assert_eq!(presence.len(), 1);
    }

    #[test]
    fn limits_bite() {
        let (mut presence, now) = room();
        assert_eq!(presence.hear(now, OLD, says(1, "{bad"), nobodys), Err(PresenceRefusal::NotJson));
        for client in 1..=2 {
            let entry = AwarenessEntry { client: ClientId(client), ..says(1, "{}").remove(0) };
            presence.hear(now, OLD, vec![entry], nobodys).expect("within the limit");
        }
        let third = AwarenessEntry { client: ClientId(3), ..says(1, "{}").remove(0) };
        assert_eq!(presence.hear(now, OLD, vec![third], nobodys), Err(PresenceRefusal::TooManyClients));
    }

    #[test]
    fn those_who_went_are_forgotten_in_the_end() {
        let (mut presence, now) = room();
        for client in 0..10_000 {
            let entry = AwarenessEntry { client: ClientId(client), ..says(1, "{}").remove(0) };
            presence.hear(now, OLD, vec![entry], nobodys).expect("heard");
            presence.leave(now, OLD);
            presence.take_changes();
        }
        assert!(presence.entries.len() <= GONE_MAX + 1);
        presence.sweep(now + GONE_KEPT * 2);
        assert_eq!((presence.entries.len(), presence.gone), (0, 0));
    }
}
