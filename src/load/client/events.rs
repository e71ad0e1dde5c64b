//! A client's messages of the JSON socket. An edit there is a chat message, which is kept, numbered and told to everybody once it
//! is durable; an agent also says how it is.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::load::coverage::Piece;
use crate::load::presence::Said;
use crate::load::writer::{EDIT, Writer};

/// An event, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// Which kind of event.
    #[serde(rename = "type", borrow)]
    pub kind: &'a str,
    /// Its number in its room, as text, if it is kept: they rise.
    #[serde(borrow, default)]
    id: Option<&'a str>,
    /// What it says.
    #[serde(default)]
    pub data: Data<'a>,
}

/// What an event says, as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
pub struct Data<'a> {
    /// Of a message.
    #[serde(borrow, default)]
    text: Option<std::borrow::Cow<'a, str>>,
    /// Of an agent's status, or an error.
    #[serde(borrow, default)]
    message: Option<std::borrow::Cow<'a, str>>,
    /// Of a gap: the number of the first event that is still kept.
    #[serde(borrow, default)]
    next: Option<&'a str>,
}

/// What a writer's edit says on a JSON socket: whose it is, which one, and its letters.
pub fn edit(run: &str, place: usize, number: u32, writer: &Writer, out: &mut Vec<u8>) {
    let letters = writer.letters(number * EDIT..(number + 1) * EDIT).map(char::from);
    let mut text = String::with_capacity(160);
    let _ = write!(
        text,
        r#"{{"type":"chat.message","data":{{"client_id":"{run}-{place}-{number}","text":"{place} {number} "#
    );
    text.extend(letters);
    text.push_str("\"}}");
    out.extend_from_slice(text.as_bytes());
}

/// What an agent says of how it is, as an event. Statuses are counted from one.
pub fn status(said: Said) -> String {
    let message = status_message(said);
    format!(r#"{{"type":"agent.status","data":{{"state":"executing","progress":0.5,"message":"{message}"}}}}"#)
}

/// What stands in it.
pub fn status_message(said: Said) -> String {
    let Said { room, place, number } = said;
    format!("{STATUS}{room} {place} {number}")
}

/// What the message of a status begins with.
pub const STATUS: &str = "load ";

impl Event<'_> {
    /// Its number, if it is kept; of a gap, that of the first event behind it.
    pub fn number(&self) -> Option<u64> {
        self.id.or(self.data.next)?.parse().ok()
    }

    /// Which edit it is, if it is one; nothing but the letters can be wrong.
    pub fn edit(&self) -> Option<(Piece, Vec<u8>)> {
        if self.kind != "chat.message" {
            return None;
        }
        let mut words = self.data.text.as_deref()?.split(' ');
        let (writer, number): (u32, u32) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let clocks = number.checked_mul(EDIT)?..number.checked_add(1)?.checked_mul(EDIT)?;
        Some((Piece { writer, clocks }, words.next()?.as_bytes().to_vec()))
    }

    /// Which status of which agent it is, if it is one.
    pub fn status(&self) -> Option<Said> {
        if self.kind != "agent.status" {
            return None;
        }
        said(self.data.message.as_deref()?)
    }
}

/// Why the server refuses something, if that is what it says.
pub fn refusal(json: &[u8]) -> Option<String> {
    // Nearly nothing that comes is one.
    json.windows(REFUSAL.len()).any(|window| window == REFUSAL).then_some(())?;
    let event: Event<'_> = serde_json::from_slice(json).ok()?;
    (event.kind == "error").then(|| event.data.message.map_or_else(|| "it does not say why".to_owned(), Into::into))
}

/// What stands in every refusal.
const REFUSAL: &[u8] = b"\"error\"";

/// Which status of which agent a text is about.
pub fn said(message: &str) -> Option<Said> {
    let mut words = message.strip_prefix(STATUS)?.split(' ');
    let said = Said {
        room: words.next()?.parse().ok()?,
        place: words.next()?.parse().ok()?,
        number: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let (writer, mut bytes) = (Writer::new(1, 0, 3, 9), Vec::new());
        edit("run", 3, 2, &writer, &mut bytes);
        let event: Event<'_> = serde_json::from_slice(&bytes).expect("JSON");
        let (piece, letters) = event.edit().expect("an edit");
        assert_eq!(piece, Piece { writer: 3, clocks: 32..48 });
        assert!(writer.wrote(32, &letters));
        assert_eq!(event.number(), None, "only a server gives numbers");
        let told = r#"{"v":1,"id":"17","type":"chat.message","data":{"text":"0 0 x"}}"#;
        assert_eq!(serde_json::from_str::<Event<'_>>(told).expect("JSON").number(), Some(17));
        let gap = r#"{"v":1,"type":"room.gap","data":{"after":"0","next":"120"}}"#;
        assert_eq!(serde_json::from_str::<Event<'_>>(gap).expect("JSON").number(), Some(120));
        let refused = br#"{"v":1,"type":"error","data":{"code":"too_fast","message":"slower"}}"#;
        assert_eq!(refusal(refused).as_deref(), Some("slower"));
        assert_eq!(refusal(told.as_bytes()), None);
        assert_eq!(refusal(br#"{"v":1,"type":"chat.message","data":{"text":"\"error\""}}"#), None);
        let said = Said { room: 2, place: 7, number: 5 };
        assert_eq!(serde_json::from_str::<Event<'_>>(&status(said)).expect("JSON").status(), Some(said));
    }
}
