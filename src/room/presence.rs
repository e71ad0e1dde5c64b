//! Who is in the room: the awareness states of its clients, each with the connection that speaks for it.
//! Owned by `Room`. Rules of npm `y-protocols/awareness.js`, hardened: a connection speaks only for the client ids
//! that it introduced and that are nobody else's, a state that is not JSON never reaches a browser, and what is said for
//! others (clients echo what they hear) changes nothing.

mod elsewhere;
mod news;

use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::id::ConnectionId;
use crate::wire::awareness::{AwarenessEntry, ClientId, is_json};
use news::{News, Origin};

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
    /// Boxed, because a map has room for more than are in it.
    entries: HashMap<ClientId, Box<Entry>>,
    /// The clients that each connection speaks for.
    owned: HashMap<ConnectionId, SmallVec<[ClientId; 1]>>,
    /// The client that a connection would speak for, if the one that does were gone.
    claims: HashMap<ConnectionId, ClientId>,
    /// How many entries are of clients that went.
    gone: usize,
    news: News,
    /// Clients of this node of which other nodes have not heard what is new.
    unshared: Vec<ClientId>,
    opened: Instant,
    clients_per_connection: usize,
}

#[derive(Debug)]
struct Entry {
    clock: u64,
    /// Nothing: the client is gone, and its clock is remembered.
    state: Option<Bytes>,
    owner: Option<ConnectionId>,
    claim: Option<Box<Claim>>,
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
    /// A client that came back, or from another node, and knows those who are connected elsewhere from before.
    pub returned: Option<ClientId>,
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
            news: News::default(),
            unshared: Vec::new(),
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
                (Whose::Others, Some(_)) => continue,
                // Whoever it is back then takes it back; only its clocks must be left.
                (Whose::Others, None) if entry.clock > LEAP_MAX => continue,
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
            // A clock of 0 has said nothing yet that others could have heard before.
            if introduces && said.clock > 0 && now.duration_since(self.opened) < YOUNG {
                heard.returned = Some(said.client);
                heard.cures.push(gone(said.client, said.clock + 1));
            }
            return Ok(());
        };
        if known.owner.is_some_and(ConnectionId::is_node) {
            self.hear_moved(now, from, (said.client, said.clock), &state, manner, heard)?;
            return Ok(());
        }
        if let Some(owner) = known.owner {
            // What has the clock that others were told is an echo. A client that is really there raises it.
            let claims = self.owned[&from].is_empty() && self.claims.get(&from).is_none_or(|id| *id == said.client);
            if claims && said.clock > known.clock && is_json(&state) {
                self.claims.insert(from, said.client);
                if known.claim.as_ref().is_none_or(|claim| claim.by != from) {
                    heard.challenged = Some(owner);
                }
                known.claim = Some(Box::new(Claim { by: from, clock: said.clock, state: copied(&state) }));
            }
            return Ok(());
        }
        if said.clock > known.clock {
            self.introduce(now, from, said.client, said.clock, &state)?;
        } else if introduces || whose != Whose::Nobodys {
            heard.cures.push(gone(said.client, known.clock + 1));
        }
        if introduces && heard.returned.is_none() {
            heard.returned = Some(said.client);
            heard.peers = self.ask_peers(from);
        }
        Ok(())
    }

    /// What makes every other connection here raise the clocks of its clients.
    fn ask_peers(&self, except: ConnectionId) -> Vec<(ConnectionId, AwarenessEntry)> {
        if self.len() > PEERS_ASKED_MAX {
            return Vec::new();
        }
        let alive = self.entries.iter().filter(|(_, entry)| entry.state.is_some());
        alive
            .filter_map(|(client, entry)| Some((entry.owner?, gone(*client, entry.clock + 1))))
            .filter(|(owner, _)| *owner != except && !owner.is_node())
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
        if self.entries.insert(client, Box::new(entry)).is_some_and(|known| known.state.is_none()) {
            self.gone -= 1;
        }
        self.owned.entry(from).or_default().push(client);
        self.unshared.push(client);
        self.news.note(client, Origin::One(from));
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
        self.unshared.push(said.client);
        self.news.note(said.client, Origin::One(from));
        Ok(())
    }

    /// The room itself says how a client is that stands for whoever is here by `speaker`. Its clock is `least` at least:
    /// browsers remember what they saw before a restart, and take no notice of a lower one.
    pub fn put(&mut self, now: Instant, speaker: ConnectionId, (client, least): (ClientId, u64), state: Bytes) {
        let known = self.entries.get(&client);
        let (clock, owner) = known.map_or((0, None), |known| (known.clock + 1, known.owner));
        let clock = clock.max(least);
        let was_gone = known.is_some_and(|known| known.state.is_none());
        if owner != Some(speaker) {
            self.disown(owner, client);
            self.owned.entry(speaker).or_default().push(client);
        }
        let entry = Entry { clock, state: Some(state), owner: Some(speaker), claim: None, seen: now };
        if let Some(claim) = self.entries.insert(client, Box::new(entry)).and_then(|before| before.claim) {
            self.claims.remove(&claim.by);
        }
        self.gone -= usize::from(was_gone);
        self.unshared.push(client);
        self.news.note(client, Origin::Many);
    }

    /// Another connection of the same principal speaks for a client from now on.
    pub fn hand_over(&mut self, client: ClientId, from: ConnectionId, to: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(&client).filter(|entry| entry.owner == Some(from)) {
            entry.owner = Some(to);
            self.disown(Some(from), client);
            self.owned.entry(to).or_default().push(client);
        }
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
            self.unshared.push(client);
            self.news.note(client, Origin::Many);
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
                    self.unshared.push(client);
                    self.news.note(client, Origin::One(claim.by));
                }
                continue;
            }
            entry.owner = None;
            entry.seen = now;
            if entry.state.take().is_some() {
                self.gone += 1;
                self.news.note(client, Origin::Many);
                if !connection.is_node() {
                    self.unshared.push(client);
                }
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
            if !entry.owner.is_some_and(ConnectionId::is_node) {
                self.unshared.push(client);
            }
            self.news.note(client, Origin::Many);
        }
        self.bound_memory(now);
    }

    /// When `sweep` has something to do, at the earliest.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.entries.values().filter(|entry| entry.state.is_some()).map(|entry| entry.seen + EXPIRY).min()
    }

    /// What changed since this was last asked, for everybody.
    pub fn take_changes(&mut self) -> Option<PresenceChange> {
        let (clients, origin) = self.news.take()?;
        let sole_origin = match origin {
            Origin::One(connection) => Some(connection),
            Origin::Many => None,
        };
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

    /// What a client shows.
    pub fn state_of(&self, client: ClientId) -> Option<&Bytes> {
        self.entries.get(&client)?.state.as_ref()
    }

    fn said_of(&self, client: ClientId) -> Option<AwarenessEntry> {
        let entry = self.entries.get(&client)?;
        Some(AwarenessEntry { client, clock: entry.clock, state: entry.state.clone() })
    }

    fn bound_memory(&mut self, now: Instant) {
        if self.gone == 0 {
            return;
        }
        let all = self.gone > GONE_MAX;
        let forget = |entry: &Entry| {
            entry.state.is_none() && entry.owner.is_none() && (all || now.duration_since(entry.seen) > GONE_KEPT)
        };
        let news = &self.news;
        let before = self.entries.len();
        self.entries.retain(|client, entry| !forget(entry) || news.are_of(*client));
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
mod tests;
