//! What JSON sockets hear of a room without being asked: who comes and goes, how agents are, and what changed in the document,
//! as pointers and at most as often as each wants. The part of `Room` that speaks to them; it sleeps while there is none.
//! It must never say that nothing changed when something did: what it cannot name it says to read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

use super::effects::{Audience, Effects};
use super::event::request::Subscription;
use super::event::{self, Changed, Event, FEATURES, Party, Resync, SocketLimits, Welcome, moment};
use super::id::ConnectionId;
use super::kept::EventSeq;
use super::presence::PresenceChange;
use super::principal::{Principal, PrincipalId, PrincipalKind};
use super::role::Role;
use super::room::Room;
use super::trip::warnings::Warnings;
use super::version::Version;
use super::view::DocumentView;

/// Documents are compared at most so often, whatever anybody wants.
const COMPARE_EVERY: Duration = Duration::from_millis(250);
/// By default agents hear of changes so often,
const AGENTS_HEAR_EVERY: Duration = Duration::from_secs(1);
/// and people's programs so often.
const PEOPLE_HEAR_EVERY: Duration = Duration::from_millis(250);
/// The most pointers of one `doc.changed`.
const POINTERS_MAX: usize = 200;
/// And the most bytes of one of them.
const POINTER_BYTES_MAX: usize = 1_024;
/// The most authors of one.
const AUTHORS_MAX: usize = 32;

/// What a client is told first that the room does not know.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Its role.
    pub role: Role,
    /// How much it may say.
    pub limits: SocketLimits,
    /// The server says something at least so often.
    pub heartbeat: Duration,
    /// When its token ends.
    pub expires_at: Option<Timestamp>,
    /// The region of this node.
    pub region: Option<String>,
    /// Kept events behind this one follow; those that come, if it is left open.
    pub cursor: Option<EventSeq>,
}

/// Whether anybody hears of the room's events without a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ears {
    /// Somebody does.
    Some,
    /// Nobody does.
    None,
}

/// See the module. Owned by `Room`.
#[derive(Default)]
pub(super) struct Listeners {
    all: HashMap<ConnectionId, Listener>,
    /// Those who are here, as they were told of last.
    people: BTreeMap<PrincipalId, Party>,
    /// Somebody may have come or gone since.
    moved: bool,
    /// The document's version when the first listener came, until it is known what was in that.
    welcomed: Option<Version>,
    /// The document, as it was compared last.
    compared: Option<Arc<DocumentView>>,
    compared_at: Option<Instant>,
    /// It is another one since.
    changed: bool,
    authors: BTreeSet<PrincipalId>,
    /// It is time to compare.
    due: bool,
    /// What is odd about the document as it was compared last.
    warnings: Warnings,
}

struct Listener {
    pointers: Vec<String>,
    /// Nothing: it does not want to hear of changes.
    interval: Option<Duration>,
    by_default: Duration,
    told: Option<Instant>,
    news: News,
}

/// What a listener has not heard of yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct News {
    pointers: BTreeSet<String>,
    more: bool,
    authors: BTreeSet<PrincipalId>,
}

impl Room {
    /// Somebody has come by a JSON socket.
    pub(super) fn listener_comes(
        &mut self,
        connection: ConnectionId,
        principal: &Arc<Principal>,
        greeting: &Greeting,
        effects: &mut Effects,
    ) {
        self.agent_comes(connection, principal);
        let is_agent = principal.id.kind() == PrincipalKind::Agent;
        let by_default = if is_agent { AGENTS_HEAR_EVERY } else { PEOPLE_HEAR_EVERY };
        self.listen_from_now(connection, by_default);
        let mut members = self.people();
        members.insert(principal.id.clone(), Party::from(&**principal));
        let Greeting { role, limits, heartbeat, expires_at, region, cursor } = greeting;
        let welcome = Welcome {
            me: Party::from(&**principal),
            role: role.as_str(),
            consumer: if is_agent { "agent" } else { "person" },
            members: members.into_values().collect(),
            agents: self.agents_now(),
            version: self.version().to_string(),
            cursor: cursor.unwrap_or_else(|| self.last_event()).0.to_string(),
            features: FEATURES,
            limits: *limits,
            heartbeat_ms: u64::try_from(heartbeat.as_millis()).unwrap_or(u64::MAX),
            expires_at: expires_at.map(moment),
            region: region.clone(),
            server_version: env!("CARGO_PKG_VERSION"),
        };
        self.tell_one(connection, &Event::Welcome(Box::new(welcome)), effects);
        self.tell_outputs_so_far(connection, effects);
        if let Some(view) = self.listeners.compared.clone()
            && !self.listeners.warnings.current().is_empty()
        {
            self.tell_one(connection, &self.warnings(&view), effects);
        }
    }

    /// Somebody hears of the room's events without a socket, or nobody does any more. However many they are, they hear the
    /// same.
    pub fn hear_headless(&mut self, ears: Ears) {
        match ears {
            Ears::Some if !self.listeners.all.contains_key(&ConnectionId::HEADLESS) => {
                let interval = PEOPLE_HEAR_EVERY;
                self.listen_from_now(ConnectionId::HEADLESS, interval);
            }
            Ears::Some => {}
            Ears::None => self.listener_goes(ConnectionId::HEADLESS),
        }
    }

    fn listen_from_now(&mut self, connection: ConnectionId, by_default: Duration) {
        let (interval, told, news) = (Some(by_default), None, News::default());
        if self.listeners.all.is_empty() {
            self.listeners.people = self.people();
            // What is dear is not done in a turn.
            (self.listeners.welcomed, self.listeners.due) = (Some(self.version()), true);
        }
        let listener = Listener { pointers: Vec::new(), interval, by_default, told, news };
        self.listeners.all.insert(connection, listener);
        self.listeners.moved = true;
    }

    /// A connection is gone, perhaps a listener.
    pub(super) fn listener_goes(&mut self, connection: ConnectionId) {
        if self.listeners.all.remove(&connection).is_some() && self.listeners.all.is_empty() {
            self.listeners = Listeners::default();
        }
        self.listeners.moved = true;
    }

    /// A listener wants to hear of other changes, or otherwise often.
    pub(super) fn listener_subscribes(&mut self, connection: ConnectionId, wanted: Subscription) {
        let Some(listener) = self.listeners.all.get_mut(&connection) else { return };
        listener.interval = match wanted.interval_ms {
            None => Some(listener.by_default),
            Some(0) => None,
            Some(interval) => Some(Duration::from_millis(interval).max(COMPARE_EVERY)),
        };
        listener.pointers = wanted.pointers;
        let pointers = std::mem::take(&mut listener.news.pointers);
        listener.news.pointers = pointers.into_iter().filter(|pointer| listener.wants(pointer)).collect();
    }

    /// A listener lost something that it was sent: what agents say it is told again, the rest it has to read.
    pub(super) fn listener_resyncs(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let version = self.version().to_string();
        let (members, agents) = (self.people().into_values().collect(), self.agents_now());
        let resync = Resync { version: version.clone(), members, agents };
        self.tell_one(connection, &Event::Resync(Box::new(resync)), effects);
        if let Some(view) = self.listeners.compared.clone() {
            self.tell_one(connection, &self.warnings(&view), effects);
        }
    }

    /// Whether a connection is a JSON socket.
    pub(super) fn has_listener(&self, connection: ConnectionId) -> bool {
        self.listeners.all.contains_key(&connection)
    }

    /// Somebody may have come or gone.
    pub(super) fn people_move(&mut self) {
        self.listeners.moved = true;
    }

    /// The document has changed, by somebody if that is known.
    pub(super) fn note_author(&mut self, by: Option<&PrincipalId>) {
        if self.listeners.all.is_empty() {
            return;
        }
        self.listeners.changed = true;
        if let Some(by) = by.filter(|_| self.listeners.authors.len() < AUTHORS_MAX) {
            self.listeners.authors.insert(by.clone());
        }
    }

    /// What is new for listeners beside the document.
    pub fn take_events(&mut self, change: Option<&PresenceChange>) -> Vec<(Audience, Bytes)> {
        let mut events = Vec::new();
        if self.listeners.all.is_empty() {
            return events;
        }
        if std::mem::take(&mut self.listeners.moved) {
            let now = self.people();
            let before = std::mem::replace(&mut self.listeners.people, now.clone());
            let joined = now.iter().filter(|(id, _)| !before.contains_key(*id));
            let left = before.iter().filter(|(id, _)| !now.contains_key(*id));
            let joined = joined.map(|(_, party)| Event::MemberJoined(party.clone()));
            let left = left.map(|(_, party)| Event::MemberLeft(party.clone()));
            events.extend(joined.chain(left).map(|event| (Audience::Everybody, self.encode(&event, None))));
        }
        for entry in change.map_or(&[][..], |change| &change.entries) {
            if let Some((id, status)) = self.agent_in(entry.client, entry.state.as_ref()) {
                let event = self.encode(&Event::AgentStatus(Box::new(status)), Some(&self.party(&id)));
                events.push((Audience::Everybody, event));
            }
        }
        events
    }

    fn people(&self) -> BTreeMap<PrincipalId, Party> {
        let here = self.who_is_here().into_iter();
        here.map(|present| (present.principal.id.clone(), Party::from(&*present.principal))).collect()
    }

    /// Time passes: what changed may be told now.
    pub(super) fn listen(&mut self, now: Instant) {
        if self.next_hearing().is_some_and(|due| due <= now) {
            self.listeners.due = true;
        }
    }

    /// When `listen` has something to do.
    pub fn next_hearing(&self) -> Option<Instant> {
        let Listeners { all, compared_at, changed, due, .. } = &self.listeners;
        if *due {
            return None;
        }
        let told = |listener: &Listener| {
            let interval = listener.interval?;
            Some(listener.told.map_or(self.now, |told| told + interval))
        };
        let waiting = all.values().filter(|listener| listener.interval.is_some() && !listener.news.is_empty());
        let waiting = waiting.filter_map(told).min();
        let wants = all.values().filter(|listener| listener.interval.is_some());
        // Whoever wants to hear nothing of changes hears of warnings all the same.
        let latest = compared_at.map_or(self.now, |at| at + AGENTS_HEAR_EVERY);
        let compare = changed.then(|| wants.filter_map(told).min().map_or(latest, |due| due.min(latest)));
        let earliest = compared_at.map_or(self.now, |at| at + COMPARE_EVERY);
        waiting.into_iter().chain(compare.map(|due| due.max(earliest))).min()
    }

    /// Whether the document is to be compared with what listeners know.
    pub(super) fn has_hearing(&self) -> bool {
        self.listeners.due
    }

    /// Compares the document with what it was, and tells those whose time has come.
    pub(super) fn hold_hearing(&mut self, effects: &mut Effects) {
        self.listeners.due = false;
        if let Some(welcomed) = self.listeners.welcomed.take() {
            self.listeners.compared = self.view().ok();
            self.listeners.changed = false;
            self.warn(effects);
            if self.version() != welcomed {
                let unknown =
                    News { more: true, authors: std::mem::take(&mut self.listeners.authors), ..News::default() };
                self.listeners.all.values_mut().for_each(|listener| listener.hear(&unknown));
            }
        }
        if std::mem::take(&mut self.listeners.changed) {
            self.listeners.compared_at = Some(self.now);
            let view = self.view().ok();
            let before = std::mem::replace(&mut self.listeners.compared, view.clone());
            self.warn(effects);
            let mut found = News { authors: std::mem::take(&mut self.listeners.authors), ..News::default() };
            match (before, view) {
                (Some(before), Some(after)) => found.compare(&before, &after),
                (None, None) => found.more = true,
                _ => found.add(String::new()),
            }
            for listener in self.listeners.all.values_mut().filter(|listener| listener.interval.is_some()) {
                listener.hear(&found);
            }
        }
        let version = self.version().to_string();
        let now = self.now;
        let mut told = Vec::new();
        for (connection, listener) in &mut self.listeners.all {
            let Some(interval) = listener.interval else { continue };
            if listener.news.is_empty() || listener.told.is_some_and(|told| now.duration_since(told) < interval) {
                continue;
            }
            listener.told = Some(now);
            told.push((*connection, std::mem::take(&mut listener.news)));
        }
        for (connection, News { pointers, more, authors }) in told {
            let by = authors.iter().map(|id| id.as_str().to_owned()).collect();
            let changed = Changed { version: version.clone(), pointers: pointers.into_iter().collect(), more, by };
            self.tell_one(connection, &Event::Changed(changed), effects);
        }
    }

    /// Tells everybody what is odd about the trip, when that is something else than before.
    fn warn(&mut self, effects: &mut Effects) {
        let Some(view) = self.listeners.compared.clone() else { return };
        let roots: Map<String, Value> = serde_json::from_slice(&view.json).unwrap_or_default();
        if self.listeners.warnings.refresh(&roots).is_some() {
            let event = self.encode(&self.warnings(&view), None);
            effects.events.push((Audience::Everybody, event));
        }
    }

    fn warnings(&self, view: &DocumentView) -> Event {
        let warnings = self.listeners.warnings.current().to_vec();
        Event::Warnings(event::Warnings { version: view.version.to_string(), warnings })
    }

    fn tell_one(&self, connection: ConnectionId, event: &Event, effects: &mut Effects) {
        effects.events.push((Audience::One(connection), self.encode(event, None)));
    }

    fn encode(&self, event: &Event, from: Option<&Party>) -> Bytes {
        event.encode(self.name.as_ref(), self.wall(), from, None)
    }
}

impl Listener {
    fn wants(&self, pointer: &str) -> bool {
        self.pointers.is_empty() || self.pointers.iter().any(|wanted| meet(wanted, pointer))
    }

    fn hear(&mut self, found: &News) {
        let wanted: Vec<String> = found.pointers.iter().filter(|pointer| self.wants(pointer)).cloned().collect();
        if wanted.is_empty() && !found.more {
            return;
        }
        for pointer in wanted {
            self.news.add(pointer);
        }
        self.news.more |= found.more;
        self.news.authors.extend(found.authors.iter().cloned());
    }
}

/// Whether one of two pointers leads to the other.
fn meet(one: &str, other: &str) -> bool {
    let leads =
        |to: &str, from: &str| to.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    leads(one, other) || leads(other, one)
}

impl News {
    fn is_empty(&self) -> bool {
        self.pointers.is_empty() && !self.more
    }

    fn add(&mut self, pointer: String) {
        if self.pointers.len() < POINTERS_MAX && pointer.len() <= POINTER_BYTES_MAX {
            self.pointers.insert(pointer);
        } else if !self.pointers.contains(&pointer) {
            self.more = true;
        }
    }

    fn compare(&mut self, before: &DocumentView, after: &DocumentView) {
        if before.json == after.json {
            // Something that JSON does not show.
            self.more |= before.version != after.version;
            return;
        }
        let read = |view: &DocumentView| serde_json::from_slice::<Value>(&view.json);
        match (read(before), read(after)) {
            (Ok(before), Ok(after)) => self.difference(&mut PointerBuf::new(), &before, &after),
            // It is written by ourselves; deeper than a reader goes it cannot be.
            _ => self.add(String::new()),
        }
    }

    fn difference(&mut self, at: &mut PointerBuf, before: &Value, after: &Value) {
        if before == after || self.more {
            return;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (key, value) in after {
                    at.push_back(key);
                    match before.get(key) {
                        Some(old) => self.difference(at, old, value),
                        None => self.add(at.to_string()),
                    }
                    at.pop_back();
                }
                for key in before.keys().filter(|key| !after.contains_key(*key)) {
                    at.push_back(key);
                    self.add(at.to_string());
                    at.pop_back();
                }
            }
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (index, (old, value)) in before.iter().zip(after).enumerate() {
                    at.push_back(index);
                    self.difference(at, old, value);
                    at.pop_back();
                }
            }
            _ => self.add(at.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn difference(before: &Value, after: &Value) -> Vec<String> {
        let mut news = News::default();
        news.difference(&mut PointerBuf::new(), before, after);
        news.pointers.into_iter().collect()
    }

    #[test]
    fn what_changed_is_named_as_deep_as_it_goes() {
        let before = json!({"items": {"a": {"title": "x", "tags": [1, 2]}, "b": {}}, "notes": "n", "a/b~c": 1});
        let after = json!({"items": {"a": {"title": "y", "tags": [1, 3]}, "c": {}}, "notes": "nn", "a/b~c": 2});
        let found = difference(&before, &after);
        assert_eq!(found, ["/a~1b~0c", "/items/a/tags/1", "/items/a/title", "/items/b", "/items/c", "/notes"]);
        assert!(difference(&after, &after).is_empty());
    }

    #[test]
    fn too_much_is_said_to_be_read() {
        let many = |value: u32| Value::Object((0..500).map(|key| (key.to_string(), json!(value))).collect());
        let mut news = News::default();
        news.difference(&mut PointerBuf::new(), &many(1), &many(2));
        assert!(news.more && news.pointers.len() == POINTERS_MAX);
    }

    #[test]
    fn pointers_meet_above_and_below_and_not_beside() {
        for (one, other, met) in [
            ("/items", "/items/a", true),
            ("/items/a/day", "/items/a", true),
            ("/items", "/itemset", false),
            ("", "/x", true),
        ] {
            assert_eq!(meet(one, other), met, "{one} {other}");
        }
    }
}
