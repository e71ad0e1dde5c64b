//! What a room keeps beside its document: takes what is said, hands it to the log, and tells everybody, in the order of the
//! log, when it is there. The part of `Room` that does so.
//! It must never tell of anything that is not durable, nor answer for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;

use super::effects::Effects;
use super::event::post::Post;
use super::event::{Event, Party};
use super::input::Admission;
use super::journal::{Journal, KeptEvent};
use super::kept::{CommittedEvent, EventKind, EventOrigin, EventPosition, EventSeq, EventStanding, Logged, NewEvent};
use super::node::{NodeMessage, Recipient};
use super::principal::Principal;
use super::request::{Answer, RequestId};
use super::room::Room;

/// While nothing can be kept it is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// See the module. Owned by `Room`.
pub(super) struct Posting {
    /// What was given to the log and is not known to be there, in the order of its positions.
    given: VecDeque<Given>,
    /// The position of the last of them.
    position: EventPosition,
    journal: Journal,
}

struct Given {
    kind: EventKind,
    body: Bytes,
    /// Who waits for it.
    request: Option<RequestId>,
}

impl Posting {
    /// Of a room in whose log `last` is the newest event.
    pub fn new(last: EventSeq) -> Self {
        Self { given: VecDeque::new(), position: EventPosition(0), journal: Journal::new(last) }
    }

    /// Whether all that was given to the log is there.
    pub fn is_settled(&self) -> bool {
        self.given.is_empty()
    }

    /// The last event that was given to the log.
    pub fn position(&self) -> EventPosition {
        self.position
    }

    /// The last one that is there.
    fn reached(&self) -> EventPosition {
        EventPosition(self.position.0 - self.given.len() as u64)
    }
}

/// The same moment as the store counts it.
fn system_time(at: Timestamp) -> SystemTime {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

impl Room {
    /// Says which is the newest event in the log of the room that opens.
    pub fn remember(&mut self, last: EventSeq) {
        self.posting = Posting::new(last);
    }

    /// Somebody says something that is kept; it is answered when it is durable. The same `client_id` of the same sender is
    /// the same thing.
    pub(super) fn post(&mut self, request: RequestId, by: &Principal, post: Post, effects: &mut Effects) {
        let client_id = post.client_id().map(str::to_owned);
        let event = post.into_event();
        let origin = client_id.map(|client_id| EventOrigin::of(&by.id, event.kind().as_str(), &client_id));
        self.keep(Some(request), origin, &event, by, effects);
    }

    /// Gives an event to the log; `request` is answered when it is there.
    pub(super) fn keep(
        &mut self,
        request: Option<RequestId>,
        origin: Option<EventOrigin>,
        event: &Event,
        by: &Principal,
        effects: &mut Effects,
    ) {
        let body = event.encode(None, self.wall(), Some(&Party::from(by)), None);
        let event = NewEvent { at: system_time(self.wall()), kind: event.kind(), origin, body };
        self.give(request, event, effects);
    }

    /// Gives the log what nobody has said.
    pub(super) fn keep_unsaid(&mut self, origin: EventOrigin, event: &Event, effects: &mut Effects) {
        let body = event.encode(None, self.wall(), None, None);
        let event = NewEvent { at: system_time(self.wall()), kind: event.kind(), origin: Some(origin), body };
        self.give(None, event, effects);
    }

    /// Gives the log something of the server's own, of which nobody is told.
    pub(super) fn keep_internal(
        &mut self,
        kind: EventKind,
        origin: Option<EventOrigin>,
        body: Bytes,
        effects: &mut Effects,
    ) {
        debug_assert!(kind.is_internal(), "others are told of");
        let event = NewEvent { at: system_time(self.wall()), kind, origin, body };
        self.give(None, event, effects);
    }

    fn give(&mut self, request: Option<RequestId>, event: NewEvent, effects: &mut Effects) {
        self.posting.position.0 += 1;
        // That there is something is all that others are told of what is the server's own.
        let body = if event.kind.is_internal() { Bytes::new() } else { event.body.clone() };
        self.posting.given.push_back(Given { kind: event.kind.clone(), body, request });
        effects.keeps.push(event);
    }

    /// Events are in the log: those who said them are answered, everybody is told.
    pub fn committed(&mut self, now: Instant, events: &[CommittedEvent]) -> Effects {
        let mut effects = Effects::default();
        self.note_time(now);
        for CommittedEvent { seq, standing, .. } in events {
            let given = self.posting.given.pop_front().expect("each event of the log was given to it");
            let logged = Logged { seq: *seq, standing: *standing };
            effects.answers.extend(given.request.map(|request| (request, Answer::Kept(logged))));
            if *standing == EventStanding::New {
                let event = KeptEvent { seq: *seq, kind: given.kind, body: given.body };
                if self.sharing.is_some() {
                    effects.shares.push((Recipient::All, NodeMessage::Kept(event.clone())));
                }
                self.posting.journal.hear(now, event);
            }
        }
        effects.kept = self.posting.journal.due(now);
        effects.answers.extend(self.answers_due());
        effects
    }

    /// Answers to those whose changes are durable, and with them what is kept of these.
    pub(super) fn answers_due(&mut self) -> Vec<(RequestId, Answer)> {
        self.requests.reached(self.durability.reached_so_far(), self.posting.reached())
    }

    /// Another node says that an event is in the log.
    pub(super) fn hear_kept(&mut self, now: Instant, event: KeptEvent, effects: &mut Effects) {
        self.posting.journal.hear(now, event);
        effects.kept.extend(self.posting.journal.due(now));
    }

    /// The newest event that was told of.
    pub fn last_event(&self) -> EventSeq {
        self.posting.journal.told()
    }

    /// Time passes: what waited for others that did not come is told, texts that grew are, and guests leave.
    pub fn speak_due(&mut self, now: Instant, admission: Admission) -> Effects {
        let mut effects = Effects::default();
        self.note_time(now);
        effects.kept = self.posting.journal.due(now);
        self.tell_outputs(now, &mut effects);
        self.sweep_outputs(now, &mut effects);
        self.show_guests_out(now, &mut effects);
        self.tell_standing(admission, &mut effects);
        if admission == Admission::Open {
            self.keep_timeline(now, &mut effects);
        }
        effects
    }

    /// When `speak_due` has something to do.
    pub fn next_speaking(&self, admission: Admission) -> Option<Instant> {
        let timeline = self.next_timeline().map(|due| match admission {
            Admission::Open => due,
            Admission::ReadOnly => due.max(self.now + TRY_AGAIN),
        });
        let times =
            [self.posting.journal.next_due(), self.next_output(), self.next_guest(), timeline, self.next_saved()];
        times.into_iter().flatten().min()
    }
}
