//! Events and latest values that wait for their commit: the part of the ledger that is not rows. The ledger calls it under its
//! lock and keeps the budget. It must never let an event go before a row that was queued earlier, so that nothing speaks
//! of an edit that a crash takes away; and of one latest value it holds one, however often it changes.

use std::collections::{BTreeMap, VecDeque};
use std::mem::size_of;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::room::id::RoomId;
use crate::room::kept::{EventKind, EventPosition, Latest, LatestKey, NewEvent};
use crate::store::Sequence;
use crate::store::life::Life;
use crate::store::log::Progress;
use crate::store::moment::{from_millis, millis};

/// What makes an event in the database this very one: random for each opening of a store, then a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct EventId(pub(in crate::store) [u8; 16]);

/// An event that waits.
#[derive(Debug)]
pub(in crate::store) struct QueuedEvent {
    pub(in crate::store) id: EventId,
    pub(in crate::store) event: NewEvent,
    pub(in crate::store) life: Arc<Life>,
    pub(in crate::store) progress: Arc<Progress>,
    pub(in crate::store) position: EventPosition,
    /// All rows below this were queued before it.
    rows_before: Sequence,
}

/// What a latest value becomes.
#[derive(Debug, Clone)]
pub(in crate::store) struct QueuedLatest {
    pub(in crate::store) life: Arc<Life>,
    pub(in crate::store) kind: EventKind,
    pub(in crate::store) key: LatestKey,
    /// Milliseconds since 1970.
    pub(in crate::store) at: i64,
    /// Nothing: it goes.
    pub(in crate::store) body: Option<Bytes>,
}

/// Those of one commit.
#[derive(Debug, Default)]
pub(in crate::store) struct News {
    /// In the order in which they came.
    pub(in crate::store) events: Vec<QueuedEvent>,
    pub(in crate::store) latest: Vec<QueuedLatest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LatestName {
    room: RoomId,
    kind: EventKind,
    key: LatestKey,
}

/// See the module.
#[derive(Debug)]
pub(in crate::store) struct Waiting {
    events: VecDeque<QueuedEvent>,
    latest: HashMap<LatestName, QueuedLatest>,
    /// Their names, in the order in which the values came first.
    order: VecDeque<LatestName>,
    opening: [u8; 8],
    next_id: u64,
}

/// What an event and a latest value take from the budget beside their bytes.
const EVENT_OVERHEAD: usize = size_of::<QueuedEvent>();
const LATEST_OVERHEAD: usize = size_of::<QueuedLatest>() + 2 * size_of::<LatestName>();

impl QueuedEvent {
    /// By which it is known in its room when it comes again.
    pub(in crate::store) fn origin(&self) -> &[u8] {
        self.event.origin.as_ref().map_or(&self.id.0[..], |origin| origin.as_bytes())
    }
}

impl QueuedLatest {
    pub(in crate::store) fn new(
        life: &Arc<Life>,
        kind: EventKind,
        key: LatestKey,
        at: SystemTime,
        body: Option<Bytes>,
    ) -> Self {
        Self { life: Arc::clone(life), kind, key, at: millis(at), body }
    }

    /// What it takes from the budget.
    pub(in crate::store) fn bytes(&self) -> u64 {
        let names = self.kind.as_str().len() + self.key.as_str().len();
        (LATEST_OVERHEAD + names + self.body.as_ref().map_or(0, Bytes::len)) as u64
    }

    fn name(&self) -> LatestName {
        LatestName { room: self.life.room().clone(), kind: self.kind.clone(), key: self.key.clone() }
    }
}

/// What an event takes from the budget.
pub(in crate::store) fn event_bytes(event: &NewEvent) -> u64 {
    (EVENT_OVERHEAD + event.kind.as_str().len() + event.body.len()) as u64
}

impl News {
    pub(in crate::store) fn len(&self) -> usize {
        self.events.len() + self.latest.len()
    }

    /// The lives that they are of, some more than once.
    pub(in crate::store) fn lives(&self) -> impl Iterator<Item = &Arc<Life>> {
        self.events.iter().map(|event| &event.life).chain(self.latest.iter().map(|latest| &latest.life))
    }

    /// What they take from the budget.
    pub(in crate::store) fn bytes(&self) -> u64 {
        let events: u64 = self.events.iter().map(|event| event_bytes(&event.event)).sum();
        events + self.latest.iter().map(QueuedLatest::bytes).sum::<u64>()
    }
}

impl Waiting {
    pub(in crate::store) fn new() -> Self {
        let mut opening = [0; 8];
        getrandom::fill(&mut opening).expect("the system has randomness");
        Self { events: VecDeque::new(), latest: HashMap::new(), order: VecDeque::new(), opening, next_id: 0 }
    }

    pub(in crate::store) fn len(&self) -> usize {
        self.events.len() + self.latest.len()
    }

    /// Queues an event behind all rows below `rows_before`.
    pub(in crate::store) fn push_event(
        &mut self,
        event: NewEvent,
        life: &Arc<Life>,
        progress: &Arc<Progress>,
        position: EventPosition,
        rows_before: Sequence,
    ) {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.opening);
        id[8..].copy_from_slice(&self.next_id.to_be_bytes());
        self.next_id += 1;
        let (life, progress) = (Arc::clone(life), Arc::clone(progress));
        self.events.push_back(QueuedEvent { id: EventId(id), event, life, progress, position, rows_before });
    }

    /// What waits in the place that `latest` would take, in bytes; nothing when a later value waits there.
    pub(in crate::store) fn replaceable_bytes(&self, latest: &QueuedLatest) -> Option<u64> {
        match self.latest.get(&latest.name()) {
            None => Some(0),
            Some(waiting) => (waiting.at <= latest.at || waiting.life.has_ended()).then(|| waiting.bytes()),
        }
    }

    /// Queues a latest value in the place of the one that waits there.
    pub(in crate::store) fn put_latest(&mut self, latest: QueuedLatest) {
        let name = latest.name();
        if self.latest.insert(name.clone(), latest).is_none() {
            self.order.push_back(name);
        }
    }

    /// The oldest of each: at most `count`, and no more once `bytes` are reached. Of events those that came before the first
    /// row that waits. Says, too, how many bytes the budget gets back of those whose room has ended meanwhile: nobody keeps them.
    pub(in crate::store) fn take(&mut self, first_row: Option<Sequence>, count: usize, bytes: usize) -> (News, u64) {
        let (mut news, mut freed) = (News::default(), 0);
        let mut sum = 0;
        while news.events.len() < count
            && sum < bytes
            && let Some(event) = self.events.pop_front_if(|event| first_row.is_none_or(|row| event.rows_before <= row))
        {
            if event.life.has_ended() {
                freed += event_bytes(&event.event);
                continue;
            }
            sum += event.event.body.len();
            news.events.push(event);
        }
        sum = 0;
        while news.latest.len() < count
            && sum < bytes
            && let Some(name) = self.order.pop_front()
        {
            let latest = self.latest.remove(&name).expect("a name in the order has a value");
            if latest.life.has_ended() {
                freed += latest.bytes();
                continue;
            }
            sum += latest.body.as_ref().map_or(0, Bytes::len);
            news.latest.push(latest);
        }
        (news, freed)
    }

    /// Forgets what is of this room, and says how many bytes that took from the budget.
    pub(in crate::store) fn forget(&mut self, room: &RoomId) -> u64 {
        let mut freed = 0;
        self.events.retain(|event| {
            let stays = event.life.room() != room;
            freed += if stays { 0 } else { event_bytes(&event.event) };
            stays
        });
        self.order.retain(|name| name.room != *room);
        self.latest.retain(|name, latest| {
            let stays = name.room != *room;
            freed += if stays { 0 } else { latest.bytes() };
            stays
        });
        freed
    }

    /// The latest values that wait.
    pub(in crate::store) fn latest(&self) -> impl Iterator<Item = &QueuedLatest> {
        self.latest.values()
    }
}

/// Latest values as they will be once those that wait are written, in the order of their kinds and keys.
pub(in crate::store) fn merge(stored: Vec<Latest>, unsaved: Vec<QueuedLatest>) -> Vec<Latest> {
    let named = |latest: Latest| ((latest.kind.clone(), latest.key.clone()), latest);
    let mut values: BTreeMap<_, _> = stored.into_iter().map(named).collect();
    for QueuedLatest { kind, key, at, body, .. } in unsaved {
        let (name, at) = ((kind.clone(), key.clone()), from_millis(at));
        if values.get(&name).is_some_and(|stored| stored.at > at) {
            continue;
        }
        match body {
            Some(body) => _ = values.insert(name, Latest { kind, key, at, body }),
            None => _ = values.remove(&name),
        }
    }
    values.into_values().collect()
}
