//! `triproom room import`, `compact` and `delete`: they take the store for themselves, and change one room in it.
//! What they say was done is on the disk. They must never make a store where there is none.

use std::io::{Read, Write};

use bytes::Bytes;

use super::{Delete, Import, OneRoom};
use crate::command::CommandError;
use crate::config::bytes;
use crate::hub::saving::fold_stored;
use crate::room::import::{Import as Taken, import as take_in};
use crate::room::portrait::Stored;
use crate::store::{Compaction, Directory, RoomLog, Store, StoreConfig, StoreError};

pub(super) async fn import(command: Import, input: &mut impl Read, notes: &mut impl Write) -> Result<(), CommandError> {
    let Import { into, max_document } = command;
    let limit = bytes(max_document);
    let mut update = Vec::new();
    input.take(max_document.as_u64().saturating_add(1)).read_to_end(&mut update).map_err(CommandError::Input)?;
    if update.len() > limit {
        return Err(CommandError::Options("the update is longer than --max-document"));
    }
    let store = into.take().await?;
    let imported = import_into(&store, &into, update.into(), limit).await;
    let closed = store.close().await;
    let (taken, log) = imported?;
    closed?;
    if log.durable() < log.appended() {
        return Err(CommandError::Lost(into.room));
    }
    let room = into.room.for_log();
    Ok(match taken {
        Taken::News => writeln!(notes, "It is saved in the room {room}."),
        Taken::Waits => writeln!(notes, "It is saved in the room {room}, and waits for edits that are missing."),
        Taken::Known => writeln!(notes, "The room {room} has all of it already."),
    }?)
}

async fn import_into(
    store: &Store,
    into: &OneRoom,
    update: Bytes,
    limit: usize,
) -> Result<(Taken, RoomLog), CommandError> {
    let mut log = store.log(&into.room);
    let stored = store.load(&into.room).await?;
    let rows: Vec<Bytes> = stored.rows.iter().map(|row| row.data.clone()).collect();
    let snapshot = stored.snapshot.as_ref();
    let taken = take_in(Stored { snapshot, rows: &rows }, update.clone(), limit)?;
    if taken != Taken::Known {
        // It is durable when the store has closed well.
        log.append([update])?;
    }
    Ok((taken, log))
}

pub(super) async fn compact(of: OneRoom, notes: &mut impl Write) -> Result<(), CommandError> {
    of.find().await?;
    let store = of.take().await?;
    let compacted = store.compact(&of.room, |stored| fold_stored(&stored)).await;
    let closed = store.close().await;
    let compacted = compacted?;
    closed?;
    match compacted {
        Compaction::Done { folded, raw_bytes, stored_bytes, .. } => Ok(writeln!(
            notes,
            "{folded} rows are folded into a snapshot of {stored_bytes} bytes ({raw_bytes} before compression)."
        )?),
        Compaction::Lost => Err(CommandError::Lost(of.room)),
    }
}

pub(super) async fn delete(command: Delete, notes: &mut impl Write) -> Result<(), CommandError> {
    let Delete { room: of, yes } = command;
    let (roster, _) = of.look().await?;
    if !yes {
        return Err(CommandError::Options("deleting a room cannot be undone; say --yes"));
    }
    let store = of.take().await?;
    let deleted = delete_from(&store, &of).await;
    let closed = store.close().await;
    deleted?;
    closed?;
    let (room, members) = (of.room.for_log(), roster.map_or(0, |roster| roster.members.len()));
    Ok(writeln!(notes, "The room {room} is deleted, with its {members} members.")?)
}

async fn delete_from(store: &Store, of: &OneRoom) -> Result<(), StoreError> {
    // In this order: after a crash between the two the next opening finishes it.
    store.directory().delete_room(&of.room).await?;
    store.delete_room(&of.room).await
}

impl OneRoom {
    /// Takes the store, which must be there, for this process.
    async fn take(&self) -> Result<Store, CommandError> {
        let place = self.store.place()?;
        Directory::open_read_only(place.clone()).await?.close().await;
        Ok(Store::open(StoreConfig::new(place)).await?)
    }
}
