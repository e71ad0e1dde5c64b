//! What one connection is still to be sent. The room writes through it straight into the socket; only what the
//! socket does not take is queued, and then the connection's own task carries on.
//! Several rooms may share one, each through a `Line` of its own. Bounded in bytes: when document frames pass the budget
//! they are dropped all together and every line is *stale*, to be healed by one difference when the socket drains. It
//! must never drop a single document frame, never cut a frame that has begun (but to end the connection), and never wait.

use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use smallvec::SmallVec;
use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;

use super::line::Line;
use super::pulse::Pulse;
use crate::room::id::ConnectionId;
use crate::wire::awareness::{AwarenessEntry, ClientId};
use crate::wire::close::CloseReason;
use crate::wire::frame::{Frame, Opcode, slices};
use crate::wire::{Protocol, ServerMessage};

/// One connection's outgoing side. Shared by its rooms and its own task.
#[derive(Debug)]
pub struct Outbox {
    socket: OwnedWriteHalf,
    budget: usize,
    state: Mutex<State>,
    /// Wakes the connection's task when there is something for it to do here, which `attention` says.
    waker: AtomicWaker,
    attention: AtomicBool,
    pulse: Pulse,
}

/// How often an outbox has dropped document frames: who has not been healed since then has a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epoch(u32);

#[derive(Debug)]
struct State {
    queue: VecDeque<Queued>,
    /// Bytes of the queue's front that the socket has taken.
    written: usize,
    /// Queued bytes of document frames.
    document_bytes: usize,
    /// Queued bytes of control frames.
    control_bytes: usize,
    /// Presence that waits: of each line, the latest of each client.
    presence: Vec<(ConnectionId, Waiting)>,
    flow: Flow,
    epoch: Epoch,
    /// Lines that a room ended, for the connection's task.
    ended: SmallVec<[(ConnectionId, CloseReason); 1]>,
    /// When the socket last took something, while something was queued.
    progress: Instant,
    closing: Option<CloseReason>,
}

/// Whether document frames are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// They are, of lines that are not stale.
    Flowing,
    /// They overflowed: what is left of the queue is still being sent.
    Overflowed,
}

/// Presence that waits for one line.
#[derive(Debug)]
struct Waiting {
    protocol: Protocol,
    entries: BTreeMap<ClientId, AwarenessEntry>,
}

#[derive(Debug)]
struct Queued {
    frame: Frame,
    class: Class,
}

/// What may be lost: a difference makes up for document frames, nothing for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Document,
    Control,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// The socket took all of it.
    Written,
    /// The socket did not take all; the rest waits.
    Queued,
    /// The queue overflowed just now: the connection is stale.
    Overflowed,
    /// The connection is stale or closing; nothing was kept.
    Dropped,
}

/// Why `drained` returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// The queue is empty after an overflow: ask every room for the difference.
    Stale,
    /// A room ended one line; the others go on.
    Ended(ConnectionId, CloseReason),
    /// The close frame is out, or cannot be sent any more.
    Closed(CloseReason),
}

/// Presence for a delivery: the frame, and what is in it for those who cannot be sent it now.
#[derive(Debug, Clone, Copy)]
pub struct PresenceDelivery<'a> {
    /// One frame with all entries.
    pub frame: &'a Frame,
    /// The entries.
    pub entries: &'a [AwarenessEntry],
}

enum Flushed {
    Empty,
    Blocked,
}

impl Outbox {
    /// An outbox that writes to `socket` and queues up to `budget` bytes of document frames.
    pub fn new(socket: OwnedWriteHalf, budget: usize, now: Instant) -> Self {
        Self {
            socket,
            budget,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                written: 0,
                document_bytes: 0,
                control_bytes: 0,
                presence: Vec::new(),
                flow: Flow::Flowing,
                epoch: Epoch::default(),
                ended: SmallVec::new(),
                progress: now,
                closing: None,
            }),
            waker: AtomicWaker::new(),
            attention: AtomicBool::new(false),
            pulse: Pulse::new(now),
        }
    }

    /// The present epoch, for a line that begins.
    pub(super) fn epoch(&self) -> Epoch {
        self.lock().epoch
    }

    /// The present epoch, for a line that is healed; nothing while the outbox overflows.
    pub(super) fn heal_epoch(&self) -> Option<Epoch> {
        let state = self.lock();
        (state.flow == Flow::Flowing).then_some(state.epoch)
    }

    /// Reads here and there in the outbox and in the socket behind it, so that their memory is on its way into the
    /// cache when they are needed. For `fan_out`, which does that for several at once.
    pub(super) fn prefetch(&self) {
        black_box((self.attention.load(Ordering::Relaxed), self.state.is_poisoned(), self.pulse.heard_count()));
        black_box(&*SockRef::from(self.socket.as_ref()));
    }

    /// Sends document frames of one line, then presence. Never waits.
    pub(super) fn deliver(
        &self,
        now: Instant,
        line: &Line,
        frames: &[Frame],
        presence: Option<PresenceDelivery<'_>>,
    ) -> Delivered {
        let mut state = self.lock();
        if state.closing.is_some() {
            return Delivered::Dropped;
        }
        let mut delivered = Delivered::Written;
        let flows = state.flow == Flow::Flowing && state.epoch == line.epoch();
        if state.queue.is_empty() && state.presence.is_empty() && flows {
            let all: SmallVec<[&Frame; 4]> = frames.iter().chain(presence.map(|presence| presence.frame)).collect();
            let mut left = self.write(&all);
            self.pulse.say(now);
            let mut rest = all.len();
            for (at, frame) in all.iter().enumerate() {
                if left < frame.len() {
                    rest = at;
                    break;
                }
                left -= frame.len();
            }
            if rest == all.len() {
                return Delivered::Written;
            }
            state.progress = now;
            state.written = left;
            for frame in frames.iter().skip(rest) {
                state.push(frame.clone(), Class::Document);
            }
            if let Some(presence) = presence {
                if rest == frames.len() && left > 0 {
                    state.push(presence.frame.clone(), Class::Control);
                } else {
                    state.keep_presence(line, presence.entries);
                }
            }
            delivered = Delivered::Queued;
        } else {
            if !flows {
                delivered = Delivered::Dropped;
            } else if !frames.is_empty() {
                delivered = self.queue(&mut state, frames);
            }
            if let Some(presence) = presence {
                state.keep_presence(line, presence.entries);
            }
        }
        self.call(state);
        delivered
    }

    /// Sends a frame that nothing makes up for: a probe's echo, a ping.
    pub fn control(&self, now: Instant, frame: &Frame) {
        let mut state = self.lock();
        if state.closing.is_some() {
            return;
        }
        if state.queue.is_empty() {
            let taken = self.write(&[frame]);
            if taken == frame.len() {
                return;
            }
            state.progress = now;
            state.written = taken;
        } else if state.waiting_control() + frame.len() > self.budget {
            state.close_at_once(CloseReason::SlowClient);
            self.call(state);
            return;
        }
        state.push(frame.clone(), Class::Control);
        self.call(state);
    }

    /// Whether nothing waits that makes up for nothing: then there may be one more long answer.
    pub fn is_free(&self) -> bool {
        self.lock().control_bytes == 0
    }

    /// Tells the connection's task that a room ended one line.
    pub(super) fn end_line(&self, line: ConnectionId, reason: CloseReason) {
        let mut state = self.lock();
        if !state.ended.iter().any(|(ended, _)| *ended == line) {
            state.ended.push((line, reason));
        }
        self.call(state);
    }

    /// Forgets what waits for a line that is gone.
    pub fn forget_line(&self, line: ConnectionId) {
        let mut state = self.lock();
        state.presence.retain(|(waiting, _)| *waiting != line);
        state.ended.retain(|(ended, _)| *ended != line);
    }

    /// Sends what is queued, then a close frame, and nothing after it.
    pub fn close(&self, reason: CloseReason) {
        let mut state = self.lock();
        if state.closing.is_none() {
            state.closing = Some(reason);
            state.push(reason.frame(), Class::Control);
            self.call(state);
        }
    }

    /// Drops what is queued and ends the connection, with a close frame where one still fits.
    pub fn abort(&self, reason: CloseReason) {
        let mut state = self.lock();
        state.close_at_once(reason);
        self.call(state);
    }

    /// Carries on with what is queued; ready when something has to be done about it. For the connection's own task.
    pub fn poll_drained(&self, context: &mut Context<'_>) -> Poll<io::Result<Drained>> {
        self.waker.register(context.waker());
        while self.attention.load(Ordering::Acquire) {
            let mut state = self.lock();
            if let Some(reason) = state.given_up() {
                return Poll::Ready(Ok(Drained::Closed(reason)));
            }
            if let Some((line, reason)) = state.ended.pop() {
                return Poll::Ready(Ok(Drained::Ended(line, reason)));
            }
            match self.flush(&mut state)? {
                Flushed::Blocked => {
                    drop(state);
                    ready!(self.socket.as_ref().poll_write_ready(context))?;
                }
                Flushed::Empty => {
                    if let Some(reason) = state.closing {
                        return Poll::Ready(Ok(Drained::Closed(reason)));
                    }
                    self.attention.store(false, Ordering::Release);
                    if state.flow == Flow::Overflowed {
                        state.flow = Flow::Flowing;
                        return Poll::Ready(Ok(Drained::Stale));
                    }
                }
            }
        }
        Poll::Pending
    }

    /// Ends the sending side: the peer reads what was sent and then the end of the stream.
    pub fn shut_down(&self) {
        // An error means that the peer is gone, which is what is wanted.
        let _ = SockRef::from(self.socket.as_ref()).shutdown(std::net::Shutdown::Write);
    }

    /// The peer's signs of life.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Whether the socket has taken all that was ever said since `epoch`, and nothing was dropped.
    pub(super) fn is_current(&self, epoch: Epoch) -> bool {
        let state = self.lock();
        state.queue.is_empty() && state.flow == Flow::Flowing && state.epoch == epoch
    }

    /// Asks the peer whether it lives.
    pub fn ask(&self, now: Instant) {
        self.pulse.ask(now);
        self.control(now, &Frame::new(Opcode::Ping, &[], Bytes::new()));
    }

    /// Since when the socket has taken nothing of what is queued; nothing when nothing is queued.
    pub fn stalled_since(&self) -> Option<Instant> {
        let state = self.lock();
        (!state.queue.is_empty()).then_some(state.progress)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }

    /// Calls the connection's task.
    fn call(&self, state: MutexGuard<'_, State>) {
        self.attention.store(true, Ordering::Release);
        drop(state);
        self.waker.wake();
    }

    fn queue(&self, state: &mut State, frames: &[Frame]) -> Delivered {
        let bytes: usize = frames.iter().map(Frame::len).sum();
        if state.document_bytes + bytes > self.budget && state.document_bytes > 0 {
            state.overflow();
            return Delivered::Overflowed;
        }
        for frame in frames {
            state.push(frame.clone(), Class::Document);
        }
        Delivered::Queued
    }

    /// Writes until the socket takes no more; returns how much it took. An error counts as taking nothing: the
    /// connection's task meets it when it tries again.
    ///
    /// It asks the kernel without asking the runtime first, for the socket nearly always takes something, and what the
    /// runtime knows is one more thing to fetch from memory. Where `main` is Rust's, `SIGPIPE` is ignored.
    fn write(&self, frames: &[&Frame]) -> usize {
        let total: usize = frames.iter().map(|frame| frame.len()).sum();
        let socket = SockRef::from(self.socket.as_ref());
        let mut done = 0;
        while done < total {
            let slices = slices(frames.iter().copied(), done);
            // One piece, which is what nearly every delivery is, goes out a little cheaper by itself.
            let written = match &slices[..] {
                [piece] => socket.send(piece),
                pieces => socket.send_vectored(pieces),
            };
            match written {
                Ok(0) | Err(_) => break,
                Ok(taken) => done += taken,
            }
        }
        done
    }

    fn flush(&self, state: &mut State) -> io::Result<Flushed> {
        loop {
            if state.queue.is_empty() {
                if state.presence.is_empty() || state.closing.is_some() {
                    return Ok(Flushed::Empty);
                }
                for (_, waiting) in std::mem::take(&mut state.presence) {
                    let message = ServerMessage::Presence(waiting.entries.into_values().collect());
                    let frame = waiting.protocol.frame(&message).expect("every protocol has presence");
                    state.push(frame, Class::Control);
                }
            }
            // Through the runtime: only a refusal that it sees makes `poll_write_ready` wait.
            let slices = slices(state.queue.iter().map(|queued| &queued.frame), state.written);
            let written = self.socket.try_write_vectored(&slices);
            drop(slices);
            match written {
                Ok(taken) => state.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) => return Err(error),
            }
        }
    }
}

impl State {
    fn push(&mut self, frame: Frame, class: Class) {
        match class {
            Class::Document => self.document_bytes += frame.len(),
            Class::Control => self.control_bytes += frame.len(),
        }
        self.queue.push_back(Queued { frame, class });
    }

    /// Bytes of control frames behind the one that is under way.
    fn waiting_control(&self) -> usize {
        let under_way = self.queue.front().filter(|front| front.class == Class::Control);
        self.control_bytes - under_way.map_or(0, |front| front.frame.len())
    }

    fn keep_presence(&mut self, line: &Line, entries: &[AwarenessEntry]) {
        let at = self.presence.iter().position(|(waiting, _)| *waiting == line.id()).unwrap_or_else(|| {
            let waiting = Waiting { protocol: line.protocol().clone(), entries: BTreeMap::new() };
            self.presence.push((line.id(), waiting));
            self.presence.len() - 1
        });
        let waiting = &mut self.presence[at].1;
        waiting.entries.extend(entries.iter().map(|entry| (entry.client, entry.clone())));
    }

    /// The socket took `bytes` more.
    fn advance(&mut self, bytes: usize) {
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
    fn overflow(&mut self) {
        self.flow = Flow::Overflowed;
        self.epoch.0 = self.epoch.0.wrapping_add(1);
        let begun = usize::from(self.written > 0);
        let mut at = 0;
        self.queue.retain(|queued| {
            at += 1;
            at <= begun || queued.class == Class::Control
        });
        let documents = self.queue.iter().filter(|queued| queued.class == Class::Document);
        self.document_bytes = documents.map(|queued| queued.frame.len()).sum();
    }

    /// A connection that is closed at once in the middle of a frame has nothing left to say.
    fn given_up(&self) -> Option<CloseReason> {
        self.closing.filter(|_| self.control_bytes == 0 && self.written > 0)
    }

    fn close_at_once(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
        self.presence.clear();
        self.queue.truncate(usize::from(self.written > 0));
        self.control_bytes = 0;
        self.document_bytes = 0;
        if self.written == 0 {
            let reason = self.closing.unwrap_or(reason);
            self.push(reason.frame(), Class::Control);
        }
    }
}

#[cfg(test)]
mod tests;
