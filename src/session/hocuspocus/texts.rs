//! Stateless texts: what clients of a document say to each other past the document, and what the server says the same
//! way. A text of the server is a JSON object whose `origin` is `server`; nobody else's text may look like one.

use std::num::NonZeroU32;

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::{Value, json};

use crate::access::{Action, Decision};
use crate::hub::mail::Mail;
use crate::room::input::Input;
use crate::room::role::Role;
use crate::session::seat::Seat;
use crate::wire::ServerMessage;
use crate::wire::frame::Frame;
use crate::wire::hocuspocus::{Address, encode};

/// What `origin` says in a text of the server.
const SERVER: &str = "server";
/// A burst may have so many seconds' worth of texts.
const BURST: u32 = 5;

/// The texts of one socket.
pub struct Texts {
    bytes: usize,
    rate: Option<DefaultDirectRateLimiter>,
    quota: Quota,
}

impl Texts {
    /// Texts of at most `bytes`, `per_second` of them in the long run.
    pub fn new(bytes: usize, per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(per_second.get().saturating_mul(BURST)).unwrap_or(per_second);
        Self { bytes, rate: None, quota: Quota::per_second(per_second).allow_burst(burst) }
    }

    /// What the room is to be told of a text, if its sender may say it. Clients do not hear that one was not passed on:
    /// the protocol has no way to say so.
    pub fn admit(&mut self, seat: &Seat, text: Bytes) -> Option<Mail> {
        let why_not = if seat.pass().may(Action::Chat) != Decision::Allowed {
            "the role does not chat"
        } else if text.len() > self.bytes {
            "it is too long"
        } else if claims_to_be_the_server(&text) {
            "it says that it is of the server"
        } else if self.rate.get_or_insert_with(|| RateLimiter::direct(self.quota)).check().is_err() {
            "there are too many"
        } else {
            return Some(Mail::Said(Input::Stateless { from: seat.id(), text }));
        };
        tracing::info!(why_not, bytes = text.len(), "a stateless text is not passed on");
        metrics::counter!("triproom_texts_refused_total").increment(1);
        None
    }

    /// The server's word that the client's role is another one.
    pub fn of_role(address: &Address, role: Role) -> Frame {
        let text = json!({ "origin": SERVER, "type": "member.role", "data": { "role": role.as_str() } });
        encode(address, &ServerMessage::Stateless(text.to_string().into())).expect("the protocol has texts")
    }
}

fn claims_to_be_the_server(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Value>(text).is_ok_and(|value| value.get("origin").is_some_and(|by| by == SERVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_speaks_for_the_server() {
        assert!(claims_to_be_the_server(br#" {"type":"x","origin":"server"}"#));
        assert!(claims_to_be_the_server(br#"{"origin":"client","origin":"server"}"#));
        assert!(!claims_to_be_the_server(br#"{"origin":"client"}"#));
        assert!(!claims_to_be_the_server(b"server") && !claims_to_be_the_server(br#"["origin","server"]"#));
        let frame = Texts::of_role(&Address::new("doc"), Role::Viewer);
        assert!(claims_to_be_the_server(&frame.head[2 + 4 + 1 + 1..]));
    }
}
