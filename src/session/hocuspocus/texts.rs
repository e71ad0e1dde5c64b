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
/// So much of a text counts as one.
const PART_BYTES: usize = 4 * 1024;
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
        } else if may_pass_for_the_servers(&text) {
            "it could be read as one of the server"
        } else if !self.is_in_rate(text.len()) {
            "there are too many"
        } else {
            return Some(Mail::Said(Input::Stateless { from: seat.id(), text }));
        };
        tracing::debug!(why_not, bytes = text.len(), "a stateless text is not passed on");
        metrics::counter!("triproom_texts_refused_total").increment(1);
        None
    }

    /// Whether there may be one more. Nothing makes up for a text that is lost, so everybody's outbox has to hold them all:
    /// a long one counts as often as it could have been several.
    fn is_in_rate(&mut self, bytes: usize) -> bool {
        let parts = u32::try_from(bytes.div_ceil(PART_BYTES)).unwrap_or(u32::MAX).min(self.quota.burst_size().get());
        let parts = NonZeroU32::new(parts).unwrap_or(NonZeroU32::MIN);
        let rate = self.rate.get_or_insert_with(|| RateLimiter::direct(self.quota));
        matches!(rate.check_n(parts), Ok(Ok(())))
    }

    /// The server's word that the client's role is another one.
    pub fn of_role(address: &Address, role: Role) -> Frame {
        let text = json!({ "origin": SERVER, "type": "member.role", "data": { "role": role.as_str() } });
        encode(address, &ServerMessage::Stateless(text.to_string().into())).expect("the protocol has texts")
    }
}

/// Whether a text says, or might say to some reader, that the server wrote it. Browsers read objects that this server's
/// parser does not (lone surrogates, numbers without bounds, deep nesting): none that cannot be looked into passes.
fn may_pass_for_the_servers(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Value>(text)
            .map_or(true, |value| value.get("origin").is_some_and(|by| by == SERVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_speaks_for_the_server() {
        assert!(may_pass_for_the_servers(br#" {"type":"x","origin":"server"}"#));
        assert!(may_pass_for_the_servers(br#"{"origin":"client","origin":"server"}"#));
        assert!(!may_pass_for_the_servers(br#"{"origin":"client"}"#));
        assert!(!may_pass_for_the_servers(b"server") && !may_pass_for_the_servers(br#"["origin","server"]"#));
        let frame = Texts::of_role(&Address::new("doc"), Role::Viewer);
        assert!(may_pass_for_the_servers(&frame.head[2 + 4 + 1 + 1..]));
    }

    #[test]
    fn long_texts_count_for_several() {
        let mut texts = Texts::new(64 * 1024, 20);
        let many = (0..1_000).filter(|_| texts.is_in_rate(64 * 1024)).count();
        assert!((6..12).contains(&many), "{many} of the longest in one go");
        let mut texts = Texts::new(64 * 1024, 1);
        assert!(texts.is_in_rate(64 * 1024), "one is let through, however few there may be");
        assert!(!texts.is_in_rate(0));
    }

    #[test]
    fn what_a_browser_reads_and_the_server_does_not_passes_for_nothing() {
        let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for odd in [r#""\ud800""#, "1e999", &nested] {
            let text = format!(r#"{{"x":{odd},"origin":"server"}}"#);
            assert!(may_pass_for_the_servers(text.as_bytes()), "{odd}");
        }
    }
}
