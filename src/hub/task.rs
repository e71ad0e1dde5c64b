//! The task of one room: feeds it everything that waits, does what the effects say, keeps time, closes it.
//! It alone owns the room. Started by `opening`; it must never be waited for by another room.

mod closing;
mod following;
mod looking;
mod nodes;
mod saved;
mod time;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::alarm::{Alarm, with_others};
use super::fanout::fan_out;
use super::feed::Feed;
use super::lane::Entrance;
use super::leaving::Leaving;
use super::line::Line;
use super::mail::{Inbox, Letter, Mail};
use super::members::Members;
use super::pace::Pace;
use super::registry::Generation;
use super::retaining::Retaining;
use super::saving::Saving;
use super::visitors::Visitors;
use super::{Drain, Shared};
use crate::bus::Seat;
use crate::room::document::Document;
use crate::room::durability::Telling;
use crate::room::effects::Effects;
use crate::room::id::{ConnectionId, RoomId};
use crate::room::input::{Admission, Input};
use crate::room::kept::EventSeq;
use crate::room::node::Recipient;
use crate::room::request::{Answer, RequestId};
use crate::room::room::Room;
use crate::store::Saved;
use crate::wire::ServerMessage;
use crate::wire::close::CloseReason;
use following::Welcome;
use looking::{Found, Looking};
use nodes::{hear, is_heavy};

/// The most mail of one turn.
const TURN_MAX: usize = 1_024;
/// And in a room where turns are dear.
const DEAR_TURN_MAX: usize = 64;
/// A turn that took longer than this is followed by one in the lane: something here is dear.
const DEAR: Duration = Duration::from_millis(5);
/// How often rows are handed over again, and refused clients asked, while too much is unsaved.
const RETRY: Duration = Duration::from_millis(250);

/// The task's state.
pub(super) struct RoomTask {
    /// Away only while it works in the lane.
    room: Option<Room>,
    members: Members,
    feed: Feed,
    saving: Saving,
    retaining: Retaining,
    /// The room's place among the nodes, when there can be others.
    seat: Option<Seat>,
    looking: Looking,
    mail: Inbox,
    /// Mail of the coming turn.
    waiting: Vec<Letter>,
    leaving: Leaving,
    visitors: Visitors,
    /// Whether the room is being deleted.
    deleted: bool,
    /// What those are told who are still here when the task ends.
    farewell: CloseReason,
    /// The last turn was dear, so the next one is done in the lane.
    dear: bool,
    updates: Pace,
    presence: Pace,
    /// Echoes that go out with what comes of the turn.
    echoes: Vec<(ConnectionId, ServerMessage)>,
    /// When presence that was held back is to be sent.
    presence_due: Option<Instant>,
    /// No presence expires before this.
    expiry: Option<Instant>,
    idle_since: Option<Instant>,
    /// When something is to be done though nothing happens.
    due: Instant,
    alarm: Alarm,
    shared: Arc<Shared>,
    id: RoomId,
    generation: Generation,
}

/// What a room is opened with.
pub(super) struct Opened {
    /// Its document, just loaded.
    pub document: Document,
    /// The newest event in its log.
    pub last_event: EventSeq,
    /// Its side of the log.
    pub saving: Saving,
    /// Its place among the nodes.
    pub seat: Option<Seat>,
}

enum Event {
    Mail,
    Durable(Saved),
    Compacted,
    Found(Found),
    Time,
    Drain,
    /// Nobody can send mail any more: the registry has let go of the room.
    Deserted,
}

impl RoomTask {
    /// A task around a document that was just loaded.
    pub(super) fn new(
        shared: Arc<Shared>,
        id: RoomId,
        generation: Generation,
        opened: Opened,
        mail: Inbox,
        drain: watch::Receiver<Option<Arc<Drain>>>,
    ) -> Self {
        let now = Instant::now();
        let Opened { document, last_event, saving, seat } = opened;
        let mut room = Room::new(now, document, shared.options.room);
        room.introduce(id.clone(), now, Timestamp::now());
        room.remember(last_event);
        if let Some(seat) = &seat {
            room.share(now, seat.spread(), seat.others());
        }
        Self {
            room: Some(room),
            members: Members::new(now, shared.options.patience, Arc::clone(&shared.metrics)),
            feed: Feed::default(),
            saving,
            retaining: Retaining::new(shared.store.clone(), id.clone(), shared.options.retention, last_event),
            seat,
            looking: Looking::default(),
            mail,
            waiting: Vec::new(),
            leaving: Leaving::new(drain),
            visitors: Visitors::default(),
            deleted: false,
            farewell: CloseReason::ServerError,
            dear: false,
            updates: Pace::of_updates(),
            presence: Pace::of_presence(),
            echoes: Vec::new(),
            presence_due: None,
            expiry: None,
            idle_since: Some(now),
            due: now,
            alarm: Alarm::new(now),
            shared,
            id,
            generation,
        }
    }

    /// Lives until nobody needs the room, or it is lost. What is rare and big is boxed: a quiet room should be small.
    pub(super) async fn run(mut self: Box<Self>) {
        if Box::pin(self.meet()).await.is_err() {
            return;
        }
        loop {
            if self.room().has_requests() && self.serve(Instant::now()).await.is_err() {
                return;
            }
            match self.next_event().await {
                Event::Mail => {
                    if self.turn().await.is_err() {
                        return;
                    }
                    self.look_up();
                }
                Event::Durable(saved) => self.durable(&saved),
                Event::Time => self.keep_time_if_due(),
                Event::Drain => self.leaving.plan(&self.members),
                Event::Found(found) => {
                    if Box::pin(self.take_found(found)).await.is_err() {
                        return;
                    }
                }
                Event::Compacted => {}
                Event::Deserted => return,
            }
            if self.deleted || self.saving.is_deleted() {
                return self.say_farewell();
            }
            if self.may_close() && self.shared.registry.remove_unleased(&self.id, self.generation) {
                return;
            }
        }
    }

    /// How much mail a turn takes: little in a room where it is dear, so that it leaves the lane to others in between.
    fn turn_max(&self) -> usize {
        if self.dear { DEAR_TURN_MAX } else { TURN_MAX }
    }

    /// However much mail there is, time passes and the server may be told to stop.
    fn look_up(&mut self) {
        if self.leaving.has_begun() {
            self.leaving.plan(&self.members);
        }
        self.keep_time_if_due();
    }

    async fn next_event(&mut self) -> Event {
        let now = Instant::now();
        let telling = self.telling(now);
        // Some times move on with everything that happens: what was due once stays due until it is done.
        self.due = self.deadline(now).min(self.due);
        self.alarm.set(if let Telling::By(time) = telling { self.due.min(with_others(time)) } else { self.due });
        let most = self.turn_max();
        tokio::select! {
            biased;
            progress = self.saving.progress(telling) => progress.map_or(Event::Compacted, Event::Durable),
            // Before the mail, for where much is said there is always some.
            found = self.looking.found() => Event::Found(found),
            count = self.mail.recv_many(&mut self.waiting, most) => {
                if count == 0 { Event::Deserted } else { Event::Mail }
            }
            news = hear(&mut self.seat) => {
                self.waiting.push(Box::new(Mail::Node(news)));
                self.listen();
                Event::Mail
            }
            drains = self.leaving.begins() => if drains { Event::Drain } else { Event::Deserted },
            () = self.alarm.ring() => Event::Time,
        }
    }

    fn room(&mut self) -> &mut Room {
        self.room.as_mut().expect("the room is away only within a turn")
    }

    /// One turn: everything that waits. Fails when the room has to be given up.
    async fn turn(&mut self) -> Result<(), RoomLost> {
        if let Some(until) = self.updates.rest(Instant::now()) {
            Box::pin(self.rest(until)).await;
            self.listen();
        }
        self.ask_in_doubt().await;
        if self.deleted {
            return Ok(());
        }
        self.take_waiting().await
    }

    /// Takes all that waits.
    async fn take_waiting(&mut self) -> Result<(), RoomLost> {
        let now = Instant::now();
        self.take_echoes(now);
        let mut entrances = Vec::new();
        let mut welcomes = Vec::new();
        let mut inputs = self.unpack(now, &mut entrances, &mut welcomes);
        while !inputs.is_empty() {
            let bytes = inputs.iter().map(update_bytes).sum();
            let admission = self.saving.admission(bytes);
            if admission == Admission::ReadOnly && bytes > 0 {
                self.shared.metrics.refused_unsaved.increment(1);
            }
            let heavy = self.dear || !entrances.is_empty() || is_heavy(&inputs);
            let started = Instant::now();
            let effects;
            (effects, inputs) =
                self.with_room(heavy, move |room| (room.turn(now, &mut inputs, admission), inputs)).await?;
            self.dear = started.elapsed() > DEAR;
            let (lost, fetch) = (effects.document_lost, effects.fetch);
            self.carry_out(now, effects);
            if lost {
                Box::pin(self.rebuild()).await?;
            } else if fetch {
                self.looking.look_for_stored(&self.saving);
            }
        }
        self.tell_echoes(now);
        drop(entrances);
        welcomes.into_iter().for_each(Welcome::follow);
        // An expiry only ever moves later, so one that is known is good until it is reached.
        if self.expiry.is_none() {
            self.expiry = self.room().next_tick();
        }
        self.answer(now).await?;
        self.serve(now).await
    }

    /// Mail becomes the room's inputs; who came and who went is noted on the way.
    fn unpack(&mut self, now: Instant, entrances: &mut Vec<Entrance>, welcomes: &mut Vec<Welcome>) -> VecDeque<Input> {
        let mut inputs = VecDeque::with_capacity(self.waiting.len());
        for mail in std::mem::take(&mut self.waiting) {
            let input = match *mail {
                Mail::Join(line, arrival) => {
                    self.comes(now, line);
                    Input::Join(arrival)
                }
                Mail::Listen(line, mut arrival, reply) => {
                    self.comes(now, line);
                    welcomes.push(self.welcome(&mut arrival, reply));
                    Input::Join(arrival)
                }
                Mail::Leave(id) | Mail::ShownOut(id, _) => {
                    match *mail {
                        Mail::ShownOut(_, line) => self.members.show_out(id, line),
                        _ => self.members.remove(id),
                    }
                    if self.members.is_empty() {
                        self.idle_since = Some(now);
                    }
                    Input::Leave(id)
                }
                Mail::Said(input) => input,
                Mail::Node(news) => Input::Node(news),
                Mail::Heavy(input, entrance) => {
                    entrances.push(entrance);
                    input
                }
                Mail::Ask(ask, reply, entrance) => {
                    entrances.extend(entrance);
                    let Some(request) = self.asked(ask, reply) else { continue };
                    request
                }
                Mail::Delete => {
                    self.deleted = true;
                    continue;
                }
                Mail::Follow(interest, reply) => {
                    self.followed(interest, reply);
                    continue;
                }
                Mail::Standing(reply) => {
                    self.say_standing(reply);
                    continue;
                }
                Mail::Verify => continue,
                Mail::Drained(id) => {
                    let Some(member) = self.members.get_mut(id) else { continue };
                    member.healing = true;
                    Input::Heal { to: id, known: member.base.clone() }
                }
            };
            if let Input::Step1 { from, known } = &input
                && let Some(member) = self.members.get_mut(*from)
                && member.base.is_empty()
            {
                member.base = known.clone();
            }
            inputs.push_back(input);
        }
        inputs
    }

    fn comes(&mut self, now: Instant, line: Line) {
        self.leaving.comes(line.id());
        self.members.insert(now, line);
        self.idle_since = None;
    }

    /// Lets the room work, in the lane when it is heavy.
    async fn with_room<T: Send + 'static>(
        &mut self,
        heavy: bool,
        work: impl FnOnce(&mut Room) -> T + Send + 'static,
    ) -> Result<T, RoomLost> {
        if !heavy {
            return Ok(work(self.room()));
        }
        let mut room = self.room.take().expect("the room is away only within a turn");
        let done = Box::pin(self.shared.lane.run(move || {
            let result = work(&mut room);
            (room, result)
        }));
        let (room, result) = done.await.map_err(|_| RoomLost)?;
        self.room = Some(room);
        Ok(result)
    }

    /// Does what a turn leads to.
    fn carry_out(&mut self, now: Instant, effects: Effects) {
        self.shared.metrics.turns.increment(1);
        // First of all whoever comes is welcomed.
        self.tell_events(now, &effects.events);
        self.flush(now, &effects);
        if !effects.log.is_empty() {
            self.saving.append(effects.log);
        }
        if !effects.keeps.is_empty() {
            self.saving.keep(effects.keeps);
        }
        self.tell_followers(effects.kept, effects.look);
        for (from, text) in effects.texts {
            self.members.pass_on(now, from, text);
        }
        self.tell(now, effects.replies, effects.answers);
        self.share(effects.shares);
        for (connection, reason) in effects.closes {
            if let Some(member) = self.members.get_mut(connection) {
                tracing::info!(connection = connection.0, reason = reason.label(), "a client is closed");
                member.line.close(reason);
            }
        }
        for connection in effects.challenges {
            self.members.challenge(now, connection);
        }
    }

    /// Writes the news of a turn to everybody.
    fn flush(&mut self, now: Instant, effects: &Effects) {
        let started = Instant::now();
        let mut changes = None;
        let mut events = Vec::new();
        if self.presence.rest(now).is_none() {
            changes = self.room().take_presence(now);
            events = self.room().take_events(changes.as_ref());
            self.tell_events(now, &events);
            let here = self.room().take_here();
            self.share(here.map(|here| (Recipient::All, here)));
        }
        self.presence_due = self.presence.rest(now);
        if effects.fanouts.is_empty() && changes.is_none() && events.is_empty() {
            return;
        }
        let echoes = std::mem::take(&mut self.echoes);
        let tally = fan_out(now, self.members.lines(), &effects.fanouts, changes.as_ref(), &echoes);
        let ended = Instant::now();
        let updates = effects.fanouts.iter().map(|fanout| fanout.authors.len()).sum();
        if updates > 0 {
            self.updates.flushed(updates, started, ended);
        }
        if changes.is_some() || !events.is_empty() {
            self.presence.flushed(1, started, ended);
        }
        if tally.queued > 0 {
            self.members.watch(now);
        }
        let metrics = &self.shared.metrics;
        effects.fanouts.iter().for_each(|fanout| metrics.merged.record(fanout.authors.len() as f64));
        metrics.flush_seconds.record((ended - started).as_secs_f64());
        metrics.deliveries.increment(tally.sent as u64);
        metrics.bytes_out.increment(tally.bytes as u64);
        metrics.overflows.increment(tally.overflowed as u64);
    }

    /// Says what the room has to say to single connections and visitors.
    fn tell(&mut self, now: Instant, replies: Vec<(ConnectionId, ServerMessage)>, answers: Vec<(RequestId, Answer)>) {
        for (to, message) in replies {
            self.members.send(now, to, &message);
        }
        self.visitors.answer(answers);
    }

    /// Answers those who asked for the document, in the lane when that is dear.
    async fn answer(&mut self, now: Instant) -> Result<(), RoomLost> {
        while self.room().has_questions() {
            let heavy = self.room().answer_is_heavy();
            for (connection, messages) in self.with_room(heavy, Room::answer).await? {
                self.members.answer(now, connection, &messages);
            }
        }
        Ok(())
    }

    /// Does what visitors asked for, in the lane when that is dear.
    async fn serve(&mut self, now: Instant) -> Result<(), RoomLost> {
        while self.room().has_requests() {
            let heavy = self.room().serve_is_heavy();
            let admission = self.saving.admission(0);
            let effects = self.with_room(heavy, move |room| room.serve(admission)).await?;
            let lost = effects.document_lost;
            self.carry_out(now, effects);
            if lost {
                Box::pin(self.rebuild()).await?;
            }
        }
        Ok(())
    }
}

/// The room's document is gone and cannot be had again.
#[derive(Debug)]
struct RoomLost;

fn update_bytes(input: &Input) -> usize {
    if let Input::Update { update, .. } = input { update.raw.len() } else { 0 }
}
