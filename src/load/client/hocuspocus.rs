//! A client's messages of Hocuspocus that y-websocket does not have, and what it hears.

use super::{Heard, yjs};
use crate::wire::lib0::{Malformed, Reader, put_byte_string};

const AUTH: u8 = 2;
const CLOSE: u8 = 7;
const SYNC_STATUS: u8 = 8;
const TOKEN: u8 = 0;
const PERMISSION_DENIED: u8 = 1;
/// What a client that does not say its version is taken for: it gets neither pings nor news that it would not know.
const NO_TOKEN: &str = "load";

/// What each message of a document begins with.
pub(super) fn address(room: &str) -> Vec<u8> {
    let mut address = Vec::with_capacity(room.len() + 1);
    put_byte_string(&mut address, room.as_bytes());
    address
}

/// The message that says who the client is. Servers want one even when they let everybody in.
pub(super) fn token(address: &[u8], token: &str) -> Vec<u8> {
    let mut message = [address, &[AUTH, TOKEN]].concat();
    put_byte_string(&mut message, if token.is_empty() { NO_TOKEN } else { token }.as_bytes());
    message
}

/// Reads a message.
pub(super) fn hear(message: &[u8]) -> Result<Heard<'_>, Malformed> {
    if message.len() == 1 {
        return Ok(Heard::Nothing);
    }
    let mut reader = Reader::new(message);
    reader.text()?;
    let kind = reader.number()?;
    match u8::try_from(kind) {
        Ok(AUTH) if reader.byte()? == PERMISSION_DENIED => Ok(Heard::Denied(reader.text()?)),
        Ok(AUTH) => Ok(Heard::Nothing),
        Ok(CLOSE) => Ok(Heard::Denied(reader.text()?)),
        Ok(SYNC_STATUS) if reader.number()? == 1 => Ok(Heard::Saved),
        Ok(SYNC_STATUS) => Ok(Heard::Denied("the server did not take an update")),
        _ => yjs::common(kind, &mut reader),
    }
}
