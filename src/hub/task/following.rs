//! What a room's task tells those who follow its events. Part of `task`.

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::feed::{Following, Interest};
use super::RoomTask;
use crate::room::client::Arrival;
use crate::room::effects::Audience;
use crate::room::id::ConnectionId;
use crate::room::journal::KeptEvent;
use crate::room::listeners::Ears;

/// A JSON socket that has come and is to hear of the log when it was welcomed.
pub(super) struct Welcome {
    following: Following,
    reply: oneshot::Sender<Following>,
}

impl Welcome {
    /// It was.
    pub(super) fn follow(self) {
        // Who has gone away needs no answer.
        let _ = self.reply.send(self.following);
    }
}

impl RoomTask {
    /// Fills in where the log begins for a JSON socket that has come without saying it.
    pub(super) fn welcome(&mut self, arrival: &mut Arrival, reply: oneshot::Sender<Following>) -> Welcome {
        let last = self.room().last_event();
        if let Some(greeting) = &mut arrival.greeting {
            greeting.cursor.get_or_insert(last);
        }
        Welcome { following: self.feed.follow(Interest::Kept, last), reply }
    }

    /// Somebody wants to hear of the room's events.
    pub(super) fn followed(&mut self, interest: Interest, reply: oneshot::Sender<Following>) {
        let last = self.room().last_event();
        let following = self.feed.follow(interest, last);
        if interest == Interest::Everything {
            self.room().hear_headless(Ears::Some);
        }
        // Who has gone away needs no answer.
        let _ = reply.send(following);
    }

    /// Tells those who listen what there is for them.
    pub(super) fn tell_events(&mut self, now: Instant, events: &[(Audience, Bytes)]) {
        if events.is_empty() {
            return;
        }
        if self.feed.has_headless() {
            let headless = Audience::One(ConnectionId::HEADLESS);
            for (_, json) in events.iter().filter(|(to, _)| *to == Audience::Everybody || *to == headless) {
                self.feed.pass(json);
            }
            if !self.feed.has_headless() {
                self.room().hear_headless(Ears::None);
            }
        }
        self.members.tell_events(now, events);
    }

    /// Events are in the log, or may be without anybody's having told.
    pub(super) fn tell_followers(&mut self, kept: Vec<KeptEvent>, look: bool) {
        if !kept.is_empty() {
            self.feed.tell(&self.id, kept);
        }
        if look {
            self.feed.look();
        }
    }
}
