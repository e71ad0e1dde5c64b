//! All live rooms of this process and the way into them. Sessions enter a room here and hold a lease of it; each room
//! has one task that owns it. The hub must never hold up one room for another.

pub mod alarm;
mod beginning;
mod deleting;
pub mod fanout;
pub mod feed;
pub mod follower;
pub mod lane;
mod leaving;
pub mod line;
mod loading;
pub mod mail;
pub mod members;
mod opening;
pub mod outbox;
pub mod pace;
mod pulse;
pub mod registry;
mod retaining;
pub mod saving;
pub mod suggesting;
mod task;
pub mod undoing;
pub mod visit;
mod visitors;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot, watch};

use crate::bus::Bus;
use crate::room::event::Fault;
use crate::room::id::RoomId;
use crate::room::region::Region;
use crate::room::room::RoomLimits;
use crate::store::{Retention, Store};
use crate::telemetry::Metrics;
use crate::wire::close::CloseReason;
use deleting::Deleting;
use lane::Lane;
use mail::Mail;
use members::Patience;
use registry::{Lease, Limits, Registry};
use saving::CompactionTriggers;

/// What the hub has to know.
#[derive(Debug, Clone, Copy)]
pub struct HubOptions {
    /// How many rooms, and how much mail for each.
    pub limits: Limits,
    /// Limits of one room.
    pub room: RoomLimits,
    /// How long a room without connections stays in memory.
    pub room_idle: Duration,
    /// How long connections may be silent or slow.
    pub patience: Patience,
    /// The store's budget for what is unsaved, in bytes.
    pub unsaved_budget: u64,
    /// When a room's log is folded.
    pub compaction: CompactionTriggers,
    /// How much of a room's log of events is kept.
    pub retention: Retention,
    /// Bytes of what is taken back of an agent at once.
    pub undo_bytes: usize,
    /// Cores to use for heavy work.
    pub cores: usize,
}

/// All live rooms. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) registry: Registry,
    deleting: Deleting,
    pub(crate) store: Store,
    /// The way to other nodes, when there can be any.
    pub(crate) bus: Option<Bus>,
    pub(crate) lane: Lane,
    pub(crate) options: HubOptions,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: watch::Sender<Option<Arc<Drain>>>,
    connections: AtomicUsize,
    /// Rooms that open.
    openings: broadcast::Sender<RoomId>,
}

/// How connections are sent away: not all at once, because old clients come back without jitter.
pub(crate) struct Drain {
    started: Instant,
    step: Duration,
    places: AtomicU64,
}

impl Drain {
    /// When the next connection that asks is to be closed.
    pub(crate) fn next_place(&self) -> Instant {
        let place = self.places.fetch_add(1, Ordering::Relaxed);
        self.started + self.step.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX))
    }
}

/// Why a room cannot be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnterError {
    /// There are too many rooms.
    #[error(transparent)]
    TooManyRooms(#[from] registry::TooManyRooms),
    /// The server is going away.
    #[error("the server is going away")]
    Draining,
    /// The room of this name is being deleted; another one may be made when that is done.
    #[error("the room of this name is being deleted, try again")]
    Deleting,
}

/// Openings that may wait for whoever follows them.
const OPENINGS: usize = 4_096;

/// What a node is to a room that several have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The one that does what only one is to do.
    First,
    /// One of the others.
    Other,
}

impl From<EnterError> for Fault {
    fn from(error: EnterError) -> Self {
        Self::new("try_again", format!("{error}.")).later()
    }
}

/// Counts one socket for as long as it is held.
pub struct Counted(Arc<Shared>);

impl Hub {
    /// A hub without rooms. Must be called within a runtime.
    pub fn new(store: Store, bus: Option<Bus>, options: HubOptions, metrics: Metrics) -> Self {
        let shared = Shared {
            registry: Registry::new(),
            deleting: Deleting::default(),
            store,
            bus,
            lane: Lane::new(options.cores),
            options,
            metrics: Arc::new(metrics),
            drain: watch::Sender::new(None),
            connections: AtomicUsize::new(0),
            openings: broadcast::channel(OPENINGS).0,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes a lease of a room, opening it when it is not live.
    pub fn enter(&self, room: &RoomId) -> Result<Lease, EnterError> {
        if self.is_draining() {
            return Err(EnterError::Draining);
        }
        if self.shared.deleting.has(room) {
            return Err(EnterError::Deleting);
        }
        let mut visits = &self.shared.metrics.visits_live;
        let open = |opening| {
            visits = &self.shared.metrics.visits_opened;
            opening::start(Arc::clone(&self.shared), room.clone(), opening);
        };
        let lease = self.shared.registry.lease(room, self.shared.options.limits, open)?;
        visits.increment(1);
        // A deletion that began before the lease was there did not see it.
        if self.shared.deleting.has(room) { Err(EnterError::Deleting) } else { Ok(lease) }
    }

    /// The same name, which is kept once for all who have a live room open.
    pub fn name(&self, room: &RoomId) -> RoomId {
        self.shared.registry.name(room)
    }

    /// Counts one more socket, if there may be one.
    pub fn connect(&self, most: usize) -> Option<Counted> {
        let counted = self
            .shared
            .connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < most).then_some(count + 1));
        counted.ok()?;
        self.shared.metrics.connections.increment(1.0);
        Some(Counted(Arc::clone(&self.shared)))
    }

    /// The lane for heavy work.
    pub fn lane(&self) -> &Lane {
        &self.shared.lane
    }

    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// How many rooms are live.
    pub fn rooms(&self) -> usize {
        self.shared.registry.len()
    }

    /// How many sockets are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The region of this node, when it says where it is.
    pub fn region(&self) -> Option<&Region> {
        self.shared.bus.as_ref().and_then(Bus::region)
    }

    /// The rooms that open from now on.
    pub fn openings(&self) -> broadcast::Receiver<RoomId> {
        self.shared.openings.subscribe()
    }

    /// Whether this node is the first of those that have a room open. Of a room that is closed here it is.
    pub async fn standing(&self, room: &RoomId) -> Standing {
        let Some(mailbox) = self.shared.registry.mailbox(room) else { return Standing::First };
        let (reply, standing) = oneshot::channel();
        // A room that failed at this moment is closed.
        let _ = mailbox.send(Box::new(Mail::Standing(reply))).await;
        standing.await.unwrap_or(Standing::First)
    }

    /// Whether the hub is being emptied.
    pub fn is_draining(&self) -> bool {
        self.shared.drain.borrow().is_some()
    }

    /// Returns when the hub is being emptied.
    pub async fn drains(&self) {
        // The sender is the hub's own.
        let _ = self.shared.drain.subscribe().wait_for(Option::is_some).await;
    }

    /// Lets nobody in any more and sends everybody away, spread over `spread`; returns when all rooms are closed with
    /// everything in them durable, which a failing store can delay for ever.
    pub async fn drain(&self, spread: Duration) {
        let connections = u32::try_from(self.connections()).unwrap_or(u32::MAX).max(1);
        // A few connections need no spreading.
        let step = (spread / connections).min(Duration::from_millis(2));
        let drain = Drain { started: Instant::now(), step, places: AtomicU64::new(0) };
        self.shared.drain.send_replace(Some(Arc::new(drain)));
        // Each room's task holds a receiver from its start to its end.
        self.shared.drain.closed().await;
    }
}

impl Counted {
    /// Notes why the socket was closed.
    pub fn closed(self, reason: CloseReason) {
        self.0.metrics.closed(reason);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.connections.decrement(1.0);
    }
}
