//! Says the news of a turn to everybody in a room: each frame is encoded once a protocol and shared, and each
//! connection gets one write. Called by the room task after each turn.

use std::cell::OnceCell;
use std::time::Instant;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::room::apart::Apart;
use crate::room::effects::Fanout;
use crate::room::id::ConnectionId;
use crate::room::presence::PresenceChange;
use crate::wire::frame::Frame;
use crate::wire::{Protocol, ServerMessage};

use super::line::Line;
use super::outbox::{Delivered, PresenceDelivery};

/// How the deliveries of one flush went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Connections that were sent something.
    pub sent: usize,
    /// Bytes that were handed over.
    pub bytes: usize,
    /// Connections that did not take all of it at once.
    pub queued: usize,
    /// Connections that became stale.
    pub overflowed: usize,
}

/// The news of a turn, encoded for one protocol.
struct Encoded {
    protocol: Protocol,
    updates: Vec<Frame>,
    presence: OnceCell<Frame>,
    /// What authors wrote; filled when authors need it.
    written: OnceCell<Vec<Written>>,
}

/// What is new in a turn, so that each author can be sent what the others wrote.
enum Written {
    /// A single author gets nothing of it.
    ByOne,
    /// The update for everybody can be taken apart.
    Apart(Apart),
    /// It cannot: frame by frame in one buffer, and whose frame ends where.
    Frames { bytes: Vec<u8>, ends: Vec<(ConnectionId, usize)> },
}

/// Delivers to every line.
pub fn fan_out<'l>(
    now: Instant,
    lines: impl Iterator<Item = &'l Line>,
    fanouts: &[Fanout],
    presence: Option<&PresenceChange>,
) -> Tally {
    let mut encoded: SmallVec<[Encoded; 1]> = SmallVec::new();
    let mut tally = Tally::default();
    let mut authors: SmallVec<[ConnectionId; 8]> =
        fanouts.iter().flat_map(|fanout| fanout.authors.iter().map(|(author, _)| *author)).collect();
    authors.sort_unstable();
    for line in lines.filter(|line| line.protocol().has_document()) {
        let encoded = Encoded::of(&mut encoded, line.protocol(), fanouts);
        let id = line.id();
        let presence = presence
            .filter(|change| change.sole_origin != Some(id))
            .map(|change| PresenceDelivery { frame: encoded.presence(change), entries: &change.entries });
        if authors.binary_search(&id).is_ok() {
            let frames = encoded.for_author(id, fanouts);
            deliver(now, line, &frames, presence, &mut tally);
        } else {
            deliver(now, line, &encoded.updates, presence, &mut tally);
        }
    }
    tally
}

fn deliver(now: Instant, line: &Line, frames: &[Frame], presence: Option<PresenceDelivery<'_>>, tally: &mut Tally) {
    if frames.is_empty() && presence.is_none() {
        return;
    }
    let delivered = line.deliver(now, frames, presence);
    if delivered == Delivered::Dropped {
        return;
    }
    tally.sent += 1;
    tally.bytes += frames.iter().map(Frame::len).sum::<usize>() + presence.map_or(0, |presence| presence.frame.len());
    tally.queued += usize::from(delivered != Delivered::Written);
    tally.overflowed += usize::from(delivered == Delivered::Overflowed);
}

impl Encoded {
    /// The news in this protocol, encoded when nobody needed it before. In most rooms there is one; each session of
    /// a Hocuspocus document has its own address.
    fn of<'e>(all: &'e mut SmallVec<[Self; 1]>, protocol: &Protocol, fanouts: &[Fanout]) -> &'e Self {
        let at = all.iter().position(|encoded| encoded.protocol == *protocol).unwrap_or_else(|| {
            all.push(Self::new(protocol.clone(), fanouts));
            all.len() - 1
        });
        &all[at]
    }

    fn new(protocol: Protocol, fanouts: &[Fanout]) -> Self {
        let updates = fanouts.iter().map(|fanout| update_frame(&protocol, &fanout.update)).collect();
        Self { protocol, updates, presence: OnceCell::new(), written: OnceCell::new() }
    }

    fn presence(&self, change: &PresenceChange) -> &Frame {
        self.presence.get_or_init(|| {
            let message = ServerMessage::Presence(change.entries.clone());
            self.protocol.frame(&message).expect("every protocol has presence")
        })
    }

    /// What an author gets: of what it had a part in, the parts of the others; the rest as everybody.
    fn for_author(&self, author: ConnectionId, fanouts: &[Fanout]) -> Vec<Frame> {
        let written = self.written.get_or_init(|| fanouts.iter().map(|fanout| self.write_out(fanout)).collect());
        let mut frames = Vec::new();
        for ((fanout, written), update) in fanouts.iter().zip(written).zip(&self.updates) {
            if !fanout.authors.iter().any(|(other, _)| *other == author) {
                frames.push(update.clone());
            } else if let Some(others) = written.of_others(author, &self.protocol, &fanout.update) {
                frames.push(others);
            }
        }
        frames
    }

    fn write_out(&self, fanout: &Fanout) -> Written {
        if fanout.authors.iter().all(|(author, _)| *author == fanout.authors[0].0) {
            return Written::ByOne;
        }
        if let Some(apart) = Apart::of(&fanout.update, &fanout.authors) {
            return Written::Apart(apart);
        }
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(fanout.authors.len()));
        for (author, raw) in &fanout.authors {
            let frame = update_frame(&self.protocol, raw);
            bytes.extend_from_slice(&frame.head);
            bytes.extend_from_slice(&frame.body);
            ends.push((*author, bytes.len()));
        }
        Written::Frames { bytes, ends }
    }
}

fn update_frame(protocol: &Protocol, update: &Bytes) -> Frame {
    protocol.frame(&ServerMessage::Update(update.clone())).expect("every protocol has updates")
}

impl Written {
    /// What others than `author` wrote of `update`.
    fn of_others(&self, author: ConnectionId, protocol: &Protocol, update: &Bytes) -> Option<Frame> {
        let (bytes, ends) = match self {
            Self::ByOne => return None,
            Self::Apart(apart) => return apart.without(author, update).map(|others| update_frame(protocol, &others)),
            Self::Frames { bytes, ends } => (bytes, ends),
        };
        let mut others = Vec::with_capacity(bytes.len());
        let mut start = 0;
        for (writer, end) in ends {
            if *writer != author {
                others.extend_from_slice(&bytes[start..*end]);
            }
            start = *end;
        }
        (!others.is_empty()).then(|| Frame::from_encoded(others.into()))
    }
}
