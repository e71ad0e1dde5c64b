//! What `triproom` does beside serving: keys, tokens, tables. `main` gives each command its options and two streams; what a
//! script wants to read goes to the first, what a person wants to know to the second.

pub mod key;
pub mod migrate;
pub mod token;

use std::io;

use crate::store::StoreError;
use crate::store::directory::KeyId;

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
    /// Options that do not fit together.
    #[error("{0}")]
    Options(&'static str),
}
