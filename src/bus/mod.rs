//! Between nodes: what one says about a room reaches all others that have it open, and each knows which others live.
//! The hub takes a [`Seat`] for each open room; `server` makes the bus and wires announcements to whom they concern.
//! A message may be lost on the way, and then whoever misses it is told (`seat`); the bus itself never waits for anybody,
//! keeps nothing, and must never look into a document.
//!
//! `envelope` is the wire format, `seats` hands out what comes, `roll` knows who lives and whether messages really arrive.
//! The wire is `redis`, or `local` between servers of one process.

pub mod announcement;
mod beating;
mod envelope;
pub mod local;
pub mod redis;
mod roll;
mod seat;
mod seats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

pub use announcement::Announcement;
pub use envelope::ClusterId;
pub use roll::BusHealth;
use seat::Life;
pub use seat::Seat;

use crate::room::id::RoomId;
use crate::room::node::{NodeId, Recipient};
use crate::room::region::Region;
use envelope::{Body, Envelope, EnvelopeError};
use roll::Roll;
use seats::Seats;

/// Announcements that may wait for those who act on them; who falls behind looks at everything anew.
const ANNOUNCEMENTS: usize = 1_024;
/// How long an opening room waits until it hears others; without, it is told later that it may have missed something.
const SUBSCRIBE_PATIENCE: Duration = Duration::from_secs(1);

/// The way to the other nodes. A cheap handle.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
    /// Ends with the last handle.
    beating: Arc<Beating>,
}

struct Shared {
    cluster: ClusterId,
    node: NodeId,
    region: Option<Region>,
    wire: Wire,
    seats: Seats,
    roll: Roll,
    announcements: broadcast::Sender<Heard>,
    /// Numbers the lives of this node's rooms; 0 is the node's own.
    lives: AtomicU64,
    /// Somebody was told that another cluster uses the same channels.
    foreigners: AtomicBool,
    /// Numbers what the node says outside of rooms.
    said: AtomicU64,
}

/// What a node hears that is about no open room in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Another node announces something.
    Announced(Announcement),
    /// Announcements may have been missed.
    Missed,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Channel {
    /// To every node that has the room open.
    Room(RoomId),
    /// To every node.
    Nodes,
}

/// What carries messages.
enum Wire {
    Local(local::Plug),
    Redis(redis::Link),
}

struct Beating(AbortHandle);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Wire {
    /// Sends; what cannot be sent is lost, and missed by whoever gets the next message.
    fn publish(&self, channel: &Channel, message: Bytes) {
        match self {
            Self::Local(plug) => plug.publish(channel, &message),
            Self::Redis(link) => link.publish(channel, message),
        }
    }

    /// Returns when messages come from the channel, or cannot at present: how many others hear it, as far as is known.
    async fn subscribe(&self, channel: &Channel) -> usize {
        match self {
            Self::Local(plug) => plug.subscribe(channel),
            Self::Redis(link) => link.subscribe(channel).await,
        }
    }

    fn unsubscribe(&self, channel: &Channel) {
        match self {
            Self::Local(plug) => plug.unsubscribe(channel),
            Self::Redis(link) => link.unsubscribe(channel),
        }
    }

    /// Returns when everything was sent.
    async fn flush(&self) {
        match self {
            Self::Local(_) => {}
            Self::Redis(link) => link.flush().await,
        }
    }

    /// Messages do not arrive: try another connection.
    fn renew(&self) {
        match self {
            Self::Local(_) => {}
            Self::Redis(link) => link.renew(),
        }
    }
}

impl Bus {
    /// A node on an exchange within this process.
    pub fn local(exchange: &local::Exchange, cluster: ClusterId, region: Option<Region>) -> Self {
        Self::new(cluster, region, |shared| Wire::Local(exchange.plug(shared)))
    }

    /// A node on a Redis server, or any that speaks its protocol. Connecting goes on in the background, for ever.
    pub fn redis(options: redis::RedisOptions, cluster: ClusterId, region: Option<Region>) -> Self {
        Self::new(cluster, region, |shared| Wire::Redis(redis::Link::start(options, shared)))
    }

    fn new(cluster: ClusterId, region: Option<Region>, wire: impl FnOnce(std::sync::Weak<Shared>) -> Wire) -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the system has randomness");
        let node = NodeId(u64::from_le_bytes(random).max(1));
        let shared = Arc::new_cyclic(|shared| Shared {
            cluster,
            node,
            region,
            wire: wire(shared.clone()),
            seats: Seats::default(),
            roll: Roll::new(std::time::Instant::now()),
            announcements: broadcast::channel(ANNOUNCEMENTS).0,
            lives: AtomicU64::new(1),
            foreigners: AtomicBool::new(false),
            said: AtomicU64::new(0),
        });
        let beating = tokio::spawn(beating::beat(Arc::downgrade(&shared))).abort_handle();
        Self { shared, beating: Arc::new(Beating(beating)) }
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.shared.node
    }

    /// The region of this node.
    pub fn region(&self) -> Option<&Region> {
        self.shared.region.as_ref()
    }

    /// The other nodes that live, with their regions.
    pub fn others(&self) -> Vec<(NodeId, Option<Region>)> {
        self.shared.roll.others()
    }

    /// Whether messages arrive, to read and to wait on.
    pub fn health(&self) -> watch::Receiver<BusHealth> {
        self.shared.roll.health()
    }

    /// The database knows a node that is up and that this one does not hear, or no such node.
    pub fn note_split(&self, is_split: bool) {
        self.shared.roll.note_split(is_split);
    }

    /// Takes part in a room. From when this returns, what others say of it is heard.
    pub async fn sit(&self, room: &RoomId) -> Seat {
        let life = self.shared.lives.fetch_add(1, Ordering::Relaxed);
        let queue = self.shared.seats.take(room, life);
        let channel = Channel::Room(room.clone());
        // Without this the seat is heard of when the wire is there again.
        let subscribed = tokio::time::timeout(SUBSCRIBE_PATIENCE, self.shared.wire.subscribe(&channel)).await;
        let life = Life { number: life, others: subscribed.unwrap_or_default() };
        Seat::new(Arc::clone(&self.shared), room.clone(), life, queue)
    }

    /// Tells every other node.
    pub fn announce(&self, announcement: Announcement) {
        self.shared.say(Body::Announcement(announcement));
    }

    /// What other nodes announce from now on.
    pub fn announcements(&self) -> broadcast::Receiver<Heard> {
        self.shared.announcements.subscribe()
    }

    /// Says goodbye, so that nobody waits for this node's beats, and sends what waits. Call it when all rooms are closed.
    pub async fn close(self) {
        self.beating.0.abort();
        self.shared.say(Body::Left);
        let _ = tokio::time::timeout(SUBSCRIBE_PATIENCE, self.shared.wire.flush()).await;
    }

    /// How many rooms this node takes part in.
    pub fn seats(&self) -> usize {
        self.shared.seats.len()
    }
}

impl Shared {
    fn say(&self, body: Body) {
        let sequence = self.said.fetch_add(1, Ordering::Relaxed);
        let envelope = Envelope { from: self.node, life: 0, sequence, to: Recipient::All, body };
        self.wire.publish(&Channel::Nodes, envelope.encode(self.cluster));
    }

    /// A message came. Called by the wire; it must not be held up.
    fn hear(&self, room: Option<&RoomId>, message: &Bytes) {
        let envelope = match Envelope::decode(message, self.cluster) {
            Ok(envelope) => envelope,
            Err(EnvelopeError::Foreign) => return self.hear_foreigner(),
            Err(error) => {
                // Another version of this server, or somebody who has no business here.
                metrics::counter!("triproom_bus_unreadable_total").increment(1);
                tracing::debug!(%error, "a message of another node cannot be read");
                return;
            }
        };
        let is_own = envelope.from == self.node;
        let now = std::time::Instant::now();
        if room.is_some() && !is_own {
            self.roll.spoke(now, envelope.from);
        }
        if room.is_none() && !is_own && self.roll.count(now, envelope.from, envelope.sequence) {
            // Also when it was the sender that could not send.
            let _ = self.announcements.send(Heard::Missed);
        }
        match (room, envelope.body) {
            (None, Body::Beat(beat)) => self.roll.hear(now, self.node, envelope.from, &beat),
            (None, Body::Left) if !is_own => {
                self.roll.left(envelope.from);
                self.seats.gone(envelope.from);
            }
            (None, Body::Announcement(announcement)) if !is_own => {
                // Nobody may be listening.
                let _ = self.announcements.send(Heard::Announced(announcement));
            }
            (Some(room), body) if !is_own => {
                let envelope = Envelope { body, ..envelope };
                self.seats.deliver(self.node, room, envelope);
            }
            _ => {}
        }
    }

    fn hear_foreigner(&self) {
        metrics::counter!("triproom_bus_foreign_total").increment(1);
        if !self.foreigners.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "nodes of another database use the same Redis and the same --redis-prefix; they are not heard, but give each \
                 database a prefix of its own"
            );
        }
    }

    /// Messages may have been lost, in both directions.
    fn parted(&self) {
        self.seats.parted();
        let _ = self.announcements.send(Heard::Missed);
    }
}
