//! What one socket has not taken yet: frames in their order, and the latest presence of each line; and lines that have ended.
//! Part of its `Outbox`, and there only while something waits, for most sockets take everything at once.
//! It must never lose a single document frame of many, and never cut a frame that has begun.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use smallvec::SmallVec;

use super::PresenceDelivery;
use crate::hub::line::Line;
use crate::room::id::ConnectionId;
use crate::wire::awareness::{AwarenessEntry, ClientId};
use crate::wire::close::CloseReason;
use crate::wire::frame::Frame;
use crate::wire::{Protocol, ServerMessage};

/// See the module.
#[derive(Debug)]
pub(super) struct Backlog {
    queue: VecDeque<Queued>,
    /// Bytes of the queue's front that the socket has taken.
    written: usize,
    /// Queued bytes of document frames.
    document_bytes: usize,
    /// Queued bytes of control frames.
    control_bytes: usize,
    /// Presence that waits: of each line, the latest of each client.
    presence: Vec<(ConnectionId, Waiting)>,
    /// Lines that a room ended, for the connection's task.
    ended: SmallVec<[(ConnectionId, CloseReason); 1]>,
    /// When the socket last took something, while something was queued.
    progress: Instant,
}

/// What may be lost: a difference makes up for document frames, nothing for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Document,
    Control,
}

#[derive(Debug)]
struct Queued {
    frame: Frame,
    class: Class,
}

/// Presence that waits for one line.
#[derive(Debug)]
struct Waiting {
    protocol: Protocol,
    entries: BTreeMap<ClientId, AwarenessEntry>,
}

impl Backlog {
    /// Nothing waits yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            queue: VecDeque::new(),
            written: 0,
            document_bytes: 0,
            control_bytes: 0,
            presence: Vec::new(),
            ended: SmallVec::new(),
            progress: now,
        }
    }

    /// Whether frames or presence wait.
    pub(super) fn is_behind(&self) -> bool {
        self.has_frames() || !self.presence.is_empty()
    }

    /// Whether frames wait.
    pub(super) fn has_frames(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Bytes of document frames.
    pub(super) fn document_bytes(&self) -> usize {
        self.document_bytes
    }

    /// Whether anything waits that nothing makes up for.
    pub(super) fn has_control(&self) -> bool {
        self.control_bytes > 0
    }

    /// Bytes of control frames behind the one that is under way.
    pub(super) fn waiting_control(&self) -> usize {
        let under_way = self.queue.front().filter(|front| front.class == Class::Control);
        self.control_bytes - under_way.map_or(0, |front| front.frame.len())
    }

    /// Since when the socket has taken nothing of what is queued; nothing when nothing is queued.
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.has_frames().then_some(self.progress)
    }

    /// Whether the socket has taken a part of a frame, and not the rest.
    pub(super) fn has_begun(&self) -> bool {
        self.written > 0
    }

    /// Begins with a frame of which the socket has taken `written` bytes.
    pub(super) fn begin(&mut self, now: Instant, written: usize, frame: Frame, class: Class) {
        self.progress = now;
        self.written = written;
        self.push(frame, class);
    }

    /// One more frame.
    pub(super) fn push(&mut self, frame: Frame, class: Class) {
        match class {
            Class::Document => self.document_bytes += frame.len(),
            Class::Control => self.control_bytes += frame.len(),
        }
        self.queue.push_back(Queued { frame, class });
    }

    /// Keeps presence for one line, in the place of what waits of the same clients.
    pub(super) fn keep_presence(&mut self, line: &Line, entries: &[AwarenessEntry]) {
        let at = self.presence.iter().position(|(waiting, _)| *waiting == line.id()).unwrap_or_else(|| {
            let waiting = Waiting { protocol: line.protocol().clone(), entries: BTreeMap::new() };
            self.presence.push((line.id(), waiting));
            self.presence.len() - 1
        });
        let waiting = &mut self.presence[at].1;
        waiting.entries.extend(entries.iter().map(|entry| (entry.client, entry.clone())));
    }

    /// The socket took `taken` bytes of a delivery to one line: the rest of it waits.
    pub(super) fn take_rest(
        &mut self,
        now: Instant,
        taken: usize,
        line: &Line,
        frames: &[Frame],
        presence: Option<PresenceDelivery<'_>>,
    ) {
        self.progress = now;
        self.written = taken;
        let mut rest = frames;
        while let [first, others @ ..] = rest
            && self.written >= first.len()
        {
            self.written -= first.len();
            rest = others;
        }
        for frame in rest {
            self.push(frame.clone(), Class::Document);
        }
        match presence {
            Some(begun) if rest.is_empty() && self.has_begun() => self.push(begun.frame.clone(), Class::Control),
            Some(presence) => self.keep_presence(line, presence.entries),
            None => {}
        }
    }

    /// Puts the presence that waits behind the frames.
    pub(super) fn queue_presence(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.presence) {
            let message = ServerMessage::Presence(waiting.entries.into_values().collect());
            let frame = waiting.protocol.frame(&message).expect("every protocol has presence");
            self.push(frame, Class::Control);
        }
    }

    /// The frames, and how many bytes of the first the socket has taken.
    pub(super) fn frames(&self) -> (impl Iterator<Item = &Frame>, usize) {
        (self.queue.iter().map(|queued| &queued.frame), self.written)
    }

    /// The socket took `bytes` more.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        self.progress = Instant::now();
        while let Some(front) = self.queue.front() {
            let length = front.frame.len();
            if self.written < length {
                return;
            }
            self.written -= length;
            match front.class {
                Class::Document => self.document_bytes -= length,
                Class::Control => self.control_bytes -= length,
            }
            self.queue.pop_front();
        }
    }

    /// Drops all document frames but one that has begun.
    pub(super) fn drop_documents(&mut self) {
        let begun = usize::from(self.has_begun());
        let mut at = 0;
        self.queue.retain(|queued| {
            at += 1;
            at <= begun || queued.class == Class::Control
        });
        let documents = self.queue.iter().filter(|queued| queued.class == Class::Document);
        self.document_bytes = documents.map(|queued| queued.frame.len()).sum();
    }

    /// Drops everything but a frame that has begun, which counts as nothing any more.
    pub(super) fn drop_all(&mut self) {
        self.presence.clear();
        self.queue.truncate(usize::from(self.has_begun()));
        self.control_bytes = 0;
        self.document_bytes = 0;
    }

    /// A room ended this line.
    pub(super) fn end_line(&mut self, line: ConnectionId, reason: CloseReason) {
        if !self.ended.iter().any(|(ended, _)| *ended == line) {
            self.ended.push((line, reason));
        }
    }

    /// One of the lines that were ended.
    pub(super) fn next_ended(&mut self) -> Option<(ConnectionId, CloseReason)> {
        self.ended.pop()
    }

    /// Forgets what waits for a line that is gone.
    pub(super) fn forget_line(&mut self, line: ConnectionId) {
        self.presence.retain(|(waiting, _)| *waiting != line);
        self.ended.retain(|(ended, _)| *ended != line);
    }

    /// Whose presence waits.
    #[cfg(test)]
    pub(super) fn presence_of(&self) -> Vec<ConnectionId> {
        self.presence.iter().map(|(line, _)| *line).collect()
    }
}
