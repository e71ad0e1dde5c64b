//! One client's side of a protocol: what it says, and what the bytes mean that it hears. No measuring, no state; the socket is
//! in `socket`. Called by the people of a crowd and by the probes of the scenarios.

pub mod events;
mod frame;
mod hocuspocus;
pub mod known;
pub mod outgoing;
pub mod socket;
mod stream;
mod yjs;
mod ysweet;

pub use frame::MESSAGE_MAX;

use super::target::{Address, Protocol, Target};
use crate::wire::lib0::Malformed;
use socket::ConnectError;

/// How one client speaks in its room.
#[derive(Debug, Clone)]
pub enum Dialect {
    /// y-websocket, also behind y-sweet's addresses.
    Yjs,
    /// Hocuspocus: everything stands behind the document's name.
    Hocuspocus {
        /// The name as it stands before each message.
        address: Vec<u8>,
        /// What it shows to be let in; perhaps empty.
        token: String,
    },
    /// JSON events.
    Events,
}

/// What a message of a server means. The bytes are slices of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// "This is what I have, send me what I lack": a state vector.
    Asks(&'a [u8]),
    /// What the client lacked: an update. With it the client has joined.
    State(&'a [u8]),
    /// An update.
    Update(&'a [u8]),
    /// Presence of some clients.
    Presence(&'a [u8]),
    /// An event, as JSON. The first one, a welcome, is the client's joining.
    Event(&'a [u8]),
    /// "You may not", and why.
    Denied(&'a str),
    /// All that the client sent before is on disk.
    Saved,
    /// Nothing that a load tester cares for.
    Nothing,
}

/// What a client says.
#[derive(Debug, Clone, Copy)]
pub enum Say<'a> {
    /// "This is what I have": a state vector.
    Asks(&'a [u8]),
    /// What the server asked for: an update.
    State(&'a [u8]),
    /// An update.
    Update(&'a [u8]),
    /// Presence.
    Presence(&'a [u8]),
}

impl Dialect {
    /// Whether a server that speaks it never asks what a client has.
    pub fn never_asks(&self) -> bool {
        matches!(self, Self::Events)
    }

    /// The dialect of a target in one room.
    pub fn of(target: &Target, room: &str) -> Self {
        match target.protocol {
            Protocol::Yjs | Protocol::YSweet => Self::Yjs,
            Protocol::Hocuspocus => {
                Self::Hocuspocus { address: hocuspocus::address(room), token: target.token.clone().unwrap_or_default() }
            }
            Protocol::Events => Self::Events,
        }
    }

    /// The messages that a client begins with: who it is, and what it has.
    pub fn opening(&self, vector: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        if let Self::Hocuspocus { address, token } = self {
            messages.push(hocuspocus::token(address, token));
        }
        messages.extend(self.message(Say::Asks(vector)));
        messages
    }

    /// One message; nothing when the protocol does not have it.
    pub fn message(&self, say: Say<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.write(say, &mut out).then_some(out)
    }

    /// Appends one message; whether the protocol has it.
    pub fn write(&self, say: Say<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Yjs => yjs::write(say, out),
            Self::Hocuspocus { address, .. } => {
                out.extend_from_slice(address);
                yjs::write(say, out);
            }
            Self::Events => return false,
        }
        true
    }

    /// What a message means.
    pub fn hear<'a>(&self, message: &'a [u8]) -> Result<Heard<'a>, Malformed> {
        match self {
            Self::Yjs => yjs::hear(message),
            Self::Hocuspocus { .. } => hocuspocus::hear(message),
            Self::Events => Ok(Heard::Event(message)),
        }
    }
}

/// Where a client of a room connects; y-sweet has to be asked.
pub async fn locate(target: &Target, room: &str, client: usize) -> Result<Address, ConnectError> {
    match target.protocol {
        Protocol::YSweet => {
            let located = tokio::time::timeout(target.patience, ysweet::locate(target, room, client)).await;
            located.map_err(|_| ConnectError::NoDocument("it does not answer".to_owned()))?
        }
        _ => Ok(target.address(room, client)),
    }
}
