//! A JSON socket: a program in its one room that hears events and asks for things, without a document of its own. What it says
//! wrong is answered with what is wrong; the socket stays. `asking` does what it asks of the room.
//! It must never let anything of a client reach a room before the client was shown in, and never wait for one answer
//! before it reads on.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use jiff::Timestamp;

use super::asking::{Fields, ask, say};
use super::connection::{Connection, Event as Happening, Form};
use super::consumer::{events_per_second, quota};
use super::deciding::decide;
use super::door::Door;
use super::seat::{Seat, while_here};
use crate::access::{Action, Identity, Refused, Token};
use crate::hub::follower::{Followed, Follower, RoomClosed};
use crate::hub::mail::Mail;
use crate::hub::members::KEEP_ALIVE;
use crate::hub::registry::RoomFailed;
use crate::room::client::Receipt;
use crate::room::event::request::{self, POINTERS_MAX, Request, Subscription};
use crate::room::event::{Event, Expiry, Fault, Gap, RoleChanged, SocketLimits, moment};
use crate::room::id::RoomId;
use crate::room::input::Input;
use crate::room::kept::EventSeq;
use crate::room::listeners::Greeting;
use crate::room::role::Role;
use crate::wire::close::CloseReason;
use crate::wire::{Protocol, ServerMessage};

/// So long before its end a client is told that its token ends.
const EXPIRING: Duration = Duration::from_mins(5);
/// Between two looks whether a long answer was taken.
const FULL: Duration = Duration::from_millis(20);
/// Whoever goes on after being told so often that there is too much is hostile.
const WARNINGS_MAX: u32 = 100;

/// Limits of one socket.
#[derive(Debug, Clone, Copy)]
pub struct EventLimits {
    /// Bytes of one event but `doc.patch`.
    pub event_bytes: usize,
    /// Bytes of a `doc.patch`.
    pub patch_bytes: usize,
    /// Operations of one.
    pub patch_operations: usize,
    /// Events a second of a person's program; three times that of an agent.
    pub events: u32,
    /// Requests that may be unanswered.
    pub requests: usize,
}

/// Serves one client until it goes or has to go; then the room is told, and the client is.
///
/// `after` is the event behind which kept ones are to follow; without it, those that come.
pub async fn serve(
    mut connection: Box<Connection>,
    door: Box<Door>,
    room: RoomId,
    after: Option<EventSeq>,
    limits: EventLimits,
) -> CloseReason {
    connection.speak(Form::Text);
    let admitted = connection.during(Box::pin(door.admit(&room, None, Receipt::Events))).await;
    let seat = match admitted {
        Ok(Ok(seat)) => seat,
        refused => {
            let reason = refused.map_or_else(|reason| reason, |refused| (&refused.err().expect("no seat")).into());
            Box::pin(connection.finish(reason)).await;
            return reason;
        }
    };
    let mut session = Session::new(door, seat, limits);
    let conversation = AssertUnwindSafe(session.converse(&mut connection, after));
    let reason = conversation.catch_unwind().await.unwrap_or(CloseReason::ServerError);
    session.say(&connection, &Event::Closing(reason.into()), None);
    Box::pin(session.seat.leave()).await;
    session.answers.clear();
    Box::pin(connection.finish(reason)).await;
    reason
}

/// A newer token that was looked at, and the `ref` of who sent it.
type Renewal = (Option<String>, Result<Arc<Identity>, Refused>);
/// What is said in answer, if anything is.
struct Reply {
    reference: Option<String>,
    event: Option<Event>,
}

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Session {
    door: Arc<Door>,
    seat: Seat,
    limits: SocketLimits,
    rate: DefaultDirectRateLimiter,
    warnings: u32,
    /// The client's role, as it was told last.
    role: Role,
    /// What the room is asked.
    answers: FuturesUnordered<Pending<Reply>>,
    /// What is kept and is to be told.
    follower: Option<Follower>,
    /// The newer token that is looked at, and the `ref` of who sent it.
    renewal: Option<Pending<Renewal>>,
    /// When the client is to be told that its token ends.
    expiring: Option<Instant>,
}

impl Session {
    fn new(door: Box<Door>, seat: Seat, limits: EventLimits) -> Self {
        let per_second = events_per_second(limits.events, seat.pass().principal().id.kind());
        let quota = quota(per_second);
        let limits = SocketLimits {
            event_bytes: limits.event_bytes,
            patch_bytes: limits.patch_bytes,
            patch_operations: limits.patch_operations,
            events_per_second: per_second,
            requests: limits.requests,
        };
        let role = seat.pass().role();
        let mut session = Self {
            door: Arc::from(door),
            seat,
            limits,
            rate: RateLimiter::direct(quota),
            warnings: 0,
            role,
            answers: FuturesUnordered::new(),
            follower: None,
            renewal: None,
            expiring: None,
        };
        session.plan_expiring();
        session
    }

    async fn converse(&mut self, connection: &mut Connection, after: Option<EventSeq>) -> CloseReason {
        let greeting = Greeting {
            role: self.seat.pass().role(),
            limits: self.limits,
            heartbeat: KEEP_ALIVE,
            expires_at: self.expires_at(),
            region: self.door.hub.region().map(|region| region.as_str().to_owned()),
            cursor: after,
        };
        let outbox = Arc::clone(connection.outbox());
        match connection.during(self.seat.take_as_listener(outbox, greeting)).await {
            Ok(Ok(follower)) => self.follower = Some(follower),
            Ok(Err(RoomFailed)) => return CloseReason::TryAgain,
            Err(reason) => return reason,
        }
        loop {
            if let Err(reason) = self.step(connection).await {
                return reason;
            }
        }
    }

    /// Waits for one thing to happen and does what it takes.
    async fn step(&mut self, connection: &mut Connection) -> Result<(), CloseReason> {
        let expiring = self.expiring;
        // A client that has not taken the answer before gets no other one meanwhile.
        let is_free = connection.outbox().is_free();
        let happened = tokio::select! {
            biased;
            change = self.seat.change() => {
                let permit = change?;
                let member = self.seat.pass().principal().id.as_str().to_owned();
                let before = std::mem::replace(&mut self.role, self.seat.pass().role());
                let changed = RoleChanged { member, role: Some(self.role.as_str()), before: Some(before.as_str()) };
                self.say(connection, &Event::MemberRole(changed), None);
                return tell(&self.seat, connection, permit).await;
            }
            () = tokio::time::sleep(FULL), if !is_free => return Ok(()),
            Some(answer) = self.answers.next(), if is_free && !self.answers.is_empty() => {
                let Reply { reference, event } = answer;
                if let Some(event) = event {
                    self.say(connection, &event, reference.as_deref());
                }
                return Ok(());
            }
            followed = follow(&mut self.follower), if is_free => {
                match followed {
                    Ok(Followed::Kept { json, .. } | Followed::Passing(json)) => say_json(connection, json),
                    // All else it hears by its socket.
                    Ok(Followed::Missed) => {}
                    Ok(Followed::Gap { after, next }) => {
                        let gap = Gap { after: after.0.to_string(), next: next.0.to_string() };
                        self.say(connection, &Event::Gap(gap), None);
                    }
                    Err(RoomClosed) => self.follower = None,
                }
                return Ok(());
            }
            (reference, identity) = wait(&mut self.renewal) => {
                self.renewal = None;
                self.renew(connection, reference.as_deref(), identity);
                return Ok(());
            }
            () = until(expiring) => {
                self.expiring = None;
                self.say(connection, &Event::AuthExpiring(self.expiry()), None);
                return Ok(());
            }
            happened = connection.next() => happened?,
        };
        match happened {
            Happening::Stale => tell(&self.seat, connection, self.seat.drained()).await,
            Happening::Ended(_, reason) => Err(reason),
            Happening::Message(frame) => {
                self.seat.count(frame.len());
                self.hear(connection, &frame).await
            }
        }
    }

    /// Takes a frame of the client.
    async fn hear(&mut self, connection: &mut Connection, frame: &Bytes) -> Result<(), CloseReason> {
        let most = self.limits.patch_bytes.max(self.limits.event_bytes);
        if frame.len() > most {
            self.say(connection, &Event::Error(too_large(frame.len(), most)), None);
            return Ok(());
        }
        let text = std::str::from_utf8(frame).map_err(|_| CloseReason::UnsupportedData)?;
        let request::Said { reference, kind, request } = request::read(text);
        let reference = reference.as_deref();
        if let Err(not_until) = self.rate.check() {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            return self.warn(connection, wait, reference);
        }
        let is_patch = kind.as_deref() == Some(request::PATCH);
        let most = if is_patch { self.limits.patch_bytes } else { self.limits.event_bytes };
        if frame.len() > most {
            self.say(connection, &Event::Error(too_large(frame.len(), most)), reference);
            return Ok(());
        }
        let request = match request {
            Ok(request) => request,
            Err(fault) => {
                self.say(connection, &Event::Error(fault), reference);
                return Ok(());
            }
        };
        match self.take(request, reference) {
            Ok(Some(mail)) => tell(&self.seat, connection, mail).await,
            Ok(None) => Ok(()),
            Err(event) => {
                self.say(connection, &event, reference);
                Ok(())
            }
        }
    }

    /// What the room is to be told of a request, if anything; an error is what is said in answer at once.
    fn take(&mut self, request: Request, reference: Option<&str>) -> Result<Option<Mail>, Event> {
        let from = self.seat.id();
        match request {
            Request::Status(status) => {
                self.seat.pass().may(Action::Report).allowed().map_err(Fault::from)?;
                Ok(Some(Mail::Said(Input::Status { from, status })))
            }
            Request::Presence(attention) => Ok(Some(Mail::Said(Input::Attend { from, attention }))),
            Request::Subscribe(wanted) => {
                check(&wanted)?;
                Ok(Some(Mail::Said(Input::Subscribe { from, wanted })))
            }
            Request::Ping => Err(Event::Pong),
            Request::Refresh(refresh) => {
                if self.renewal.is_some() {
                    return Err(busy("A token is being looked at.").into());
                }
                let Some(token) = Token::new(&refresh.token) else {
                    let fault = Fault::new("auth_failed", "There is no newer token.").at("/data/token");
                    return Err(fault.into());
                };
                let (door, room) = (Arc::clone(&self.door), self.seat.pass().room().clone());
                let reference = reference.map(str::to_owned);
                self.renewal = Some(Box::pin(async move {
                    let identity = door.identify(&room, Some(token)).await;
                    (reference, identity)
                }));
                Ok(None)
            }
            Request::Undo(_) | Request::Accept(_) | Request::Reject(_) => {
                self.may_ask()?;
                let decided = decide(&self.door.hub, self.seat.pass(), &request, self.limits)?;
                let reference = reference.map(str::to_owned);
                self.answers.push(Box::pin(async move { Reply { reference, event: Some(decided.await) } }));
                Ok(None)
            }
            Request::Read(_)
            | Request::Patch(_)
            | Request::AddComment(_)
            | Request::EditComment(_)
            | Request::ResolveComment(_) => {
                self.may_ask()?;
                let most = self.limits.patch_operations;
                let asked = ask(&self.door.hub, self.seat.pass(), request, most, Fields::InFrame)?;
                let reference = reference.map(str::to_owned);
                self.answers.push(Box::pin(async move { Reply { reference, event: Some(asked.await) } }));
                Ok(None)
            }
            said => {
                self.may_ask()?;
                let (mail, answered) = say(self.seat.pass(), said)?;
                let reference = reference.map(str::to_owned);
                self.answers.push(Box::pin(async move { Reply { reference, event: answered.await } }));
                Ok(Some(mail))
            }
        }
    }

    /// Whether there may be one more request without an answer.
    fn may_ask(&self) -> Result<(), Fault> {
        if self.answers.len() < self.limits.requests {
            return Ok(());
        }
        Err(busy("Too many requests are unanswered."))
    }

    /// A newer token was looked at.
    fn renew(&mut self, connection: &Connection, reference: Option<&str>, identity: Result<Arc<Identity>, Refused>) {
        match identity.and_then(|identity| self.seat.pass_mut().renew(identity)) {
            Ok(()) => {
                self.plan_expiring();
                self.say(connection, &Event::AuthRefreshed(self.expiry()), reference);
            }
            Err(refused) => {
                let retryable =
                    matches!(refused, Refused::StoreDown | Refused::IssuerDown | Refused::TooManyFailures { .. });
                let fault = Fault::new("auth_failed", format!("The newer token is not taken: {refused}."));
                let fault = fault.at("/data/token").hint("The present token counts until its end.");
                let fault = if retryable { fault.retry_after(Duration::from_secs(1)) } else { fault };
                self.say(connection, &Event::Error(fault), reference);
            }
        }
    }

    /// Says that there is too much; whoever does not listen is closed.
    fn warn(&mut self, connection: &Connection, wait: Duration, reference: Option<&str>) -> Result<(), CloseReason> {
        self.warnings += 1;
        if self.warnings > WARNINGS_MAX {
            return Err(CloseReason::RateLimited);
        }
        let fault = Fault::new("rate_limited", format!("More than {} events a second.", self.limits.events_per_second));
        let fault = fault.retry_after(wait).hint("What was said was not taken: say it again, later.");
        self.say(connection, &Event::Error(fault), reference);
        Ok(())
    }

    fn say(&self, connection: &Connection, event: &Event, reference: Option<&str>) {
        let json = event.encode(Some(self.seat.pass().room()), Timestamp::now(), None, reference);
        say_json(connection, json);
    }

    fn plan_expiring(&mut self) {
        let left = self.seat.pass().expires_at().and_then(|end| end.duration_since(SystemTime::now()).ok());
        // Of a token that is shorter than that it is known anyhow.
        self.expiring = left.and_then(|left| Instant::now().checked_add(left.checked_sub(EXPIRING)?));
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.seat.pass().expires_at().and_then(|end| Timestamp::try_from(end).ok())
    }

    fn expiry(&self) -> Expiry {
        Expiry { expires_at: self.expires_at().map(moment) }
    }
}

fn say_json(connection: &Connection, json: Bytes) {
    let frame = Protocol::Events.frame(&ServerMessage::Event(json)).expect("it has events");
    connection.outbox().control(Instant::now(), &frame);
}

/// What comes next of what is kept. Cancel-safe.
async fn follow(follower: &mut Option<Follower>) -> Result<Followed, RoomClosed> {
    match follower {
        Some(follower) => follower.next().await,
        None => std::future::pending().await,
    }
}

/// Tells the room something, for as long as the client may be there.
async fn tell(seat: &Seat, connection: &mut Connection, mail: Mail) -> Result<(), CloseReason> {
    let failed = |RoomFailed| CloseReason::TryAgain;
    let Some(mail) = seat.try_send(mail).map_err(failed)? else { return Ok(()) };
    match Box::pin(connection.during(while_here(std::iter::once(seat), seat.send(mail)))).await? {
        Ok(told) => told.map_err(failed),
        Err(end) => Err(end.into()),
    }
}

fn check(wanted: &Subscription) -> Result<(), Fault> {
    let wrong = Fault::new("invalid_message", "The subscription cannot be taken.");
    if wanted.pointers.len() > POINTERS_MAX {
        let received = format!("{} pointers", wanted.pointers.len());
        return Err(wrong.at("/data/pointers").expected(format!("at most {POINTERS_MAX} pointers")).received(received));
    }
    match wanted.pointers.iter().position(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        Some(at) => {
            let received: String = wanted.pointers[at].chars().take(100).collect();
            let expected = "a JSON pointer, which begins with a slash";
            Err(wrong.at(format!("/data/pointers/{at}")).expected(expected).received(received))
        }
        None => Ok(()),
    }
}

fn too_large(bytes: usize, most: usize) -> Fault {
    let fault = Fault::new("message_too_large", "The event is too large.");
    fault.expected(format!("at most {most} bytes")).received(format!("{bytes} bytes")).hint("Split it.")
}

fn busy(message: &str) -> Fault {
    let fault = Fault::new("rate_limited", message).retry_after(Duration::from_millis(100));
    fault.hint("Wait for an answer before you ask more.")
}

/// Waits for what is there to be waited for. Cancel-safe.
async fn wait<T>(pending: &mut Option<Pending<T>>) -> T {
    match pending {
        Some(pending) => pending.await,
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
