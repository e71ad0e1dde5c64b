//! One reader of a room's events, from any event on: reads the log until it is up with the room, then hears what is new; when
//! it falls behind, or misses something, it reads the log again. Used by JSON sockets, server-sent events and long polling.
//! It must never leave out an event that is kept, nor give one twice.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::feed::{Following, News};
use crate::room::event;
use crate::room::id::RoomId;
use crate::room::kept::{EventKind, EventSeq};
use crate::store::{EventPage, EventQuery, EventSpan, Store, StoreError};

/// Events that are read at a time.
const PAGE: NonZeroU16 = NonZeroU16::new(100).expect("it is not zero");
/// Between two tries while the store fails.
const PAUSE: Duration = Duration::from_secs(1);

/// What comes next.
#[derive(Debug)]
pub enum Followed {
    /// An event of the log.
    Kept {
        /// Its number.
        seq: EventSeq,
        /// What it is about.
        kind: EventKind,
        /// As JSON.
        json: Bytes,
    },
    /// An event that is not kept, as JSON.
    Passing(Bytes),
    /// The reader was too slow, and events that are not kept were left out. Those that are follow.
    Missed,
    /// Events behind `after` are kept no longer; `next` is the first that there is, or will be.
    Gap {
        /// The last one that was given, or asked for.
        after: EventSeq,
        /// Where it goes on.
        next: EventSeq,
    },
}

/// The room's task has ended: whoever wants more comes in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room was closed")]
pub struct RoomClosed;

type Reading = Pin<Box<dyn Future<Output = EventPage> + Send>>;

/// See the module.
pub struct Follower {
    store: Store,
    room: RoomId,
    after: EventSeq,
    news: Receiver<News>,
    state: State,
    ready: VecDeque<Followed>,
}

enum State {
    /// It has heard all that the room told.
    Level,
    /// It reads the log.
    Behind(Option<Reading>),
}

impl Follower {
    /// Begins behind the event `after`; without one, with what is new.
    pub fn new(store: Store, room: RoomId, following: Following, after: Option<EventSeq>) -> Self {
        let Following { after: told, news } = following;
        let after = after.unwrap_or(told);
        let state = if after == told { State::Level } else { State::Behind(None) };
        Self { store, room, after, news, state, ready: VecDeque::new() }
    }

    /// All events up to this one were given.
    pub fn cursor(&self) -> EventSeq {
        self.after
    }

    /// Waits for what comes next. Cancel-safe.
    pub async fn next(&mut self) -> Result<Followed, RoomClosed> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                if let Followed::Kept { seq, kind, .. } = &ready {
                    self.after = *seq;
                    if !kind.is_told() {
                        continue;
                    }
                }
                return Ok(ready);
            }
            match &mut self.state {
                State::Behind(reading) => {
                    let (store, room, after) = (&self.store, &self.room, self.after);
                    let reading = reading.get_or_insert_with(|| Box::pin(read(store.clone(), room.clone(), after)));
                    let page = reading.await;
                    self.take(page);
                }
                State::Level => match self.news.recv().await {
                    Ok(News::Kept { seq, .. }) if seq <= self.after => {}
                    Ok(News::Kept { seq, kind, json }) if seq.0 == self.after.0 + 1 => {
                        self.after = seq;
                        if kind.is_told() {
                            return Ok(Followed::Kept { seq, kind, json });
                        }
                    }
                    Ok(News::Passing(json)) => return Ok(Followed::Passing(json)),
                    Ok(News::Kept { .. } | News::Look) => self.state = State::Behind(None),
                    Err(RecvError::Lagged(_)) => {
                        self.state = State::Behind(None);
                        return Ok(Followed::Missed);
                    }
                    Err(RecvError::Closed) => return Err(RoomClosed),
                },
            }
        }
    }

    fn take(&mut self, page: EventPage) {
        let EventPage { events, first, last, .. } = page;
        let is_last = events.len() < usize::from(PAGE.get());
        if self.after > last {
            // Of another room of this name, or made up: all that there is is new.
            self.ready.push_back(Followed::Gap { after: self.after, next: first });
            self.after = EventSeq(first.0 - 1);
            self.state = State::Behind(None);
            return;
        } else if first.0 > self.after.0 + 1 {
            self.ready.push_back(Followed::Gap { after: self.after, next: first });
            self.after = EventSeq(first.0 - 1);
        }
        for stored in events {
            let json = event::tell(&stored.body, &self.room, stored.seq);
            self.ready.push_back(Followed::Kept { seq: stored.seq, kind: stored.kind, json });
        }
        self.state = if is_last { State::Level } else { State::Behind(None) };
    }
}

/// Reads a page, however long the store takes.
async fn read(store: Store, room: RoomId, after: EventSeq) -> EventPage {
    let wanted = EventQuery { span: EventSpan::After(after), kinds: Vec::new(), origin: None, limit: PAGE };
    loop {
        match store.events(&room, wanted.clone()).await {
            Ok(page) => return page,
            Err(StoreError::Closed) => std::future::pending().await,
            Err(error) => {
                tracing::warn!(room = %room.for_log(), %error, "the events of a room cannot be read at present");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
