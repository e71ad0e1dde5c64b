//! What a room's task asks the store in the middle of its life: which room of its name there is, when another node speaks of
//! one that may be another, and what other nodes have stored; and what is asked of the room that waits for that. The room
//! goes on meanwhile: a store that does not answer must never hold up those who type. Part of `task`.

use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::mail::{Letter, Mail};
use super::super::saving::Saving;
use super::nodes::is_doubtful;
use super::{RoomLost, RoomTask};
use crate::room::input::{Admission, Input};
use crate::room::node::{Incarnation, Kept, NodeMessage, NodeNews};
use crate::room::request::{Answer, Ask, Request};
use crate::room::row;
use crate::store::{StoreError, StoredRoom};

/// The most messages that wait for the store's word; what is dropped comes again with the next comparison of documents.
const DOUBTS_MAX: usize = 256;

/// So long after a first failure the store is asked again what is stored, then after twice as long, and so on to the longest.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_MAX: Duration = Duration::from_secs(30);

/// So long a turn waits for the store's word, once.
const MOMENT: Duration = Duration::from_millis(100);

type Asked<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// What was asked and is not answered. Requests are as few as those who wait for them.
#[derive(Default)]
pub(super) struct Looking {
    incarnation: Option<Asked<Option<Incarnation>>>,
    /// What the room knew of itself when that was asked.
    own: Option<Incarnation>,
    /// What waits for the answer.
    doubts: Vec<Letter>,
    /// With the number that the room has behind it.
    stored: Option<Asked<(StoredRoom, Option<Incarnation>)>>,
    /// More was stored since that was asked.
    stored_more: bool,
    /// Something is stored that is not here, or may not be.
    is_behind: bool,
    /// What is done when that is answered.
    requests: Vec<Request>,
    /// And what came since it was asked.
    later_requests: Vec<Request>,
    /// When it is asked again that could not say it, and after how long.
    again: Option<(Instant, Duration)>,
}

/// Whether something was asked just now.
#[derive(Debug, PartialEq, Eq)]
enum Asking {
    /// It was.
    Anew,
    /// It was not: nothing is in doubt, or the store has not answered for a while.
    Already,
}

/// An answer.
pub(super) enum Found {
    Incarnation(Result<Option<Incarnation>, StoreError>),
    Stored(Result<(StoredRoom, Option<Incarnation>), StoreError>),
}

impl Looking {
    /// Waits for an answer. Cancel-safe.
    pub(super) async fn found(&mut self) -> Found {
        tokio::select! {
            found = answer(&mut self.incarnation) => {
                self.incarnation = None;
                Found::Incarnation(found)
            }
            found = answer(&mut self.stored) => {
                self.stored = None;
                Found::Stored(found)
            }
        }
    }

    /// When to ask again what is stored, because that could not be read.
    pub(super) fn next(&self) -> Option<Instant> {
        self.again.filter(|_| self.stored.is_none()).map(|(at, _)| at)
    }

    /// Asks what is stored, for a request that is to be done with all of that at hand.
    pub(super) fn look_for(&mut self, request: Request, saving: &Saving) {
        self.later_requests.push(request);
        self.look(saving);
    }

    /// Asks what is stored.
    pub(super) fn look_for_stored(&mut self, saving: &Saving) {
        self.is_behind = true;
        self.look(saving);
    }

    fn look(&mut self, saving: &Saving) {
        if self.stored.is_some() {
            self.stored_more = true;
        } else {
            self.requests.append(&mut self.later_requests);
            let (stored, incarnation) = (saving.look_for_stored(), saving.look_for_incarnation());
            self.stored = Some(Box::pin(async move { Ok((stored.await?, incarnation.await?)) }));
        }
    }
}

async fn answer<T>(asked: &mut Option<Asked<T>>) -> Result<T, StoreError> {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
    }
}

impl RoomTask {
    /// Sets aside what may be about another room of the same name, asks the store, and waits for a moment: as long as it
    /// answers, everything is taken in the order in which it came.
    pub(super) async fn ask_in_doubt(&mut self) {
        if self.set_doubts_aside() == Asking::Anew
            && let Ok(found) = timeout(MOMENT, answer(&mut self.looking.incarnation)).await
        {
            self.looking.incarnation = None;
            match found {
                Ok(stored) => self.believe(stored),
                Err(_) => self.looking.doubts.clear(),
            }
        }
    }

    fn set_doubts_aside(&mut self) -> Asking {
        let own = self.saving.incarnation();
        let looking = &mut self.looking;
        let doubts = self.waiting.extract_if(.., |mail| is_doubtful(mail, own));
        for doubt in doubts {
            if looking.doubts.len() < DOUBTS_MAX {
                looking.doubts.push(doubt);
            }
        }
        if !looking.doubts.is_empty() && looking.incarnation.is_none() {
            looking.own = own;
            looking.incarnation = Some(Box::pin(self.saving.look_for_incarnation()));
            return Asking::Anew;
        }
        Asking::Already
    }

    /// Somebody asks. What is about the log waits for all that is stored, where other nodes have a part in that.
    pub(super) fn asked(&mut self, ask: Ask, reply: oneshot::Sender<Answer>) -> Option<Input> {
        let request = self.visitors.ask(ask, reply);
        if self.seat.is_some() && request.ask.is_of_the_log() {
            self.looking.look_for(request, &self.saving);
            return None;
        }
        Some(Input::Request(request))
    }

    /// Goes on with what the store has answered.
    pub(super) async fn take_found(&mut self, found: Found) -> Result<(), RoomLost> {
        match found {
            Found::Incarnation(Ok(stored)) => {
                self.believe(stored);
                if self.deleted { Ok(()) } else { self.take_waiting().await }
            }
            // Whoever compares documents does so again.
            Found::Incarnation(Err(_)) => {
                self.looking.doubts.clear();
                Ok(())
            }
            Found::Stored(stored) => self.take_stored(stored).await,
        }
    }

    /// The room is done when it was deleted; what is said of a room that was is not heard.
    fn believe(&mut self, stored: Option<Incarnation>) {
        let doubts = std::mem::take(&mut self.looking.doubts);
        match stored {
            Some(stored) => self.deleted = !self.saving.is_of(stored),
            None if self.looking.own.is_none() && self.saving.incarnation().is_some() => {
                // It was made in between: what is still in doubt is asked again.
                self.waiting.extend(doubts);
                self.set_doubts_aside();
                return;
            }
            None => self.deleted = self.looking.own.is_some(),
        }
        if self.deleted {
            // What still waits to be written must not hold up another room of this name.
            self.saving.end();
        }
        self.waiting.extend(doubts.into_iter().filter(|mail| match &**mail {
            Mail::Node(NodeNews::Said { message: NodeMessage::Digest { incarnation, .. }, .. }) => {
                incarnation.is_none() || *incarnation == stored
            }
            Mail::Node(NodeNews::Said { message: NodeMessage::Updates { kept: Kept::Saved, .. }, .. }) => {
                stored.is_some()
            }
            _ => true,
        }));
    }

    async fn take_stored(
        &mut self,
        stored: Result<(StoredRoom, Option<Incarnation>), StoreError>,
    ) -> Result<(), RoomLost> {
        let more = std::mem::take(&mut self.looking.stored_more);
        let requests = std::mem::take(&mut self.looking.requests);
        let (StoredRoom { snapshot, rows, .. }, incarnation) = match stored {
            Ok(stored) => stored,
            Err(error) => {
                self.visitors.fail(&requests);
                self.visitors.fail(&std::mem::take(&mut self.looking.later_requests));
                let now = Instant::now();
                if self.looking.is_behind && self.looking.again.is_none_or(|(at, _)| at <= now) {
                    // Who stored it may be dead, and then nobody else says so.
                    let pause = self.looking.again.map_or(AGAIN, |(_, pause)| (pause * 2).min(AGAIN_MAX));
                    self.looking.again = Some((now + pause, pause));
                    tracing::warn!(%error, ?pause, "what other nodes have stored cannot be read; it is tried again");
                } else {
                    tracing::warn!(%error, "what other nodes have stored cannot be read, and what was asked is not done");
                }
                return Ok(());
            }
        };
        (self.looking.again, self.looking.is_behind) = (None, more && self.looking.is_behind);
        if more {
            self.looking.look(&self.saving);
        }
        // Of another room that has the name by now nothing is taken; its number ends this one.
        if self.saving.incarnation().is_some_and(|own| incarnation != Some(own)) {
            self.visitors.fail(&requests);
            return Ok(());
        }
        let updates = snapshot.into_iter().chain(rows.iter().flat_map(|row| row::updates(&row.data))).collect();
        let effects = self.with_room(true, move |room| room.take_stored(updates)).await?;
        let lost = effects.document_lost;
        self.carry_out(Instant::now(), effects);
        if lost {
            Box::pin(self.rebuild()).await?;
        }
        if !requests.is_empty() {
            let now = Instant::now();
            let effects =
                self.room().turn(now, &mut requests.into_iter().map(Input::Request).collect(), Admission::Open);
            self.carry_out(now, effects);
        }
        Ok(())
    }
}
