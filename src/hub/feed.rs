//! What a room tells those who follow it: the events of its log, in order, and to those without a socket of their own all
//! other events, too. Owned by the room task. It must never wait for a follower: who falls behind reads the log.

use bytes::Bytes;
use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::room::event;
use crate::room::id::RoomId;
use crate::room::journal::KeptEvent;
use crate::room::kept::{EventKind, EventSeq};

/// News that may wait for a follower.
const NEWS: usize = 128;

/// What a follower wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// The events of the log: all else it hears by its socket.
    Kept,
    /// All events that are for everybody.
    Everything,
}

/// What is new.
#[derive(Debug, Clone)]
pub enum News {
    /// An event that is in the log.
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
    /// There may be something in the log that nobody told of.
    Look,
}

/// Where a follower begins.
#[derive(Debug)]
pub struct Following {
    /// All events of the log up to this one were told of.
    pub after: EventSeq,
    /// What comes behind.
    pub news: Receiver<News>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Feed {
    kept: Option<Sender<News>>,
    everything: Option<Sender<News>>,
}

impl Feed {
    /// One more follower, of a room that told of all events up to `after`.
    pub fn follow(&mut self, interest: Interest, after: EventSeq) -> Following {
        let sender = match interest {
            Interest::Kept => &mut self.kept,
            Interest::Everything => &mut self.everything,
        };
        let news = sender.get_or_insert_with(|| broadcast::channel(NEWS).0).subscribe();
        Following { after, news }
    }

    /// Events are in the log.
    pub fn tell(&mut self, room: &RoomId, events: Vec<KeptEvent>) {
        for KeptEvent { seq, kind, body } in events {
            if self.has_followers() {
                let json = event::tell(&body, room, seq);
                self.say(News::Kept { seq, kind, json });
            }
        }
    }

    /// There may be something in the log.
    pub fn look(&mut self) {
        self.say(News::Look);
    }

    /// An event for everybody.
    pub fn pass(&mut self, json: &Bytes) {
        self.tidy();
        if let Some(everything) = &self.everything {
            // Nobody may be there any more.
            let _ = everything.send(News::Passing(json.clone()));
        }
    }

    /// Whether somebody follows who has no socket, as far as is known.
    pub fn has_headless(&self) -> bool {
        self.everything.is_some()
    }

    /// Forgets what nobody follows any more.
    fn tidy(&mut self) {
        for sender in [&mut self.kept, &mut self.everything] {
            sender.take_if(|sender| sender.receiver_count() == 0);
        }
    }

    fn has_followers(&self) -> bool {
        self.kept.is_some() || self.everything.is_some()
    }

    fn say(&mut self, news: News) {
        self.tidy();
        if let Some(everything) = &self.everything {
            let _ = everything.send(news.clone());
        }
        if let Some(kept) = &self.kept {
            let _ = kept.send(news);
        }
    }
}
