//! A Hocuspocus client: one socket, several documents, each shown in by a token of its own while the others go on.
//! `document` is one document on the socket, `texts` the texts that clients say to each other. It must never let
//! anything of a document reach its room before the client was shown in, and never close the socket for what is wrong
//! with one document.

mod document;
mod texts;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::select_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hashbrown::HashMap;

use super::connection::{Connection, Event};
use super::door::{Door, TurnedAway};
use super::seat::{Reading, Seat, malformed, while_here};
use crate::access::{Identity, Refused, Token};
use crate::hub::alarm::Alarm;
use crate::hub::mail::Mail;
use crate::hub::registry::RoomFailed;
use crate::room::client::Receipt;
use crate::room::id::{ConnectionId, RoomId};
use crate::wire::close::{CloseReason, Scope};
use crate::wire::frame::Frame;
use crate::wire::hocuspocus::{Address, ClientFrame, ClientMessage, decode, permission_denied, pong, token_wanted};
use crate::wire::lib0::Malformed;
use document::{Document, Open, Waiting};
use texts::Texts;

/// The most bytes of a session behind a document's name.
const SESSION_BYTES: usize = 256;

/// Limits of one socket.
#[derive(Debug, Clone, Copy)]
pub struct HocuspocusLimits {
    /// Documents.
    pub documents: usize,
    /// Bytes of a document's name.
    pub name_bytes: usize,
    /// Bytes of messages that wait until their documents are opened.
    pub waiting_bytes: usize,
    /// The same in messages.
    pub waiting_messages: usize,
    /// How long a document may wait for its token, and the socket be without an open document.
    pub deadline: Duration,
    /// Bytes of one text.
    pub text_bytes: usize,
    /// Texts a second.
    pub texts: u32,
}

/// Serves one client until it goes or has to go; then its rooms are told, and the client is.
pub async fn serve(mut connection: Box<Connection>, door: Box<Door>, limits: HocuspocusLimits) -> CloseReason {
    let mut session = Session {
        door: Arc::from(door),
        documents: HashMap::new(),
        addresses: HashMap::new(),
        answers: FuturesUnordered::new(),
        attempts: 0,
        without: Some(Instant::now()),
        texts: Texts::new(limits.text_bytes, limits.texts),
        limits,
    };
    connection.hold_to(Some(limits.waiting_bytes));
    let conversation = AssertUnwindSafe(session.converse(&mut connection));
    let reason = conversation.catch_unwind().await.unwrap_or(CloseReason::ServerError);
    for (_, document) in session.documents.drain() {
        if let Document::Open(open) = document {
            Box::pin(open.seat.leave()).await;
        }
    }
    drop(session);
    Box::pin(connection.finish(reason)).await;
    reason
}

struct Session {
    door: Arc<Door>,
    documents: HashMap<Address, Document>,
    /// Where the rooms' connections are.
    addresses: HashMap<ConnectionId, Address>,
    answers: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    /// Numbers the tokens that are looked at: of one document only the last one counts.
    attempts: u64,
    /// Since when no document is open.
    without: Option<Instant>,
    texts: Texts,
    limits: HocuspocusLimits,
}

/// What became of a token.
struct Answer {
    address: Address,
    attempt: u64,
    verdict: Verdict,
}

enum Verdict {
    Admitted(Box<Result<Seat, TurnedAway>>),
    Renewed(Result<Arc<Identity>, Refused>),
}

enum Happened {
    Event(Event),
    Changed(Address, Result<Mail, CloseReason>),
    Answered(Answer),
    Time,
}

impl Session {
    async fn converse(&mut self, connection: &mut Connection) -> CloseReason {
        let mut alarm = Alarm::new(Instant::now());
        loop {
            if let Some(deadline) = self.deadline() {
                alarm.set(deadline);
            }
            let timed = self.deadline().is_some();
            let happened = tokio::select! {
                biased;
                (address, change) = changes(&mut self.documents) => Happened::Changed(address, change),
                Some(answer) = self.answers.next() => Happened::Answered(answer),
                event = connection.next() => match event {
                    Ok(event) => Happened::Event(event),
                    Err(reason) => return reason,
                },
                () = alarm.ring(), if timed => Happened::Time,
            };
            if let Err(reason) = self.take(connection, happened).await {
                return reason;
            }
        }
    }

    async fn take(&mut self, connection: &mut Connection, happened: Happened) -> Result<(), CloseReason> {
        match happened {
            Happened::Event(Event::Message(frame)) => self.hear(connection, frame).await,
            Happened::Event(Event::Stale) => {
                for open in self.documents.values().filter_map(Document::open) {
                    deliver(connection, &self.documents, &open.seat, open.seat.drained()).await?;
                }
                Ok(())
            }
            Happened::Event(Event::Ended(line, reason)) => {
                let Some(address) = self.addresses.get(&line).cloned() else { return Ok(()) };
                // Boxed, here and below, because an idle connection should not be as big as the rarest thing that it may do.
                Box::pin(self.end(connection, &address, reason)).await
            }
            Happened::Changed(address, Err(reason)) => Box::pin(self.end(connection, &address, reason)).await,
            Happened::Changed(address, Ok(permit)) => {
                let Some(Document::Open(open)) = self.documents.get(&address) else { return Ok(()) };
                say(connection, &open.scope(&address));
                say(connection, &Texts::of_role(&address, open.seat.pass().role()));
                deliver(connection, &self.documents, &open.seat, permit).await
            }
            Happened::Answered(answer) => Box::pin(self.take_answer(connection, answer)).await,
            Happened::Time => self.keep_time(connection),
        }
    }

    async fn hear(&mut self, connection: &mut Connection, frame: Bytes) -> Result<(), CloseReason> {
        let metrics = self.door.hub.metrics();
        metrics.frames_in.increment(1);
        metrics.bytes_in.increment(frame.len() as u64);
        let bytes = frame.len();
        let (address, message) = match decode(&frame) {
            Ok(ClientFrame::Message(address, message)) => (address, message),
            Ok(ClientFrame::Ping) => {
                say(connection, &pong());
                return Ok(());
            }
            Ok(ClientFrame::Pong) => return Ok(()),
            Err(error) => return Err(malformed(error)),
        };
        if address.len() > self.limits.name_bytes + SESSION_BYTES {
            // Nothing of it is kept, and the socket's other documents go on.
            say(connection, &permission_denied(&address, CloseReason::BadRoomName.text()));
            return Ok(());
        }
        let needs_no_token = self.needs_no_token();
        if !self.documents.contains_key(&address) {
            // Whatever else comes first is the last that a client says of a document that it has closed.
            if !message.opens_a_document() {
                return Ok(());
            }
            if self.documents.len() >= self.limits.documents {
                // Once: a Step1 follows the token.
                if needs_no_token || matches!(message, ClientMessage::Token(_)) {
                    say(connection, &permission_denied(&address, "too many documents on one socket"));
                }
                return Ok(());
            }
            self.documents.insert(address.clone(), Document::Waiting(Waiting::new(Instant::now())));
        }
        match message {
            ClientMessage::Close => Box::pin(self.close(&address)).await,
            ClientMessage::Unknown(kind) => tracing::debug!(kind, "a message of an unknown type is ignored"),
            ClientMessage::Token(token) => self.present(&address, &token)?,
            message => match self.documents.get_mut(&address).expect("it is there or was just made") {
                Document::Open(open) => {
                    open.hears(&message);
                    return self.pass_on(connection, &address, message, bytes).await;
                }
                Document::Waiting(waiting) => {
                    let needs_none = waiting.is_new() && needs_no_token;
                    let has_none = waiting.is_new() && message.is_step1();
                    // What waits is counted by its own bytes, so it must keep no others.
                    if let Ok(ClientFrame::Message(_, message)) = decode(&Bytes::copy_from_slice(&frame)) {
                        waiting.keep(message, bytes);
                    }
                    if needs_none || has_none {
                        // Each provider says who it is before its Step1, if it has a token at all.
                        self.knock(&address, None)?;
                    }
                    self.bound_waiting()?;
                }
            },
        }
        Ok(())
    }

    /// Whether a document may be asked for without a token of its own.
    fn needs_no_token(&self) -> bool {
        self.door.access.is_open() || self.door.presented.token.is_some()
    }

    /// A message of an open document.
    async fn pass_on(
        &mut self,
        connection: &mut Connection,
        address: &Address,
        message: ClientMessage,
        bytes: usize,
    ) -> Result<(), CloseReason> {
        let Some(Document::Open(open)) = self.documents.get(address) else { return Ok(()) };
        let mail = match message {
            ClientMessage::Common(message) => match open.seat.read(message, bytes) {
                Ok(Reading::Done(mail)) => Ok(mail),
                Ok(Reading::Waiting(mail)) => during(connection, &self.documents, mail).await?,
                Err(reason) => Err(reason),
            },
            ClientMessage::Stateless(text) => Ok(self.texts.admit(&open.seat, text)),
            ClientMessage::Token(_) | ClientMessage::Close | ClientMessage::Unknown(_) => Ok(None),
        };
        match mail {
            Ok(Some(mail)) => deliver(connection, &self.documents, &open.seat, mail).await,
            Ok(None) => Ok(()),
            Err(reason) => Box::pin(self.end(connection, address, reason)).await,
        }
    }

    /// The client says who it is, for the first time or again.
    fn present(&mut self, address: &Address, token: &Bytes) -> Result<(), CloseReason> {
        let token = std::str::from_utf8(token).map_err(|_| malformed(Malformed::NotUtf8))?;
        let token = Token::new(token);
        if let Some(Document::Open(_)) = self.documents.get(address) {
            self.renew(address, token)
        } else {
            self.knock(address, token)
        }
    }

    fn next_attempt(&mut self) -> Result<u64, CloseReason> {
        // An honest client has one token a document under way.
        if self.answers.len() > self.limits.documents {
            return Err(CloseReason::ProtocolError);
        }
        self.attempts += 1;
        Ok(self.attempts)
    }

    /// Asks whether the client may open the document.
    fn knock(&mut self, address: &Address, token: Option<Token>) -> Result<(), CloseReason> {
        let attempt = self.next_attempt()?;
        let Some(Document::Waiting(waiting)) = self.documents.get_mut(address) else { return Ok(()) };
        waiting.knock(attempt);
        let (door, address, limit) = (Arc::clone(&self.door), address.clone(), self.limits.name_bytes);
        self.answers.push(Box::pin(async move {
            let admitted = match RoomId::parse(address.document(), limit) {
                Ok(room) => door.admit(&room, token, Receipt::Status).await,
                Err(_) => Err(TurnedAway::NotNow(CloseReason::BadRoomName)),
            };
            Answer { address, attempt, verdict: Verdict::Admitted(Box::new(admitted)) }
        }));
        Ok(())
    }

    /// Looks at a newer token of a document that is open.
    fn renew(&mut self, address: &Address, token: Option<Token>) -> Result<(), CloseReason> {
        let attempt = self.next_attempt()?;
        let Some(Document::Open(open)) = self.documents.get_mut(address) else { return Ok(()) };
        open.renewal = attempt;
        let (door, address, room) = (Arc::clone(&self.door), address.clone(), open.seat.pass().room().clone());
        self.answers.push(Box::pin(async move {
            let identity = door.identify(&room, token).await;
            Answer { address, attempt, verdict: Verdict::Renewed(identity) }
        }));
        Ok(())
    }

    async fn take_answer(&mut self, connection: &mut Connection, answer: Answer) -> Result<(), CloseReason> {
        let Answer { address, attempt, verdict } = answer;
        match (self.documents.get_mut(&address), verdict) {
            (Some(Document::Waiting(waiting)), Verdict::Admitted(admitted)) if waiting.is_attempt(attempt) => {
                match *admitted {
                    Ok(seat) => self.open(connection, &address, seat).await,
                    Err(error) => self.turn_away(connection, &address, &error),
                }
            }
            (Some(Document::Open(open)), Verdict::Renewed(identity)) if open.renewal == attempt => {
                let renewed = identity.and_then(|identity| open.seat.pass_mut().renew(identity));
                match renewed {
                    Ok(()) => {
                        // Nothing is said: a client that sends its token whenever it is let in would never stop. Another
                        // role is told when the pass says so.
                        open.plan_renewal();
                        Ok(())
                    }
                    // What cannot be checked now is checked when the old one ends.
                    Err(Refused::StoreDown | Refused::IssuerDown | Refused::TooManyFailures { .. }) => Ok(()),
                    Err(refused) => self.end(connection, &address, (&TurnedAway::Refused(refused)).into()).await,
                }
            }
            // The document was closed meanwhile, or a newer token is looked at.
            _ => Ok(()),
        }
    }

    /// The client may open the document: it is told so, joins the room, and what it said meanwhile is looked at.
    async fn open(&mut self, connection: &mut Connection, address: &Address, seat: Seat) -> Result<(), CloseReason> {
        let Some(Document::Waiting(mut waiting)) = self.documents.remove(address) else {
            unreachable!("it waited for this");
        };
        let open = Open::after(&mut waiting, seat);
        say(connection, &open.scope(address));
        let joined = open.join(address, connection.outbox()).await;
        self.addresses.insert(open.seat.id(), address.clone());
        self.without = None;
        connection.hold_to(None);
        self.documents.insert(address.clone(), Document::Open(Box::new(open)));
        joined.map_err(|RoomFailed| CloseReason::TryAgain)?;
        let catches_up = waiting.must_catch_up();
        for (message, bytes) in waiting.into_messages() {
            self.pass_on(connection, address, message, bytes).await?;
        }
        if let (true, Some(Document::Open(open))) = (catches_up, self.documents.get(address)) {
            deliver(connection, &self.documents, &open.seat, open.seat.drained()).await?;
        }
        Ok(())
    }

    fn turn_away(
        &mut self,
        connection: &mut Connection,
        address: &Address,
        why: &TurnedAway,
    ) -> Result<(), CloseReason> {
        let reason = CloseReason::from(why);
        if reason.scope() == Scope::Socket {
            return Err(reason);
        }
        let text = if let TurnedAway::Refused(refused) = why { refused.to_string() } else { reason.text().to_owned() };
        say(connection, &permission_denied(address, &text));
        if let Some(Document::Waiting(waiting)) = self.documents.get_mut(address) {
            waiting.deny();
        }
        Ok(())
    }

    /// Ends one document; the client may come back to it with another token.
    async fn end(
        &mut self,
        connection: &mut Connection,
        address: &Address,
        reason: CloseReason,
    ) -> Result<(), CloseReason> {
        if reason.scope() == Scope::Socket {
            return Err(reason);
        }
        self.door.hub.metrics().closed(reason);
        say(connection, &permission_denied(address, reason.text()));
        if let Some(Document::Open(open)) = self.documents.remove(address) {
            open.seat.note_closed(reason);
            self.forget(&open);
            let waiting = open.end(reason, address, connection.outbox()).await;
            self.documents.insert(address.clone(), Document::Waiting(waiting));
        } else {
            tracing::info!(reason = reason.label(), "a document is not opened");
        }
        Ok(())
    }

    /// The client is done with one document.
    async fn close(&mut self, address: &Address) {
        if let Some(Document::Open(open)) = self.documents.remove(address) {
            self.forget(&open);
            open.leave().await;
        }
    }

    /// A document is open no more.
    fn forget(&mut self, open: &Open) {
        self.addresses.remove(&open.seat.id());
        if self.addresses.is_empty() {
            self.without.get_or_insert_with(Instant::now);
        }
    }

    /// What waits on one socket is bounded, whatever it waits for.
    fn bound_waiting(&mut self) -> Result<(), CloseReason> {
        let mut waiting: Vec<_> = self.documents.values_mut().filter_map(Document::waiting).collect();
        let HocuspocusLimits { waiting_bytes, waiting_messages, .. } = self.limits;
        let fits = Waiting::bound(&mut waiting, waiting_bytes, waiting_messages);
        if fits { Ok(()) } else { Err(CloseReason::TooMuchWaiting) }
    }

    /// When something is to be done though nothing happens.
    fn deadline(&self) -> Option<Instant> {
        let without = self.without.map(|since| since + self.limits.deadline);
        let documents = self.documents.values().filter_map(|document| match document {
            Document::Waiting(waiting) => waiting.waits_since().map(|since| since + self.limits.deadline),
            Document::Open(open) => open.wants_token_at(),
        });
        documents.chain(without).min()
    }

    fn keep_time(&mut self, connection: &mut Connection) -> Result<(), CloseReason> {
        let now = Instant::now();
        let deadline = self.limits.deadline;
        if self.without.is_some_and(|since| since + deadline <= now) {
            return Err(CloseReason::ConnectionTimeout);
        }
        for (address, document) in &mut self.documents {
            match document {
                Document::Waiting(waiting) if waiting.waits_since().is_some_and(|since| since + deadline <= now) => {
                    say(connection, &permission_denied(address, &Refused::NoToken.to_string()));
                    waiting.deny();
                }
                Document::Open(open) if open.wants_token_at().is_some_and(|at| at <= now) => {
                    open.token_wanted = true;
                    say(connection, &token_wanted(address));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Waits until the client's right to some document changes. Cancel-safe.
async fn changes(documents: &mut HashMap<Address, Document>) -> (Address, Result<Mail, CloseReason>) {
    let open = documents.iter_mut().filter_map(|(address, document)| match document {
        Document::Open(open) if open.seat.may_change() => Some((address, open)),
        _ => None,
    });
    let waits: Vec<_> =
        open.map(|(address, open)| Box::pin(async move { (address.clone(), open.seat.change().await) })).collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    select_all(waits).await.0
}

fn say(connection: &Connection, frame: &Frame) {
    connection.outbox().control(Instant::now(), frame);
}

async fn deliver(
    connection: &mut Connection,
    documents: &HashMap<Address, Document>,
    seat: &Seat,
    mail: Mail,
) -> Result<(), CloseReason> {
    let failed = |RoomFailed| CloseReason::TryAgain;
    match seat.try_send(mail).map_err(failed)? {
        None => Ok(()),
        Some(mail) => Box::pin(during(connection, documents, seat.send(mail))).await?.map_err(failed),
    }
}

/// Does something for one document for which others may have to be waited for: no longer than the client may be in all
/// of its documents. When one of these rights ends meanwhile the socket does; the client comes back with it for what it
/// still may.
async fn during<T>(
    connection: &mut Connection,
    documents: &HashMap<Address, Document>,
    work: impl Future<Output = T>,
) -> Result<T, CloseReason> {
    let seats = documents.values().filter_map(Document::open).map(|open| &open.seat);
    Box::pin(connection.during(while_here(seats, work))).await?.map_err(|_| CloseReason::TryAgain)
}
