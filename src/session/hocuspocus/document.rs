//! One document on a Hocuspocus socket: waiting to be opened, with what the client said meanwhile, or open.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::hub::line::Line;
use crate::hub::outbox::Outbox;
use crate::hub::registry::RoomFailed;
use crate::room::role::Writes;
use crate::session::seat::Seat;
use crate::wire::Protocol;
use crate::wire::close::CloseReason;
use crate::wire::frame::Frame;
use crate::wire::hocuspocus::{Address, AuthorizedScope, ClientMessage, authenticated};

/// So long before a token ends the client is asked for a newer one, or when half of its time is over.
const RENEWAL: Duration = Duration::from_mins(1);

/// See the module.
pub enum Document {
    /// The client has not been shown in, or not any more.
    Waiting(Waiting),
    /// The client is in the room.
    Open(Box<Open>),
}

impl Document {
    /// The document, if it is open.
    pub fn open(&self) -> Option<&Open> {
        if let Self::Open(open) = self { Some(open) } else { None }
    }

    /// The document, if it waits.
    pub fn waiting(&mut self) -> Option<&mut Waiting> {
        if let Self::Waiting(waiting) = self { Some(waiting) } else { None }
    }
}

/// A document at the door. What is said meanwhile is kept, so that a good token after a bad one needs no new beginning.
pub struct Waiting {
    messages: VecDeque<(ClientMessage, usize)>,
    bytes: usize,
    since: Instant,
    state: Knock,
    past: Past,
    counted: Counted,
}

/// How a room that showed the client out still tells it what became of the updates that it counts. Given up when the
/// client counts anew, or is done with the document: one that it does not wait for would be one too many.
type Counted = Option<Arc<Line>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knock {
    /// No token was looked at.
    NotYet,
    /// This attempt is looked at.
    Asked(u64),
    /// The last one was refused.
    Denied,
}

/// What the client has of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// What it says itself.
    New,
    /// It was in the room before, and misses what was said since.
    WasOpen,
    /// It was closed for what it sent, or said too much at the door: nothing more is kept.
    Spoiled,
}

impl Waiting {
    /// A document that the client has just named.
    pub fn new(now: Instant) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, since: now, state: Knock::NotYet, past: Past::New, counted: None }
    }

    /// A document that was open until the client was closed for `reason`.
    fn after(reason: CloseReason, now: Instant) -> Self {
        let past = match reason {
            CloseReason::Malformed | CloseReason::TooLarge => Past::Spoiled,
            _ => Past::WasOpen,
        };
        Self { state: Knock::Denied, past, ..Self::new(now) }
    }

    /// Whether no token was looked at.
    pub fn is_new(&self) -> bool {
        self.state == Knock::NotYet
    }

    /// Whether this is the attempt that counts.
    pub fn is_attempt(&self, attempt: u64) -> bool {
        self.state == Knock::Asked(attempt)
    }

    /// A token is being looked at.
    pub fn knock(&mut self, attempt: u64) {
        self.state = Knock::Asked(attempt);
    }

    /// It was refused.
    pub fn deny(&mut self) {
        self.state = Knock::Denied;
    }

    /// Since when nobody has said who the client is, if that is what it waits for.
    pub fn waits_since(&self) -> Option<Instant> {
        (self.state == Knock::NotYet).then_some(self.since)
    }

    /// Keeps a message until the document is open.
    pub fn keep(&mut self, message: ClientMessage, bytes: usize) {
        if message.is_step1() {
            self.counted = None;
        }
        if self.past != Past::Spoiled {
            self.bytes += bytes;
            self.messages.push_back((message, bytes));
        }
    }

    /// Bounds what is kept for all documents of a socket; says whether it fits.
    pub fn bound(all: &mut [&mut Self], bytes: usize, messages: usize) -> bool {
        let fits = |all: &[&mut Self]| {
            let kept = |size: fn(&Self) -> usize| all.iter().map(|waiting| size(waiting)).sum::<usize>();
            kept(|waiting| waiting.bytes) <= bytes && kept(|waiting| waiting.messages.len()) <= messages
        };
        if !fits(all) {
            // Nobody is going to ask for what waits at a closed door.
            all.iter_mut().filter(|waiting| waiting.state == Knock::Denied).for_each(|waiting| waiting.give_up());
        }
        fits(all)
    }

    /// Gives up what is kept.
    fn give_up(&mut self) {
        *self = Self { state: self.state, past: Past::Spoiled, ..Self::new(self.since) };
    }

    /// Whether the client lacks something that it will not ask for.
    pub fn must_catch_up(&self) -> bool {
        self.past != Past::New && !self.messages.iter().any(|(message, _)| message.is_step1())
    }

    /// All that is kept, in order.
    pub fn into_messages(self) -> VecDeque<(ClientMessage, usize)> {
        self.messages
    }
}

/// A document whose room the client is in.
pub struct Open {
    /// Its place there.
    pub seat: Seat,
    /// The client was asked for a newer token.
    pub token_wanted: bool,
    /// The last attempt to renew.
    pub renewal: u64,
    asks_at: Option<Instant>,
    counted: Counted,
}

impl Open {
    /// A document that may be opened; it waited until now.
    pub fn after(waiting: &mut Waiting, seat: Seat) -> Self {
        let counted = waiting.counted.take();
        let mut open = Self { seat, token_wanted: false, renewal: 0, asks_at: None, counted };
        open.plan_renewal();
        open
    }

    /// The client says something: with a Step1 it counts its updates anew.
    pub fn hears(&mut self, message: &ClientMessage) {
        if message.is_step1() {
            self.counted = None;
        }
    }

    /// Notes when the client is to be asked for a newer token.
    pub fn plan_renewal(&mut self) {
        let left = self.seat.pass().expires_at().map(|end| end.duration_since(SystemTime::now()).unwrap_or_default());
        self.token_wanted = false;
        self.asks_at = left.map(|left| Instant::now() + left.saturating_sub(RENEWAL).max(left / 2));
    }

    /// Joins the room.
    pub async fn join(&self, address: &Address, outbox: &Arc<Outbox>) -> Result<(), RoomFailed> {
        self.seat.take(Protocol::Hocuspocus(address.clone()), Arc::clone(outbox)).await
    }

    /// Leaves the room.
    pub async fn leave(self) {
        self.seat.leave().await;
    }

    /// Leaves the room because the client has to, for `reason`, and waits at its door.
    pub async fn end(self, reason: CloseReason, address: &Address, outbox: &Arc<Outbox>) -> Waiting {
        let mut waiting = Waiting::after(reason, Instant::now());
        if waiting.past == Past::Spoiled {
            self.seat.leave().await;
            return waiting;
        }
        let (id, protocol) = (self.seat.id(), Protocol::Hocuspocus(address.clone()));
        let line = self.counted.unwrap_or_else(|| Arc::new(Line::new(id, protocol, Arc::clone(outbox))));
        self.seat.show_out(Arc::downgrade(&line)).await;
        waiting.counted = Some(line);
        waiting
    }

    /// What tells the client what it may do.
    pub fn scope(&self, address: &Address) -> Frame {
        let scope = match self.seat.pass().writes() {
            Writes::Nothing => AuthorizedScope::ReadOnly,
            Writes::Comments | Writes::Everything => AuthorizedScope::ReadWrite,
        };
        authenticated(address, scope)
    }

    /// When the client is to be asked for a newer token, if it was not asked.
    pub fn wants_token_at(&self) -> Option<Instant> {
        self.asks_at.filter(|_| !self.token_wanted)
    }
}
