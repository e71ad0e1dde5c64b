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

/// So many connections are fetched from memory together, so that their cache misses overlap. Only this number was measured; were
/// it much larger, what is sent to the first might push the last out again.
const PREFETCHED: usize = 16;

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
    /// What authors wrote, of each fan-out that cannot be taken apart; filled when authors need it.
    written: Vec<OnceCell<Written>>,
}

/// A fan-out, and how it is told to its authors.
struct News<'f> {
    fanout: &'f Fanout,
    authors: OnceCell<Authors>,
}

/// How each author can be sent what the others wrote.
enum Authors {
    /// A single author gets nothing of it.
    One,
    /// The update for everybody can be taken apart.
    Apart(Apart),
    /// It cannot: each gets the updates of the others as they came.
    Mixed,
}

/// Updates as they came, frame by frame in one buffer, and whose frame ends where.
struct Written {
    bytes: Vec<u8>,
    ends: Vec<(ConnectionId, usize)>,
}

/// Delivers to every line, and with that the echoes, which are in the order of their authors.
pub fn fan_out<'l>(
    now: Instant,
    lines: impl Iterator<Item = &'l Line>,
    fanouts: &[Fanout],
    presence: Option<&PresenceChange>,
    echoes: &[(ConnectionId, ServerMessage)],
) -> Tally {
    let mut encoded: SmallVec<[Encoded; 1]> = SmallVec::new();
    let news: SmallVec<[News<'_>; 1]> =
        fanouts.iter().map(|fanout| News { fanout, authors: OnceCell::new() }).collect();
    let mut tally = Tally::default();
    let mut authors: SmallVec<[ConnectionId; 8]> =
        fanouts.iter().flat_map(|fanout| fanout.authors.iter().map(|(author, _)| *author)).collect();
    authors.sort_unstable();
    let mut lines = lines.filter(|line| line.protocol().has_document()).fuse();
    loop {
        let next: SmallVec<[&Line; PREFETCHED]> = lines.by_ref().take(PREFETCHED).collect();
        if next.is_empty() {
            return tally;
        }
        next.iter().for_each(|line| line.outbox().prefetch());
        for line in next {
            let encoded = Encoded::of(&mut encoded, line.protocol(), fanouts);
            let id = line.id();
            let presence = presence
                .filter(|change| change.sole_origin != Some(id))
                .map(|change| PresenceDelivery { frame: encoded.presence(change), entries: &change.entries });
            let echoes = of_author(echoes, id);
            if !echoes.is_empty() || authors.binary_search(&id).is_ok() {
                let mut frames = encoded.for_author(id, &news);
                frames.extend(echoes.iter().filter_map(|(_, echo)| encoded.protocol.frame(echo)));
                deliver(now, line, &frames, presence, &mut tally);
            } else {
                deliver(now, line, &encoded.updates, presence, &mut tally);
            }
        }
    }
}

fn of_author(echoes: &[(ConnectionId, ServerMessage)], author: ConnectionId) -> &[(ConnectionId, ServerMessage)] {
    let start = echoes.partition_point(|(other, _)| *other < author);
    let end = echoes.partition_point(|(other, _)| *other <= author);
    &echoes[start..end]
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
        let written = fanouts.iter().map(|_| OnceCell::new()).collect();
        Self { protocol, updates, presence: OnceCell::new(), written }
    }

    fn presence(&self, change: &PresenceChange) -> &Frame {
        self.presence.get_or_init(|| {
            let message = ServerMessage::Presence(change.entries.clone());
            self.protocol.frame(&message).expect("every protocol has presence")
        })
    }

    /// What an author gets: of what it had a part in, the parts of the others; the rest as everybody.
    fn for_author(&self, author: ConnectionId, news: &[News<'_>]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for (at, (news, update)) in news.iter().zip(&self.updates).enumerate() {
            if !news.fanout.authors.iter().any(|(other, _)| *other == author) {
                frames.push(update.clone());
                continue;
            }
            frames.extend(match news.authors() {
                Authors::One => None,
                Authors::Apart(apart) => {
                    let others = apart.without(author, &news.fanout.update);
                    others.map(|others| update_frame(&self.protocol, &others))
                }
                Authors::Mixed => self.written[at].get_or_init(|| self.write_out(news.fanout)).of_others(author),
            });
        }
        frames
    }

    fn write_out(&self, fanout: &Fanout) -> Written {
        let mut written = Written { bytes: Vec::new(), ends: Vec::with_capacity(fanout.authors.len()) };
        for (author, raw) in &fanout.authors {
            let frame = update_frame(&self.protocol, raw);
            written.bytes.extend_from_slice(&frame.head);
            written.bytes.extend_from_slice(&frame.body);
            written.ends.push((*author, written.bytes.len()));
        }
        written
    }
}

impl News<'_> {
    fn authors(&self) -> &Authors {
        self.authors.get_or_init(|| {
            let Fanout { update, authors } = self.fanout;
            if authors.iter().all(|(author, _)| *author == authors[0].0) {
                return Authors::One;
            }
            Apart::of(update, authors).map_or(Authors::Mixed, Authors::Apart)
        })
    }
}

fn update_frame(protocol: &Protocol, update: &Bytes) -> Frame {
    protocol.frame(&ServerMessage::Update(update.clone())).expect("every protocol has updates")
}

impl Written {
    fn of_others(&self, author: ConnectionId) -> Option<Frame> {
        let mut others = Vec::with_capacity(self.bytes.len());
        let mut start = 0;
        for (writer, end) in &self.ends {
            if *writer != author {
                others.extend_from_slice(&self.bytes[start..*end]);
            }
            start = *end;
        }
        (!others.is_empty()).then(|| Frame::from_encoded(others.into()))
    }
}

#[cfg(test)]
mod tests;
