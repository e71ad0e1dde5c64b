//! A client's messages of y-websocket, and what it hears; Hocuspocus has the same ones behind a name.

use super::{Heard, Say};
use crate::wire::lib0::{Malformed, Reader, put_byte_string};

const SYNC: u8 = 0;
const AWARENESS: u8 = 1;
const AUTH: u8 = 2;
const STEP1: u8 = 0;
const STEP2: u8 = 1;
const UPDATE: u8 = 2;

/// Appends a message.
pub(super) fn write(say: Say<'_>, out: &mut Vec<u8>) {
    let (kind, body): (&[u8], _) = match say {
        Say::Asks(vector) => (&[SYNC, STEP1], vector),
        Say::State(update) => (&[SYNC, STEP2], update),
        Say::Update(update) => (&[SYNC, UPDATE], update),
        Say::Presence(presence) => (&[AWARENESS], presence),
    };
    out.extend_from_slice(kind);
    put_byte_string(out, body);
}

/// Reads a message.
pub(super) fn hear(message: &[u8]) -> Result<Heard<'_>, Malformed> {
    let mut reader = Reader::new(message);
    let kind = reader.number()?;
    common(kind, &mut reader)
}

/// Reads what Hocuspocus has in common with it. Types that it does not know are none of its business.
pub(super) fn common<'a>(kind: u64, reader: &mut Reader<'a>) -> Result<Heard<'a>, Malformed> {
    match u8::try_from(kind) {
        Ok(SYNC) => match reader.byte()? {
            STEP1 => Ok(Heard::Asks(reader.byte_string()?)),
            STEP2 => Ok(Heard::State(reader.byte_string()?)),
            UPDATE => Ok(Heard::Update(reader.byte_string()?)),
            _ => Err(Malformed::UnknownTag),
        },
        Ok(AWARENESS) => Ok(Heard::Presence(reader.byte_string()?)),
        Ok(AUTH) if reader.byte()? == 0 => Ok(Heard::Denied(reader.text()?)),
        _ => Ok(Heard::Nothing),
    }
}
