//! What those who listen are told of where others look: the latest of each, at most so often. The part of `Room` that gathers
//! it from presence states. It must never tell of an agent's status, which has an event of its own, nor anything twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;

use super::effects::{Audience, Effects};
use super::event::attention::Shown;
use super::event::{Event, Party};
use super::id::ConnectionId;
use super::presence::PresenceChange;
use super::principal::PrincipalId;
use super::room::Room;
use crate::wire::awareness::ClientId;

/// Of each it is told at most so often.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// See the module. Owned by `Listeners`.
#[derive(Default)]
pub(super) struct Attentions {
    /// What was told last of each client that is here, and whose it is: who is gone is not known any more.
    told: HashMap<ClientId, (Party, Shown)>,
    /// What is to be told.
    untold: BTreeMap<ClientId, (Party, Shown)>,
    told_at: Option<Instant>,
}

impl Attentions {
    /// When there is something to tell.
    pub fn next(&self) -> Option<Instant> {
        if self.untold.is_empty() { None } else { self.told_at.map(|told| told + TELL_EVERY) }
    }
}

impl Room {
    /// Takes note of where those look whose presence has changed.
    pub(super) fn note_attention(&mut self, change: &PresenceChange) {
        for entry in &change.entries {
            let Some(state) = &entry.state else {
                self.listeners.attention.untold.remove(&entry.client);
                if let Some((who, _)) = self.listeners.attention.told.remove(&entry.client) {
                    self.listeners.attention.untold.insert(entry.client, (who, Shown::gone()));
                }
                continue;
            };
            let Some(who) = self.speaker(entry.client).cloned() else { continue };
            let shown = match self.agent_of(entry.client) {
                Some(_) => self.shown_program(entry.client, &who, state),
                None => Some(Shown::of_client(state)),
            };
            let Some(shown) = shown else { continue };
            let who = self.party(&who);
            let attention = &mut self.listeners.attention;
            // Of whom it was never told there is nothing to say while they look at nothing.
            let told = attention.told.get(&entry.client);
            if told.is_none() && shown.is_idle() {
                // That it was gone before is still to be told.
            } else if told.is_some_and(|(_, told)| *told == shown) {
                attention.untold.remove(&entry.client);
            } else {
                attention.untold.insert(entry.client, (who, shown));
            }
        }
    }

    fn speaker(&self, client: ClientId) -> Option<&PrincipalId> {
        self.agent_of(client).or_else(|| self.writers.owner(client.0).map(|(owner, _)| owner))
    }

    /// What a listener that has just come, or missed something, is told: where all look who were told of.
    pub(super) fn tell_attention_so_far(&self, to: ConnectionId, effects: &mut Effects) {
        let at = self.moment();
        for (who, shown) in self.listeners.attention.told.values() {
            let event = Event::PresenceChanged(Box::new(shown.clone().told(at.clone())));
            effects.events.push((Audience::One(to), self.encode(&event, Some(who))));
        }
    }

    /// What is new, if it is time.
    pub(super) fn take_attention(&mut self) -> Vec<(Audience, Bytes)> {
        let now = self.now;
        let attention = &mut self.listeners.attention;
        let rests = attention.told_at.is_some_and(|told| now.duration_since(told) < TELL_EVERY);
        if attention.untold.is_empty() || rests {
            return Vec::new();
        }
        attention.told_at = Some(now);
        let untold = std::mem::take(&mut attention.untold);
        let mut events = Vec::new();
        for (client, (who, shown)) in untold {
            if shown != Shown::gone() {
                self.listeners.attention.told.insert(client, (who.clone(), shown.clone()));
            }
            let event = Event::PresenceChanged(Box::new(shown.told(self.moment())));
            events.push((Audience::Everybody, self.encode(&event, Some(&who))));
        }
        events
    }
}
