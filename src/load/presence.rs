//! What people and agents of a run say of themselves, as presence: made for those who say it, read for those who hear it. Everything
//! that is said names its room and who says it, so that what a server mixes up is seen. It decides nothing.

use serde::Deserialize;

use super::client::events;
use crate::wire::lib0::{Reader, put_byte_string, put_number};

/// What one of the run says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The number of its room.
    pub room: usize,
    /// Its place there: agents come behind people.
    pub place: u32,
    /// Which of the things that it says this is, from one; 0 if it says no more than that it is here.
    pub number: u32,
}

/// What stands in a presence message of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A person of the run, here or in another room.
    Person(Said),
    /// An agent of the run, which a server may speak for.
    Agent(Said),
    /// The client is gone.
    Gone,
    /// Something else: a server may speak for itself.
    Other,
}

/// A person's state, as far as it is looked at.
#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    user: User<'a>,
    cursor: u32,
}

#[derive(Deserialize)]
struct User<'a> {
    name: &'a str,
}

impl Said {
    /// A person's presence, from this Yjs client; the clock rises with all that it says.
    pub fn by_person(self, client: u64, clock: u32) -> Vec<u8> {
        let Self { room, place, number } = self;
        let name = format!("person {room}.{place}");
        let state = format!(r##"{{"user":{{"name":"{name}","color":"#30bced"}},"cursor":{number}}}"##);
        update(client, clock, &state)
    }

    /// The same of an agent.
    pub fn by_agent(self, client: u64, clock: u32) -> Vec<u8> {
        let message = events::status_message(self);
        let state = format!(r#"{{"agent":{{"state":"executing","progress":0.5,"message":"{message}"}}}}"#);
        update(client, clock, &state)
    }
}

/// An awareness update of one client, as y-protocols encodes it.
fn update(client: u64, clock: u32, state: &str) -> Vec<u8> {
    let mut presence = vec![1];
    put_number(&mut presence, client);
    put_number(&mut presence, clock.into());
    put_byte_string(&mut presence, state.as_bytes());
    presence
}

/// Tells `each` every client of an awareness update and what stands there of it. Nothing if that is not how y-protocols encodes one.
pub fn read(presence: &[u8], mut each: impl FnMut(u64, State)) -> Option<()> {
    let mut reader = Reader::new(presence);
    for _ in 0..reader.count().ok()? {
        let (client, _clock) = (reader.number().ok()?, reader.number().ok()?);
        each(client, state(reader.text().ok()?));
    }
    Some(())
}

fn state(text: &str) -> State {
    if text == "null" {
        return State::Gone;
    }
    if let Some(start) = text.find(events::STATUS) {
        return text[start..].split('"').next().and_then(events::said).map_or(State::Other, State::Agent);
    }
    let shown = serde_json::from_str::<Shown<'_>>(text).ok();
    shown.and_then(|shown| shown.said()).map_or(State::Other, State::Person)
}

impl Shown<'_> {
    fn said(&self) -> Option<Said> {
        let (room, place) = self.user.name.strip_prefix("person ")?.split_once('.')?;
        Some(Said { room: room.parse().ok()?, place: place.parse().ok()?, number: self.cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let said = Said { room: 12, place: 3, number: 70_000 };
        for (presence, state) in [
            (said.by_person(1 << 31, 70_001), State::Person(said)),
            (said.by_agent(1 << 31, 70_001), State::Agent(said)),
            (update(1 << 31, 7, "null"), State::Gone),
            (update(1 << 31, 7, r#"{"user":{"name":"somebody else"}}"#), State::Other),
            // A server in another language may write the same in another order.
            (
                update(1 << 31, 9, r#"{ "cursor": 70000, "more": [1], "user": {"color": "", "name": "person 12.3"}}"#),
                State::Person(said),
            ),
        ] {
            let mut heard = Vec::new();
            read(&presence, |client, state| heard.push((client, state))).expect("it is well-formed");
            assert_eq!(heard, [(1 << 31, state)]);
            assert!(read(&presence[..presence.len() - 1], |_, _| {}).is_none());
        }
    }
}
