//! A store to look at, whether a server runs on it or not: command lines read rooms through it, copies come from it.
//! It sees a room as it was at one moment; in a folder, without the rows that came after it was opened. It must never
//! write, make or migrate anything.

use super::directory::Directory;
use super::error::StoreError;
use super::ledger::Ledger;
use super::place::Place;
use super::reader::Reader;
use super::{StoredRoom, postgres, sqlite};
use crate::room::id::RoomId;

/// See the module.
#[derive(Debug)]
pub struct ReadOnlyStore {
    /// Where the rows of rooms are in a folder's log, which has no index on room.
    pub(super) ledger: Ledger,
    pub(super) reader: Reader,
    pub(super) directory: Directory,
}

impl ReadOnlyStore {
    /// Opens what is in this place, whose tables must be those of this version.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        match place {
            Place::Folder(folder) => sqlite::open_read_only(folder).await,
            Place::Postgres(options) => postgres::open_read_only(options).await,
        }
    }

    /// All that is stored of `room`; nothing when nothing ever was.
    pub async fn load(&self, room: &RoomId) -> Result<StoredRoom, StoreError> {
        let read = self.reader.read(room, &self.ledger.view(room)).await?;
        // What is missing of a folder's rows was folded since it was opened, or deleted.
        Ok(StoredRoom {
            snapshot: read.snapshot,
            rows: read.rows,
            damaged: read.damaged.len(),
            last_event: read.last_event,
        })
    }

    /// Who may be in the rooms. Every write is refused.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.reader.close().await;
        self.directory.close().await;
    }
}
