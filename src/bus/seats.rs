//! The places of this node's open rooms: each message is put into its room's queue, and what was lost before it is
//! noticed by its number. Called by the wire for each message, so nothing here waits: a room that falls behind loses
//! messages, knows it, and asks for what it missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::mpsc;

use super::envelope::{Body, Envelope};
use crate::room::id::RoomId;
use crate::room::node::{Here, NodeId, NodeMessage, NodeNews, Recipient};

/// The most messages that wait for one room.
const QUEUE_MAX: usize = 1_024;
/// And their bytes; one message may be bigger.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// All places.
#[derive(Default)]
pub(super) struct Seats {
    rooms: DashMap<RoomId, Place>,
}

struct Place {
    life: u64,
    queue: mpsc::Sender<NodeNews>,
    fill: Arc<Fill>,
    /// The life and the next number of each other node.
    known: HashMap<NodeId, (u64, u64)>,
}

/// How full a queue is.
#[derive(Default)]
struct Fill {
    bytes: AtomicUsize,
    /// Something did not fit.
    lost: AtomicBool,
}

/// The reading end of a room's queue.
pub(super) struct Queue {
    news: mpsc::Receiver<NodeNews>,
    fill: Arc<Fill>,
}

impl Seats {
    /// A place for a life of a room; of an earlier life nothing is heard any more.
    pub fn take(&self, room: &RoomId, life: u64) -> Queue {
        let (queue, news) = mpsc::channel(QUEUE_MAX);
        let fill = Arc::<Fill>::default();
        let place = Place { life, queue, fill: Arc::clone(&fill), known: HashMap::new() };
        self.rooms.insert(room.clone(), place);
        Queue { news, fill }
    }

    /// Gives up a place; when it was still this life's, does the rest before anybody takes it again.
    pub fn leave(&self, room: &RoomId, life: u64, rest: impl FnOnce()) {
        if let Entry::Occupied(place) = self.rooms.entry(room.clone())
            && place.get().life == life
        {
            rest();
            place.remove();
        }
    }

    /// A message of another node.
    pub fn deliver(&self, node: NodeId, room: &RoomId, envelope: Envelope) {
        let Some(mut place) = self.rooms.get_mut(room) else { return };
        let Envelope { from, life, sequence, to, body } = envelope;
        let next = sequence.wrapping_add(1);
        let before = place.known.insert(from, (life, next));
        let mut has_missed = false;
        if let Some((known, expected)) = before {
            if known > life {
                // The room was opened again there.
                place.known.insert(from, (known, expected));
                return;
            }
            if known == life && sequence != expected {
                metrics::counter!("triproom_bus_gaps_total").increment(1);
                place.put(NodeNews::Missed(from));
                has_missed = true;
            }
        }
        match body {
            Body::Left => {
                place.known.remove(&from);
                place.put(if has_missed { NodeNews::Gone(from) } else { NodeNews::Left(from) });
            }
            Body::Room(message) if matches!(to, Recipient::All) || to == Recipient::One(node) => {
                place.put(NodeNews::Said { from, message });
            }
            _ => {}
        }
    }

    /// A node is dead.
    pub fn gone(&self, node: NodeId) {
        for mut place in self.rooms.iter_mut() {
            if place.known.remove(&node).is_some() {
                place.put(NodeNews::Gone(node));
            }
        }
    }

    /// Nodes may not have heard each other.
    pub fn parted(&self) {
        for place in &self.rooms {
            place.put(NodeNews::Parted);
        }
    }

    pub fn len(&self) -> usize {
        self.rooms.len()
    }
}

impl Place {
    fn put(&self, news: NodeNews) {
        let size = size(&news);
        let waiting = self.fill.bytes.fetch_add(size, Ordering::Relaxed);
        let fits = waiting == 0 || waiting + size <= QUEUE_BYTES_MAX;
        if !fits || self.queue.try_send(news).is_err() {
            self.fill.bytes.fetch_sub(size, Ordering::Relaxed);
            self.fill.lost.store(true, Ordering::Relaxed);
            metrics::counter!("triproom_bus_overflows_total").increment(1);
        }
    }
}

impl Queue {
    pub async fn next(&mut self) -> NodeNews {
        if let Some(news) = self.lost() {
            return news;
        }
        match self.news.recv().await {
            Some(news) => self.taken(news),
            // A later life of the room has the place.
            None => std::future::pending().await,
        }
    }

    pub fn try_next(&mut self) -> Option<NodeNews> {
        if let Some(news) = self.lost() {
            return Some(news);
        }
        let news = self.news.try_recv().ok()?;
        Some(self.taken(news))
    }

    /// What did not fit is asked for when what did has been taken.
    fn lost(&self) -> Option<NodeNews> {
        (self.news.is_empty() && self.fill.lost.swap(false, Ordering::Relaxed)).then_some(NodeNews::Parted)
    }

    fn taken(&self, news: NodeNews) -> NodeNews {
        self.fill.bytes.fetch_sub(size(&news), Ordering::Relaxed);
        news
    }
}

/// What it keeps in memory, roughly.
fn size(news: &NodeNews) -> usize {
    let NodeNews::Said { message, .. } = news else { return 0 };
    match message {
        NodeMessage::Updates { updates, .. } => updates.iter().map(bytes::Bytes::len).sum(),
        NodeMessage::Here(Here { presence, people, claims, .. }) => {
            let states = presence.iter().filter_map(|said| said.entry.state.as_ref()).map(bytes::Bytes::len);
            states.sum::<usize>() + 64 * (presence.len() + people.len() + claims.len())
        }
        NodeMessage::Text(text) | NodeMessage::Output(text) => text.len(),
        NodeMessage::Kept(event) => event.body.len(),
        NodeMessage::Digest { vector, .. } => vector.len(),
        NodeMessage::Stored | NodeMessage::Returned => 0,
    }
}
