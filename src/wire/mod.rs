//! Codecs: bytes to messages and back. Used by every layer above; a codec keeps no state, does no I/O and
//! trusts no byte: a count is never believed beyond the bytes that follow it.

pub mod awareness;
pub mod close;
pub mod frame;
pub mod hocuspocus;
pub mod lib0;
pub mod room_path;
pub mod yjs;

use bytes::Bytes;

use awareness::AwarenessEntry;
use frame::{Frame, Opcode};
use hocuspocus::Address;

/// The event that says nothing.
const HEARTBEAT: &[u8] = br#"{"v":1,"type":"heartbeat"}"#;

/// How one connection is spoken to in one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// `y-websocket`: one room a socket, lib0 messages in binary frames.
    Yjs,
    /// Hocuspocus: the same messages and some more, each behind the address of its document.
    Hocuspocus(Address),
    /// JSON events in text frames, and no document.
    Events,
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
    /// "Tell me whom you know to be here."
    QueryPresence,
    /// A client's durability probe, sent back unchanged: all it sent before the probe is on disk.
    Probe(Bytes),
    /// What became of one update of this client, for clients that count them.
    SyncStatus(SyncStatus),
    /// Changes of this client are refused, and why. The client stays.
    Denied(&'static str),
    /// A text that another client, or the server, says to all.
    Stateless(Bytes),
    /// An event, as JSON.
    Event(Bytes),
}

/// What became of one update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncStatus {
    /// It is on disk, or said nothing new.
    Saved,
    /// It was refused.
    Refused,
}

impl Protocol {
    /// One message as one WebSocket frame of this protocol; nothing when the protocol has no such message.
    pub fn frame(&self, message: &ServerMessage) -> Option<Frame> {
        match self {
            Self::Yjs => yjs::encode(message),
            Self::Hocuspocus(address) => hocuspocus::encode(address, message),
            Self::Events => match message {
                ServerMessage::Event(json) => Some(Frame::new(Opcode::Text, &[], json.clone())),
                _ => None,
            },
        }
    }

    /// A message without content that keeps a client's watchdog quiet.
    pub fn keep_alive(&self) -> Frame {
        match self {
            Self::Events => Frame::new(Opcode::Text, &[], Bytes::from_static(HEARTBEAT)),
            _ => self.frame(&ServerMessage::Presence(Vec::new())).expect("every protocol of documents has presence"),
        }
    }

    /// Whether its clients have the document.
    pub fn has_document(&self) -> bool {
        *self != Self::Events
    }
}
