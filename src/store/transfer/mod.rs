//! Rooms on their way from one store to another, whole and as they are: snapshot, rows byte for byte, events, members,
//! settings, and the lines of tables that belong to no room. Only the command that copies comes here; it compares and decides.
//! A [`Side`] reads, beside a server if there is one. A [`Target`] has its store for itself and puts a room into it in one
//! transaction, so that there is never half of one. It must never look into an update's bytes.

mod postgres;
mod sqlite;
mod table;

use std::fs::File;
use std::time::Duration;

use bytes::Bytes;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::time::timeout;

pub use table::{KEPT_TABLES, Line, LineStanding, ROOM_TABLES, SHARED_TABLES, Table};

use self::table::{Lines, Value};
use super::directory::RoomEntry;
use super::error::StoreError;
use super::place::Place;
use super::read_only::ReadOnlyStore;
use super::snapshot::Encoded;
use super::{Sequence, StoreConfig, StoredRoom, StoredRow};
use crate::room::id::RoomId;

/// How often a room is read that changes meanwhile.
const TRIES: usize = 5;
/// How long a folder's database may take for what it is asked.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever writes so much may take that long once more.
const PATIENCE_BYTES: usize = 1 << 20;

/// All that a store has of one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeRoom {
    /// Which.
    pub room: RoomId,
    /// Its document.
    pub stored: StoredRoom,
    /// When that was first written to, as the database keeps it.
    written_at: Option<i64>,
    /// Its lines in all tables that belong to rooms.
    lines: Vec<Lines>,
    /// Its events and latest values.
    kept: Vec<Lines>,
}

/// A store that is read.
#[derive(Debug)]
pub struct Side {
    documents: ReadOnlyStore,
    link: Link,
    patience: Duration,
}

/// A store that is written.
#[derive(Debug)]
pub struct Target {
    side: Side,
    /// No row was put behind this one yet.
    last: Sequence,
    /// A folder is taken as long as this is held; a database, by the connection.
    _folder: Option<File>,
}

#[derive(Debug)]
enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What is put in the place of a room.
struct RoomWrite<'a> {
    room: &'a RoomId,
    lines: &'a [Lines],
    kept: &'a [Lines],
    written_at: Option<i64>,
    snapshot: Option<Encoded>,
    rows: &'a [StoredRow],
    /// The sequence of the first row.
    first: Sequence,
    /// Between which sequences rows of it are now, if there are any.
    old_rows: Option<(Sequence, Sequence)>,
}

/// Asks whichever it is, with a time-out.
macro_rules! ask {
    ($side:expr, $patience:expr, $name:ident($($argument:expr),*)) => {{
        let patience = $patience;
        let answer = match &mut $side.link {
            Link::Sqlite(connection) => timeout(patience, sqlite::statements::$name(connection, $($argument),*)).await,
            Link::Postgres(connection) => timeout(patience, postgres::statements::$name(connection, $($argument),*)).await,
        };
        answer.map_err(|_| StoreError::TimedOut { patience })?.map_err(StoreError::from)
    }};
}

impl Side {
    /// Opens what is in this place to look at it, whether a server runs on it or not.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        let documents = ReadOnlyStore::open(place).await?;
        let link = match place {
            Place::Folder(folder) => Link::Sqlite(sqlite::connect_read_only(folder).await?),
            Place::Postgres(options) => Link::Postgres(postgres::connect_read_only(options).await?),
        };
        Ok(Self { documents, link, patience: patience(place) })
    }

    /// At most `limit` rooms in the order of their names, from the one behind `after` on.
    pub async fn rooms(&self, after: Option<&RoomId>, limit: usize) -> Result<Vec<RoomEntry>, StoreError> {
        self.documents.directory().all_rooms(after, limit).await
    }

    /// All of a room, as it was at one moment; nothing when there is none of this name, or when it is being deleted.
    pub async fn read(&mut self, room: &RoomId) -> Result<Option<WholeRoom>, StoreError> {
        let mut lines = self.room_lines(room).await?;
        for _ in 0..TRIES {
            let written_at = ask!(self, self.patience, written_at(room))?;
            let stored = self.documents.load(room).await?;
            if self.documents.directory().is_deleted(room).await? {
                return Ok(None);
            }
            // Whoever deletes a room begins with its lines: with them gone, its document goes as well.
            let again = self.room_lines(room).await?;
            if lines == again {
                let is_there = written_at.is_some() || lines.iter().any(|lines| !lines.lines.is_empty());
                let kept = ask!(self, self.patience, kept_lines(room))?;
                return Ok(is_there.then(|| WholeRoom { room: room.clone(), stored, written_at, lines, kept }));
            }
            lines = again;
        }
        Err(StoreError::Failing { cause: "a room's members change all the time".to_owned() })
    }

    async fn room_lines(&mut self, room: &RoomId) -> Result<Vec<Lines>, StoreError> {
        let mut all = Vec::with_capacity(ROOM_TABLES.len());
        for table in &ROOM_TABLES {
            all.push(Lines::new(table, ask!(self, self.patience, room_lines(table, room))?));
        }
        Ok(all)
    }

    /// At most `limit` lines of a table, in the order of their keys, from the one behind `after` on.
    pub async fn lines(&mut self, table: &Table, after: Option<&Line>, limit: u16) -> Result<Vec<Line>, StoreError> {
        ask!(self, self.patience, page(table, after, i64::from(limit)))
    }

    /// The line that has the key of this one.
    pub async fn same_key(&mut self, table: &Table, line: &Line) -> Result<Option<Line>, StoreError> {
        ask!(self, self.patience, same_key(table, line))
    }

    /// Closes the connections.
    pub async fn close(self) -> Result<(), StoreError> {
        self.documents.close().await;
        match self.link {
            Link::Sqlite(connection) => connection.close().await?,
            Link::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

impl Target {
    /// Takes the store in this place, made if it is not there, for this process.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        let (link, folder, last) = match place {
            Place::Folder(folder) => {
                let (connection, lock, last) = sqlite::take(folder).await?;
                (Link::Sqlite(connection), Some(lock), last)
            }
            Place::Postgres(options) => {
                let (connection, last) = postgres::take(options).await?;
                (Link::Postgres(connection), None, last)
            }
        };
        let side = Side { documents: ReadOnlyStore::open(place).await?, link, patience: patience(place) };
        Ok(Self { side, last, _folder: folder })
    }

    /// Reads it.
    pub fn side(&mut self) -> &mut Side {
        &mut self.side
    }

    /// Puts a room in the place of what is there under its name. All of it, or on an error maybe all and maybe nothing.
    pub async fn put(&mut self, whole: &WholeRoom) -> Result<(), StoreError> {
        let WholeRoom { room, stored, written_at, lines, kept } = whole;
        let level = StoreConfig::SNAPSHOT_LEVEL;
        let snapshot = stored.snapshot.as_ref().map(|raw| Encoded::encode(raw, level)).transpose();
        let snapshot = snapshot.map_err(|detail| StoreError::Fold { room: room.clone(), source: detail.into() })?;
        let bytes = whole.bytes();
        let first = Sequence(self.last.0 + 1);
        // Even if it fails: they may be there.
        self.last.0 += stored.rows.len() as u64;
        let old_rows = self.old_rows(room);
        let (written_at, rows) = (*written_at, &stored.rows[..]);
        let write = RoomWrite { room, lines, kept, written_at, snapshot, rows, first, old_rows };
        let kept_lines: usize = kept.iter().map(|lines| lines.lines.len()).sum();
        let kept_bytes: usize = kept.iter().map(Lines::bytes).sum();
        let weight = bytes + kept_bytes + (rows.len() + kept_lines) * 1024;
        let steps = u32::try_from(2 + weight / PATIENCE_BYTES).unwrap_or(u32::MAX);
        ask!(self.side, self.side.patience.saturating_mul(steps), put_room(&write))?;
        let sequences = (first.0..).map(Sequence).take(stored.rows.len()).collect();
        let ledger = &self.side.documents.ledger;
        ledger.loaded(&ledger.life(room), None, sequences, bytes as u64);
        Ok(())
    }

    /// Where rows of a room may be. A database finds them by the room alone.
    fn old_rows(&self, room: &RoomId) -> Option<(Sequence, Sequence)> {
        match self.side.link {
            Link::Sqlite(_) => {
                let rows = self.side.documents.ledger.view(room).committed;
                Some((*rows.first()?, *rows.last()?))
            }
            Link::Postgres(_) => Some((Sequence(0), Sequence(i64::MAX.cast_unsigned()))),
        }
    }

    /// Puts lines in the place of those with their keys.
    pub async fn put_lines(&mut self, table: &Table, lines: &[Line]) -> Result<(), StoreError> {
        ask!(self.side, self.side.patience.saturating_mul(2), put_lines(table, lines))
    }

    /// Closes the connections.
    pub async fn close(self) -> Result<(), StoreError> {
        self.side.close().await
    }
}

impl WholeRoom {
    /// The updates that no snapshot holds.
    pub fn rows(&self) -> Vec<Bytes> {
        self.stored.rows.iter().map(|row| row.data.clone()).collect()
    }

    /// Whether the other is the same, byte for byte, but for where its rows are.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        let same_rows = self.stored.rows.iter().map(|row| &row.data).eq(other.stored.rows.iter().map(|row| &row.data));
        self.written_at == other.written_at
            && self.has_lines_of(other)
            && self.has_kept_of(other)
            && same_rows
            && self.stored.snapshot == other.stored.snapshot
    }

    /// Whether members and settings are the same.
    pub fn has_lines_of(&self, other: &Self) -> bool {
        self.lines == other.lines
    }

    /// Whether events and latest values are the same.
    pub fn has_kept_of(&self, other: &Self) -> bool {
        self.kept == other.kept
    }

    /// Whether its events may have been those of the other one earlier: all of them are there, but for the oldest.
    pub fn has_earlier_events_of(&self, other: &Self) -> bool {
        let (events, others) = (self.kept_in("events"), other.kept_in("events"));
        let is_there = |event| others.binary_search(event).is_ok();
        let is_forgotten = |event| others.first().is_none_or(|first| event < first);
        self.kept_in("event_counters").first() <= other.kept_in("event_counters").first()
            && events.iter().all(|event| is_there(event) || is_forgotten(event))
    }

    fn kept_in(&self, table: &str) -> &[Line] {
        self.kept.iter().find(|lines| lines.table.name == table).map_or(&[], |lines| &lines.lines)
    }

    /// Whether it may be the same room at another moment: made at the same time, or made only at the other place.
    pub fn may_become(&self, other: &Self) -> bool {
        self.made_at().is_none_or(|made_at| other.made_at() == Some(made_at))
    }

    /// When its roster was made.
    fn made_at(&self) -> Option<&Value> {
        let rosters = self.lines.iter().find(|lines| lines.table.name == "rosters")?;
        let column = rosters.table.columns.iter().position(|(name, _)| *name == "created_at")?;
        Some(&rosters.lines.first()?.values[column])
    }

    fn bytes(&self) -> usize {
        let rows: usize = self.stored.rows.iter().map(|row| row.data.len()).sum();
        rows + self.stored.snapshot.as_ref().map_or(0, Bytes::len)
    }
}

fn patience(place: &Place) -> Duration {
    match place {
        Place::Folder(_) => PATIENCE,
        Place::Postgres(options) => options.patience,
    }
}
