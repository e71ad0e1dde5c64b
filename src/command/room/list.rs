//! `triproom room list`: rooms by their names, a page at a time.

use std::collections::HashMap;
use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::room_name;
use crate::command::CommandError;
use crate::command::table::{day, write_table};
use crate::config::place::StorePlace;
use crate::room::id::RoomId;
use crate::store::ReadOnlyStore;
use crate::store::directory::{RoomEntry, RoomSize};

/// Which rooms, and how.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// From the room behind this one on
    #[arg(long, value_parser = room_name, value_name = "ROOM")]
    after: Option<RoomId>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "COUNT")]
    limit: u32,
    /// As JSON: an object of the rooms and of the name to go on after
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StorePlace,
}

/// A room with how much is stored of it.
type Line = (RoomEntry, Option<RoomSize>);

pub(super) async fn run(list: List, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CommandError> {
    let store = ReadOnlyStore::open(&list.store.place()?).await?;
    let limit = usize::try_from(list.limit).expect("a page fits into memory");
    let page = read(&store, list.after.as_ref(), limit).await;
    store.close().await;
    let (lines, more) = page?;
    let next = lines.last().filter(|_| more).map(|(entry, _)| &entry.room);
    if list.json {
        let rooms: Vec<Value> = lines.iter().map(as_json).collect();
        return Ok(writeln!(out, "{}", json!({ "rooms": rooms, "next": next.map(RoomId::as_str) }))?);
    }
    let header = ["MADE", "VISIBILITY", "ROWS", "BYTES", "EVENTS", "ROOM"].map(str::to_owned);
    write_table(out, &std::iter::once(header).chain(lines.iter().map(row)).collect::<Vec<_>>())?;
    if let Some(next) = next {
        writeln!(notes, "There are more: go on with --after {:?}", next.as_str())?;
    }
    Ok(())
}

/// A page, and whether there are rooms behind it.
async fn read(store: &ReadOnlyStore, after: Option<&RoomId>, limit: usize) -> Result<(Vec<Line>, bool), CommandError> {
    let mut entries = store.directory().all_rooms(after, limit + 1).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok((Vec::new(), false)) };
    let sizes = store.directory().sizes(&first.room, &last.room).await?;
    let mut sizes: HashMap<RoomId, RoomSize> = sizes.into_iter().map(|size| (size.room.clone(), size)).collect();
    let lines = entries.into_iter().map(|entry| {
        let size = sizes.remove(&entry.room);
        (entry, size)
    });
    Ok((lines.collect(), more))
}

fn row((entry, size): &Line) -> [String; 6] {
    let visibility = entry.settings.as_ref().map_or("-", |settings| settings.visibility.as_str());
    let rows = size.as_ref().map_or(0, |size| size.rows);
    let bytes = size.as_ref().map_or(0, |size| size.row_bytes + size.snapshot_bytes);
    let events = size.as_ref().map_or(0, |size| size.events);
    let name = entry.room.for_log().to_string();
    let [rows, bytes, events] = [rows, bytes, events].map(|number| number.to_string());
    [day(entry.created_at), visibility.to_owned(), rows, bytes, events, name]
}

fn as_json((entry, size): &Line) -> Value {
    json!({
        "room": entry.room.as_str(),
        "made_at": day(entry.created_at),
        "visibility": entry.settings.as_ref().map(|settings| settings.visibility.as_str()),
        "rows": size.as_ref().map_or(0, |size| size.rows),
        "row_bytes": size.as_ref().map_or(0, |size| size.row_bytes),
        "snapshot_bytes": size.as_ref().map_or(0, |size| size.snapshot_bytes),
        "events": size.as_ref().map_or(0, |size| size.events),
    })
}
