//! What JSON sockets hear of a room without being asked: who comes and goes, how agents are, and what changed in the document,
//! as pointers and at most as often as each wants. The part of `Room` that speaks to them; it sleeps while there is none.
//! It must never say that nothing changed when something did: what it cannot name it says to read.

mod news;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::attention::Attentions;
use super::effects::{Audience, Effects};
use super::event::request::{Subscription, Values};
use super::event::status::{AgentState, AgentStatus};
use super::event::{self, Changed, CommentChanged, Event, FEATURES, Party, Resync, SocketLimits, Welcome, moment};
use super::id::ConnectionId;
use super::kept::EventSeq;
use super::presence::PresenceChange;
use super::principal::{Principal, PrincipalId, PrincipalKind};
use super::role::Role;
use super::room::Room;
use super::trip::warnings::Warnings;
use super::version::Version;
use super::view::{DocumentView, part};
use news::{News, meet};
use standing::Standing;

/// Documents are compared at most so often, whatever anybody wants.
const COMPARE_EVERY: Duration = Duration::from_millis(250);
/// By default agents hear of changes so often,
const AGENTS_HEAR_EVERY: Duration = Duration::from_secs(1);
/// and people's programs so often.
const PEOPLE_HEAR_EVERY: Duration = Duration::from_millis(250);
/// The most bytes of comments that are told of at once: others are named by `doc.changed` alone.
const COMMENTS_BYTES_MAX: usize = 64 << 10;
/// The most authors of one `doc.changed`.
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
    /// What was told last of each agent that is here.
    statuses: HashMap<PrincipalId, AgentStatus>,
    /// It is time to compare.
    due: bool,
    /// What is odd about the document as it was compared last.
    warnings: Warnings,
    pub(super) attention: Attentions,
    standing: Standing,
}

struct Listener {
    pointers: Vec<String>,
    values: Values,
    /// Nothing: it does not want to hear of changes.
    interval: Option<Duration>,
    by_default: Duration,
    told: Option<Instant>,
    news: News,
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
        self.tell_attention_so_far(connection, effects);
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
        let (pointers, values) = (Vec::new(), Values::default());
        let listener = Listener { pointers, values, interval, by_default, told, news };
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
        (listener.pointers, listener.values) = (wanted.pointers, wanted.values);
        let pointers = std::mem::take(&mut listener.news.pointers);
        listener.news.pointers = pointers.into_iter().filter(|(pointer, _)| listener.wants(pointer)).collect();
    }

    /// A listener lost something that it was sent: what agents say it is told again, the rest it has to read.
    pub(super) fn listener_resyncs(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let version = self.version().to_string();
        let (members, agents) = (self.people().into_values().collect(), self.agents_now());
        let resync = Resync { version: version.clone(), members, agents };
        self.tell_one(connection, &Event::Resync(Box::new(resync)), effects);
        self.tell_attention_so_far(connection, effects);
        if let Some(view) = self.listeners.compared.clone() {
            self.tell_one(connection, &self.warnings(&view), effects);
        }
    }

    /// Whether anybody listens.
    pub(super) fn has_listeners(&self) -> bool {
        !self.listeners.all.is_empty()
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
        self.listeners.standing.changed();
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
        let has_moved = std::mem::take(&mut self.listeners.moved);
        if has_moved {
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
                // What is said once more, so that browsers do not forget it, is nothing new.
                if status.state == AgentState::Offline {
                    self.listeners.statuses.remove(&id);
                } else if self.listeners.statuses.insert(id.clone(), status.clone()).as_ref() == Some(&status) {
                    continue;
                }
                let event = self.encode(&Event::AgentStatus(Box::new(status)), Some(&self.party(&id)));
                events.push((Audience::Everybody, event));
            }
        }
        if has_moved {
            events.extend(self.take_lost_agents());
        }
        change.inspect(|change| self.note_attention(change));
        events.extend(self.take_attention());
        events
    }

    /// Agents that were to be shown again from here, and went before that.
    fn take_lost_agents(&mut self) -> Vec<(Audience, Bytes)> {
        let lost = self.listeners.statuses.keys().filter(|id| !self.is_shown(id));
        let lost: Vec<PrincipalId> = lost.cloned().collect();
        let offline = |id: PrincipalId| {
            self.listeners.statuses.remove(&id);
            let event = Event::AgentStatus(Box::new(AgentStatus::of(AgentState::Offline)));
            (Audience::Everybody, self.encode(&event, Some(&self.party(&id))))
        };
        lost.into_iter().map(offline).collect()
    }

    /// When somebody is to be told where others look.
    pub(super) fn next_attention(&self) -> Option<Instant> {
        self.listeners.attention.next()
    }

    pub(super) fn tell_all(&self, event: &Event, effects: &mut Effects) {
        effects.events.push((Audience::Everybody, self.encode(event, None)));
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
                _ => found.add(String::new(), None),
            }
            self.tell_comments(&found, effects);
            for listener in self.listeners.all.values_mut().filter(|listener| listener.interval.is_some()) {
                listener.hear(&found);
            }
        }
        let version = self.version().to_string();
        let now = self.now;
        let mut told = Vec::new();
        let mut document = None;
        for (connection, listener) in &mut self.listeners.all {
            let Some(interval) = listener.interval else { continue };
            if listener.news.is_empty() || listener.told.is_some_and(|told| now.duration_since(told) < interval) {
                continue;
            }
            listener.told = Some(now);
            told.push((*connection, listener.values, std::mem::take(&mut listener.news)));
        }
        for (connection, values, news) in told {
            let differences = (values == Values::Told).then(|| {
                let view = self.listeners.compared.as_ref();
                let read = || view.map_or(Value::Null, |view| serde_json::from_slice(&view.json).unwrap_or_default());
                news.differences(document.get_or_insert_with(read))
            });
            let News { pointers, more, authors } = news;
            let by = authors.iter().map(|id| id.as_str().to_owned()).collect();
            let pointers = pointers.into_keys().collect();
            let changed = Changed { version: version.clone(), pointers, more, by, changes: differences };
            self.tell_one(connection, &Event::Changed(changed), effects);
        }
    }

    /// Tells everybody of comments that are otherwise than before. Of very many it is said to read the document.
    fn tell_comments(&mut self, found: &News, effects: &mut Effects) {
        let comments = found.pointers.keys().filter_map(|pointer| pointer.strip_prefix("/comments/"));
        let ids: BTreeSet<&str> = comments.filter_map(|rest| rest.split('/').next()).collect();
        let Some(view) = self.listeners.compared.clone().filter(|_| !ids.is_empty()) else { return };
        let comments = part(&view.json, "/comments");
        let comments: HashMap<String, Box<RawValue>> =
            comments.and_then(|comments| serde_json::from_str(comments.get()).ok()).unwrap_or_default();
        let mut bytes = 0;
        for id in ids {
            let id = id.replace("~1", "/").replace("~0", "~");
            bytes += comments.get(&id).map_or(0, |comment| comment.get().len());
            if bytes > COMMENTS_BYTES_MAX {
                break;
            }
            let (comment, version) = (comments.get(&id).cloned(), view.version.to_string());
            self.tell_all(&Event::CommentChanged(CommentChanged { id, comment, version }), effects);
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

    pub(super) fn encode(&self, event: &Event, from: Option<&Party>) -> Bytes {
        event.encode(self.name.as_ref(), self.wall(), from, None)
    }
}

impl Listener {
    fn wants(&self, pointer: &str) -> bool {
        self.pointers.is_empty() || self.pointers.iter().any(|wanted| meet(wanted, pointer))
    }

    fn hear(&mut self, found: &News) {
        let wanted: Vec<_> = found.pointers.iter().filter(|(pointer, _)| self.wants(pointer)).collect();
        if wanted.is_empty() && !found.more {
            return;
        }
        for (pointer, before) in wanted {
            self.news.add(pointer.clone(), before.clone());
        }
        self.news.more |= found.more;
        self.news.authors.extend(found.authors.iter().cloned());
    }
}
