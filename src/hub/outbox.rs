//! What one connection is still to be sent. The room writes through it straight into the socket; only what the
//! socket does not take is queued, and then the connection's own task carries on.
//! Several rooms may share one, each through a `Line` of its own. Bounded in bytes: when document frames pass the budget
//! they are dropped all together and every line is *stale*, to be healed by one difference when the socket drains. It
//! must never drop a single document frame, never cut a frame that has begun (but to end the connection), and never wait.

mod backlog;

use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;

use super::line::Line;
use super::pulse::Pulse;
use crate::room::id::ConnectionId;
use crate::wire::awareness::AwarenessEntry;
use crate::wire::close::CloseReason;
use crate::wire::frame::{Frame, Opcode, slices};
use backlog::{Backlog, Class};

/// One connection's outgoing side. Shared by its rooms and its own task.
///
/// What a fan-out touches stands first and together, so that there is less of it to fetch for each connection.
#[derive(Debug)]
#[repr(C)]
pub struct Outbox {
    socket: OwnedWriteHalf,
    state: Mutex<State>,
    pulse: Pulse,
    /// Wakes the connection's task when there is something for it to do here, which `attention` says.
    waker: AtomicWaker,
    attention: AtomicBool,
    budget: usize,
}

/// How often an outbox has dropped document frames: who has not been healed since then has a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epoch(u32);

#[derive(Debug)]
struct State {
    /// What waits for the socket or for the connection's task, if there is anything.
    backlog: Option<Box<Backlog>>,
    flow: Flow,
    epoch: Epoch,
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

/// How much the socket took.
enum Taken {
    All,
    /// So many bytes, and for now no more.
    Part(usize),
}

impl Outbox {
    /// An outbox that writes to `socket` and queues up to `budget` bytes of document frames.
    pub fn new(socket: OwnedWriteHalf, budget: usize, now: Instant) -> Self {
        let state = State { backlog: None, flow: Flow::Flowing, epoch: Epoch::default(), closing: None };
        Self {
            socket,
            state: Mutex::new(state),
            pulse: Pulse::new(now),
            waker: AtomicWaker::new(),
            attention: AtomicBool::new(false),
            budget,
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

    /// Reads in the outbox and in the socket behind it, so that their memory is on its way into the cache when they are
    /// needed. For `fan_out`, which does that for several at once.
    pub(super) fn prefetch(&self) {
        black_box((self.state.is_poisoned(), self.pulse.said()));
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
        let flows = state.flow == Flow::Flowing && state.epoch == line.epoch();
        let is_behind = state.backlog.as_ref().is_some_and(|backlog| backlog.is_behind());
        if flows && !is_behind {
            let all = frames.iter().chain(presence.map(|presence| presence.frame));
            let taken = self.write(&all);
            self.pulse.say(now);
            let Taken::Part(taken) = taken else { return Delivered::Written };
            state.backlog(now).take_rest(now, taken, line, frames, presence);
            self.call(state);
            return Delivered::Queued;
        }
        let delivered = match (flows, frames) {
            (false, _) => Delivered::Dropped,
            (true, []) => Delivered::Written,
            (true, frames) => self.queue(&mut state, now, frames),
        };
        if let Some(presence) = presence {
            state.backlog(now).keep_presence(line, presence.entries);
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
        match state.backlog.as_mut().filter(|backlog| backlog.has_frames()) {
            None => {
                let Taken::Part(taken) = self.write(&std::iter::once(frame)) else { return };
                state.backlog(now).begin(now, taken, frame.clone(), Class::Control);
            }
            Some(backlog) if backlog.waiting_control() + frame.len() > self.budget => {
                state.close_at_once(CloseReason::SlowClient);
            }
            Some(backlog) => backlog.push(frame.clone(), Class::Control),
        }
        self.call(state);
    }

    /// Whether nothing waits that makes up for nothing: then there may be one more long answer.
    pub fn is_free(&self) -> bool {
        !self.lock().backlog.as_ref().is_some_and(|backlog| backlog.has_control())
    }

    /// Tells the connection's task that a room ended one line.
    pub(super) fn end_line(&self, line: ConnectionId, reason: CloseReason) {
        let mut state = self.lock();
        state.backlog(Instant::now()).end_line(line, reason);
        self.call(state);
    }

    /// Forgets what waits for a line that is gone.
    pub fn forget_line(&self, line: ConnectionId) {
        if let Some(backlog) = &mut self.lock().backlog {
            backlog.forget_line(line);
        }
    }

    /// Sends what is queued, then a close frame, and nothing after it.
    pub fn close(&self, reason: CloseReason) {
        let mut state = self.lock();
        if state.closing.is_none() {
            state.closing = Some(reason);
            state.backlog(Instant::now()).push(reason.frame(), Class::Control);
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
            if let Some((line, reason)) = state.backlog.as_mut().and_then(|backlog| backlog.next_ended()) {
                return Poll::Ready(Ok(Drained::Ended(line, reason)));
            }
            match self.flush(&mut state)? {
                Flushed::Blocked => {
                    drop(state);
                    ready!(self.socket.as_ref().poll_write_ready(context))?;
                }
                Flushed::Empty => {
                    state.backlog = None;
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
        let has_frames = state.backlog.as_ref().is_some_and(|backlog| backlog.has_frames());
        !has_frames && state.flow == Flow::Flowing && state.epoch == epoch
    }

    /// Asks the peer whether it lives.
    pub fn ask(&self, now: Instant) {
        self.pulse.ask(now);
        self.control(now, &Frame::new(Opcode::Ping, &[], Bytes::new()));
    }

    /// Since when the socket has taken nothing of what is queued; nothing when nothing is queued.
    pub fn stalled_since(&self) -> Option<Instant> {
        self.lock().backlog.as_ref().and_then(|backlog| backlog.stalled_since())
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

    fn queue(&self, state: &mut State, now: Instant, frames: &[Frame]) -> Delivered {
        let bytes: usize = frames.iter().map(Frame::len).sum();
        let backlog = state.backlog(now);
        let waiting = backlog.document_bytes();
        if waiting + bytes > self.budget && waiting > 0 {
            backlog.drop_documents();
            state.flow = Flow::Overflowed;
            state.epoch.0 = state.epoch.0.wrapping_add(1);
            return Delivered::Overflowed;
        }
        for frame in frames {
            backlog.push(frame.clone(), Class::Document);
        }
        Delivered::Queued
    }

    /// Writes until the socket takes no more. An error counts as taking nothing: the connection's task meets it when it
    /// tries again.
    ///
    /// It asks the kernel without asking the runtime first, for the socket nearly always takes something, and what the
    /// runtime knows is one more thing to fetch from memory. Where `main` is Rust's, `SIGPIPE` is ignored.
    fn write<'f>(&self, frames: &(impl Iterator<Item = &'f Frame> + Clone)) -> Taken {
        let socket = SockRef::from(self.socket.as_ref());
        let mut done = 0;
        loop {
            let slices = slices(frames.clone(), done);
            // One piece, which is what nearly every delivery is, goes out a little cheaper by itself.
            let (written, all) = match &slices[..] {
                [] => return Taken::All,
                [piece] => (socket.send(piece), piece.len()),
                pieces => (socket.send_vectored(pieces), usize::MAX),
            };
            match written {
                Ok(taken) if taken == all => return Taken::All,
                Ok(taken @ 1..) => done += taken,
                _ => return Taken::Part(done),
            }
        }
    }

    fn flush(&self, state: &mut State) -> io::Result<Flushed> {
        let is_closing = state.closing.is_some();
        let Some(backlog) = &mut state.backlog else { return Ok(Flushed::Empty) };
        loop {
            if !backlog.has_frames() {
                if is_closing || !backlog.is_behind() {
                    return Ok(Flushed::Empty);
                }
                backlog.queue_presence();
            }
            // Through the runtime: only a refusal that it sees makes `poll_write_ready` wait.
            let (frames, written) = backlog.frames();
            let written = self.socket.try_write_vectored(&slices(frames, written));
            match written {
                Ok(taken) => backlog.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) => return Err(error),
            }
        }
    }
}

impl State {
    fn backlog(&mut self, now: Instant) -> &mut Backlog {
        self.backlog.get_or_insert_with(|| Box::new(Backlog::new(now)))
    }

    /// A connection that is closed at once in the middle of a frame has nothing left to say.
    fn given_up(&self) -> Option<CloseReason> {
        let backlog = self.backlog.as_ref()?;
        self.closing.filter(|_| backlog.has_begun() && !backlog.has_control())
    }

    fn close_at_once(&mut self, reason: CloseReason) {
        let reason = *self.closing.get_or_insert(reason);
        let backlog = self.backlog(Instant::now());
        backlog.drop_all();
        if !backlog.has_begun() {
            backlog.push(reason.frame(), Class::Control);
        }
    }
}

#[cfg(test)]
mod tests;
