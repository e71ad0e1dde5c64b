//! Codecs: bytes to messages and back. Used by every layer above; a codec keeps no state, does no I/O and
//! trusts no byte: a count is never believed beyond the bytes that follow it.

pub mod awareness;
pub mod close;
pub mod frame;
pub mod lib0;
pub mod room_path;
pub mod yjs;

use bytes::Bytes;

use awareness::AwarenessEntry;
use frame::Frame;

/// A client protocol that a room can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `y-websocket`: one room a socket, lib0 messages in binary frames.
    Yjs,
}

/// What a room says to one client or to all, before it is put into a protocol's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// "This is what I have, send me what I lack": an encoded state vector.
    Step1(Bytes),
    /// The answer to a client's Step1: an encoded update.
    Step2(Bytes),
    /// An encoded update.
    Update(Bytes),
    /// Presence of some clients.
    Presence(Vec<AwarenessEntry>),
    /// A client's durability probe, sent back unchanged: all it sent before the probe is on disk.
    Probe(Bytes),
    /// Changes of this client are refused for the time being, and why.
    Denied(&'static str),
}

impl Protocol {
    /// One message as one WebSocket frame of this protocol.
    pub fn frame(self, message: &ServerMessage) -> Frame {
        match self {
            Self::Yjs => yjs::encode(message),
        }
    }

    /// A message without content that keeps a client's watchdog quiet.
    pub fn keep_alive(self) -> Frame {
        match self {
            Self::Yjs => yjs::encode(&ServerMessage::Presence(Vec::new())),
        }
    }
}
