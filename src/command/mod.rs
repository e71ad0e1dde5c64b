//! What `triproom` does beside serving: keys, tokens, tables, rooms, load. `main` gives each command its options and two streams; what a
//! script wants to read goes to the first, what a person wants to know to the second.

pub mod key;
pub mod load;
pub mod load_records;
pub mod migrate;
pub mod room;
mod table;
pub mod token;

use std::io;

use crate::room::fold::UnusableSnapshot;
use crate::room::id::RoomId;
use crate::room::import::ImportError;
use crate::room::view::ViewError;
use crate::store::directory::KeyId;
use crate::store::{AppendError, StoreError};

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// No key has this id.
    #[error("there is no key {0}; `triproom key list` shows all")]
    NoSuchKey(KeyId),
    /// Neither has it a roster, nor was anything written in it.
    #[error("there is no room {0:?}; `triproom room list` shows all")]
    NoSuchRoom(RoomId),
    /// The input cannot be read.
    #[error("cannot read: {0}")]
    Input(io::Error),
    /// See there.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// See there.
    #[error("it is not saved: {0}")]
    Append(#[from] AppendError),
    /// See there.
    #[error(transparent)]
    UnusableSnapshot(#[from] UnusableSnapshot),
    /// See there.
    #[error("{0}; it can be had as a Yjs update")]
    View(#[from] ViewError),
    /// Another process was faster.
    #[error("the room {0:?} was changed or deleted by somebody else meanwhile; nothing was done")]
    Lost(RoomId),
    /// A copy is not what it was copied from; the notes say where.
    #[error("not all is copied: the lines above say what is not, and why")]
    NotAllCopied,
    /// Options that do not fit together.
    #[error("{0}")]
    Options(&'static str),
}
