//! `triproom room`: rooms of a store, looked at, taken out and in, folded, deleted and copied without a server.
//! What only reads works beside a running server; what writes takes the store for itself. Room names hold anything: what a
//! terminal would obey is written out.

mod change;
mod copy;
mod list;
mod show;

use std::io::{Read, Write};

use bytes::Bytes;
use clap::{Args, Subcommand};

pub use copy::Copy;
pub use list::List;
pub use show::Show;

use super::CommandError;
use crate::config::place::StorePlace;
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::store::directory::{RoomSize, Roster};
use crate::store::{Directory, ReadOnlyStore, StoredRoom};

/// What to do with rooms.
#[derive(Debug, Clone, Subcommand)]
pub enum RoomCommand {
    /// List rooms in the order of their names
    List(List),
    /// Show a room: its members, its settings, how much is stored of it, and its document
    Show(Show),
    /// Write a room's document to standard output, as a Yjs update
    Export(Export),
    /// Take a Yjs update from standard input into a room, by the checks that a client's edits go through
    Import(Import),
    /// Fold a room's log into its snapshot
    Compact(OneRoom),
    /// Delete a room: its document, its members, its settings
    Delete(Delete),
    /// Copy all rooms to another store, and compare what is there then; run it again to catch up
    Copy(Box<Copy>),
}

/// One room of a store.
#[derive(Debug, Clone, Args)]
pub struct OneRoom {
    /// The room's name
    #[arg(value_parser = room_name, value_name = "ROOM")]
    room: RoomId,
    #[command(flatten)]
    store: StorePlace,
}

/// What to write, and how.
#[derive(Debug, Clone, Args)]
pub struct Export {
    #[command(flatten)]
    of: OneRoom,
    /// As JSON instead
    #[arg(long)]
    json: bool,
}

/// Where to take an update in.
#[derive(Debug, Clone, Args)]
pub struct Import {
    #[command(flatten)]
    into: OneRoom,
    /// Bytes of one document in its encoded form
    #[arg(long, env = "TRIPROOM_MAX_DOCUMENT", default_value = "100MiB", value_name = "SIZE")]
    max_document: bytesize::ByteSize,
}

/// What to delete.
#[derive(Debug, Clone, Args)]
pub struct Delete {
    #[command(flatten)]
    room: OneRoom,
    /// Really; it cannot be undone
    #[arg(long)]
    yes: bool,
}

/// Does it. What a script wants goes to `out`, what happened to `notes`; an import comes from `input`.
pub async fn run(
    command: RoomCommand,
    input: &mut impl Read,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<(), CommandError> {
    match command {
        RoomCommand::List(list) => list::run(list, out, notes).await,
        RoomCommand::Show(show) => show::run(show, out).await,
        RoomCommand::Export(export) => show::export(export, out, notes).await,
        RoomCommand::Import(import) => change::import(import, input, notes).await,
        RoomCommand::Compact(room) => change::compact(room, notes).await,
        RoomCommand::Delete(delete) => change::delete(delete, notes).await,
        RoomCommand::Copy(copy) => copy::run(*copy, out, notes).await,
    }
}

/// All that a store has of one room.
struct Found {
    roster: Option<Roster>,
    size: Option<RoomSize>,
    stored: StoredRoom,
    rows: Vec<Bytes>,
}

impl OneRoom {
    /// Looks for it; that there is no such room is an error.
    async fn find(&self) -> Result<Found, CommandError> {
        let store = ReadOnlyStore::open(&self.store.place()?).await?;
        let found = async {
            let (roster, size) = self.look_in(store.directory()).await?;
            let stored = store.load(&self.room).await?;
            let rows = stored.rows.iter().map(|row| row.data.clone()).collect();
            Ok(Found { roster, size, stored, rows })
        };
        let found = found.await;
        store.close().await;
        found
    }

    /// The same without what is stored, which may be damaged.
    async fn look(&self) -> Result<(Option<Roster>, Option<RoomSize>), CommandError> {
        let directory = Directory::open_read_only(self.store.place()?).await?;
        let found = self.look_in(&directory).await;
        directory.close().await;
        found
    }

    async fn look_in(&self, directory: &Directory) -> Result<(Option<Roster>, Option<RoomSize>), CommandError> {
        let roster = directory.roster(&self.room).await?;
        let size = directory.sizes(&self.room, &self.room).await?.pop();
        if roster.is_none() && size.is_none() {
            return Err(CommandError::NoSuchRoom(self.room.clone()));
        }
        Ok((roster, size))
    }
}

fn room_name(name: &str) -> Result<RoomId, String> {
    RoomId::parse(name, ROOM_NAME_CEILING).map_err(|error| error.to_string())
}
