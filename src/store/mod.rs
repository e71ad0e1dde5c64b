//! What survives a crash: the log of every room's updates and the snapshots that they are folded into.
//! The hub opens a room with [`Store::load`], appends through its [`RoomLog`] and folds with [`Store::compact`].
//! *Durable* is said only after the commit returned; a failing disk loses nothing that memory can still hold.
//! It must never look into the bytes of an update or an event.
//!
//! `ledger` is the account in memory, `log` a room's handle on it in one `life` of the room, `writer` the one task that
//! commits, and does the jobs that `compaction`, `deletion` and `events` give it. The database behind them is `sqlite` or `postgres`:
//! a `sink` writes it, a `reader` reads it. `events` are the events of rooms and their latest values. `directory` is beside all this: who may be in the rooms.
//! `read_only` and `transfer` are for command lines.

mod announce;
mod backoff;
mod cache;
mod compaction;
mod deletion;
pub mod directory;
mod error;
mod events;
mod fault;
mod hurry;
mod job;
mod ledger;
mod life;
mod log;
mod migrations;
mod moment;
mod place;
mod postgres;
mod read_only;
mod reader;
mod seal;
mod sink;
mod snapshot;
mod sqlite;
pub mod transfer;
mod work;
mod writer;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

pub use cache::CacheOptions;
pub use directory::Directory;
pub use error::{AppendError, StoreError};
pub use events::{EventPage, EventQuery, EventSpan, Retention};
pub use fault::{Fault, FaultSwitch};
pub use log::{RoomLog, Saved, UNHEARD_EVENTS};
pub use migrations::{Migrated, Migrations, migrate};

pub use crate::room::durability::LogPosition;
pub use place::{Place, Pooler, PostgresOptions, Sharing};
pub use read_only::ReadOnlyStore;

use crate::room::id::RoomId;
use crate::room::kept::{EventSeq, Latest};
use crate::room::node::{Incarnation, NodeId};
use job::Job;
use ledger::Ledger;
use reader::Reader;
use sink::Sink;
use writer::{Deadline, Writer};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where the database is.
    pub place: Place,
    /// Whether its tables may be made and brought up to date.
    pub migrations: Migrations,
    /// Bytes of rows (and some 70 a row beside them) that may wait to be written before appends are refused.
    pub unsaved_budget: u64,
    /// The most rows of one commit.
    pub commit_rows: usize,
    /// A commit takes no further row once it has this many bytes.
    pub commit_bytes: usize,
    /// zstd level of snapshots.
    pub snapshot_level: i32,
    /// Connections that load rooms at the same time.
    pub readers: u32,
    /// How long closing goes on trying while the disk fails.
    pub close_patience: Duration,
    /// Where snapshots are kept beside a database that is shared; nothing: nowhere.
    pub cache: Option<CacheOptions>,
    /// Makes commits fail. For tests.
    pub fault: Option<FaultSwitch>,
}

impl StoreConfig {
    /// zstd level of snapshots, when nothing else is said.
    pub const SNAPSHOT_LEVEL: i32 = 6;

    /// The defaults, for the database in this place.
    pub fn new(place: impl Into<Place>) -> Self {
        Self {
            place: place.into(),
            migrations: Migrations::Apply,
            unsaved_budget: 64 << 20,
            commit_rows: 5_000,
            commit_bytes: 4 << 20,
            snapshot_level: Self::SNAPSHOT_LEVEL,
            readers: 2,
            close_patience: Duration::from_secs(10),
            cache: None,
            fault: None,
        }
    }
}

/// Where a row stands in the log: rising over all rooms of a store, never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// All that is stored of one room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredRoom {
    /// The folded state, as the last compaction gave it.
    pub snapshot: Option<Bytes>,
    /// The updates since then, in the order in which they were appended.
    pub rows: Vec<StoredRow>,
    /// Rows that fail their checksum: left out here, kept in the file, logged and counted.
    pub damaged: usize,
    /// The number of the newest event of its log; 0 when it never had one.
    pub last_event: EventSeq,
}

/// One update in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Its place.
    pub sequence: Sequence,
    /// Its bytes as they were appended.
    pub data: Bytes,
}

/// What the fold of a compaction makes of a [`StoredRoom`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The new snapshot.
    pub snapshot: Bytes,
    /// The rows that it holds: exactly these are deleted.
    pub folded: Vec<Sequence>,
}

/// How a compaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// The snapshot is written and the rows in it are deleted.
    Done {
        /// The snapshot's generation.
        generation: u64,
        /// Rows deleted.
        folded: usize,
        /// Rows that were there and are not in it: they wait for others, or are damaged.
        left: usize,
        /// Bytes of those, but of the damaged ones.
        left_bytes: u64,
        /// Length of the snapshot before compression.
        raw_bytes: u64,
        /// And in the file.
        stored_bytes: u64,
    },
    /// Somebody else compacted the room meanwhile, or deleted it; nothing was changed.
    Lost,
}

/// Whether the store can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// The last commit succeeded.
    Healthy,
    /// Commits fail; everything that waits is kept and tried again.
    Failing {
        /// Since the first failure.
        since: SystemTime,
        /// The latest failure, for the operator.
        error: Arc<str>,
    },
}

/// A room with rows in the log, to choose what to compact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRows {
    /// The room.
    pub room: RoomId,
    /// Committed rows that no snapshot holds.
    pub rows: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Jobs that may wait for the writer; a compaction holds a snapshot.
const WAITING_JOBS: usize = 4;

/// Where rooms are kept. A cheap handle: clones share one store.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    reader: Reader,
    directory: Directory,
    jobs: mpsc::Sender<Job>,
    health: watch::Receiver<StoreHealth>,
    closing: watch::Sender<Deadline>,
    writer: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    snapshot_level: i32,
    close_patience: Duration,
}

/// What a database gives for a store to be made of it.
struct Opened {
    ledger: Ledger,
    sink: Sink,
    reader: Reader,
    directory: Directory,
}

impl Store {
    /// Opens the store in the configured place. A folder belongs to this process until it closes.
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let Opened { ledger, sink, reader, directory } = match &config.place {
            Place::Folder(folder) => sqlite::open(&config, folder).await?,
            Place::Postgres(options) => postgres::open(&config, options).await?,
        };
        let ledger = Arc::new(ledger);
        let (jobs, job_queue) = mpsc::channel(WAITING_JOBS);
        let (health, healthy) = watch::channel(StoreHealth::Healthy);
        let (closing, deadline) = watch::channel(None);
        let writer = Writer {
            ledger: Arc::clone(&ledger),
            sink,
            jobs: job_queue,
            health,
            closing: deadline,
            commit_rows: config.commit_rows,
            commit_bytes: config.commit_bytes,
            next_commit: Instant::now(),
            patient_commit: Instant::now(),
        };
        let shared = Shared {
            ledger,
            reader,
            directory,
            jobs,
            health: healthy,
            closing,
            writer: Mutex::new(Some(tokio::spawn(writer.run()))),
            snapshot_level: config.snapshot_level,
            close_patience: config.close_patience,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// All that is stored of `room`, rows that were appended but not committed included.
    pub async fn load(&self, room: &RoomId) -> Result<StoredRoom, StoreError> {
        let Shared { ledger, reader, .. } = &*self.shared;
        // First the account, then the database: a row that is committed in between is in the account as unsaved, and one
        // that is folded in between is in the snapshot.
        let life = ledger.life(room);
        let view = ledger.view(room);
        let mut stored = reader.read(room, &view).await?;
        if reader.is_shared() {
            let (sequences, bytes) = stored.rows();
            ledger.loaded(&life, stored.id, sequences, bytes);
        }
        let lost = ledger.still_there(room, &stored.missing);
        if !lost.is_empty() {
            tracing::error!(room = %room.for_log(), rows = lost.len(), "rows of a room are gone from the log without a compaction");
            metrics::counter!("triproom_store_damaged_rows_total").increment(lost.len() as u64);
        }
        stored.rows.extend(view.unsaved.into_iter().map(|(sequence, data)| StoredRow { sequence, data }));
        Ok(StoredRoom {
            snapshot: stored.snapshot,
            rows: stored.rows,
            damaged: stored.damaged.len() + lost.len(),
            last_event: stored.last_event,
        })
    }

    /// Which room of this name is in the database now; nothing when none is, or when this process alone writes there.
    pub async fn incarnation(&self, room: &RoomId) -> Result<Option<Incarnation>, StoreError> {
        self.shared.reader.incarnation(room).await
    }

    /// Whether the room of this name that this process knows is in the database no longer: somebody else has deleted it.
    pub async fn is_replaced(&self, room: &RoomId) -> Result<bool, StoreError> {
        let Some(own) = self.shared.ledger.life(room).id() else { return Ok(false) };
        Ok(self.shared.reader.is_shared() && self.incarnation(room).await? != Some(Incarnation(own)))
    }

    /// Says that this node is up, and which others that share the database said so in the last seconds.
    pub async fn roll_call(&self, node: NodeId) -> Result<Vec<NodeId>, StoreError> {
        self.shared.reader.roll_call(node).await
    }

    /// The append handle of one open room. Leaves nothing behind until something is appended.
    pub fn log(&self, room: &RoomId) -> RoomLog {
        RoomLog::new(room, Arc::clone(&self.shared.ledger))
    }

    /// A page of the room's committed events.
    pub async fn events(&self, room: &RoomId, wanted: EventQuery) -> Result<EventPage, StoreError> {
        self.shared.reader.events(room, wanted).await
    }

    /// The room's latest values, those that wait to be written included, in the order of their kinds and keys.
    pub async fn latest(&self, room: &RoomId) -> Result<Vec<Latest>, StoreError> {
        let Shared { ledger, reader, .. } = &*self.shared;
        // First the account: what is committed in between is in both.
        let unsaved = ledger.unsaved_latest(room);
        Ok(events::waiting::merge(reader.latest(room).await?, unsaved))
    }

    /// Deletes the oldest events of `room`, a few in each transaction, until no more is kept than `retention` says; gives how
    /// many went. Dropping the future stops it before the next few.
    pub async fn retain_events(&self, room: &RoomId, retention: Retention) -> Result<u64, StoreError> {
        events::retention::retain_events(room, retention, &self.shared.jobs).await
    }

    /// Folds a room's snapshot and committed rows into a new snapshot. `fold` runs on a thread where it may take its time.
    ///
    /// Rows that it does not name stay: those that arrived meanwhile, those that wait for predecessors, damaged ones.
    /// Once the fold is done, dropping the future does not stop the write.
    pub async fn compact<F, E>(&self, room: &RoomId, fold: F) -> Result<Compaction, StoreError>
    where
        F: FnOnce(StoredRoom) -> Result<Folded, E> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        let Shared { ledger, reader, jobs, snapshot_level, .. } = &*self.shared;
        compaction::compact(room, fold, *snapshot_level, ledger, reader, jobs).await
    }

    /// Deletes all that is stored of `room`: snapshots, rows, events, latest values, and what waits to be written. All of it or, on an error,
    /// nothing; a store that fails at present gives [`StoreError::Failing`]. Dropping the future does not stop it.
    ///
    /// Logs of the room from before take no more rows ([`AppendError::Deleted`]), their unsaved rows never become durable,
    /// and a compaction that is under way is lost. A log taken afterwards belongs to a new room, which starts empty.
    /// Whoever opens a room takes its log before loading it, so that an old document cannot come into the new room.
    pub async fn delete_room(&self, room: &RoomId) -> Result<(), StoreError> {
        deletion::delete_room(room, &self.shared.jobs).await
    }

    /// Who may be in the rooms of this store.
    pub fn directory(&self) -> Directory {
        self.shared.directory.clone()
    }

    /// Whether commits succeed, to read and to wait on.
    pub fn health(&self) -> watch::Receiver<StoreHealth> {
        self.shared.health.clone()
    }

    /// What waits to be written, as the budget counts it.
    pub fn unsaved_bytes(&self) -> u64 {
        self.shared.ledger.unsaved().1
    }

    /// Committed rows of `room` that no snapshot holds, as far as this process knows, damaged ones included.
    pub fn row_count(&self, room: &RoomId) -> usize {
        self.shared.ledger.rows(room).0
    }

    /// Bytes of these rows.
    pub fn row_bytes(&self, room: &RoomId) -> u64 {
        self.shared.ledger.rows(room).1
    }

    /// All rooms that have such rows, in no order.
    pub fn rooms_with_rows(&self) -> Vec<RoomRows> {
        self.shared.ledger.rooms()
    }

    /// Writes all that waits and closes the database, for all clones. The error says how much could not be written.
    pub async fn close(self) -> Result<(), StoreError> {
        let writer = self.shared.writer.lock().await.take().ok_or(StoreError::Closed)?;
        // The others first: a checkpoint at the end wants the database for itself.
        self.shared.reader.close().await;
        // A write in the directory that hangs must not keep what else waits from being written.
        let _ = timeout(self.shared.close_patience, self.shared.directory.clone().close()).await;
        self.shared.close_by(Instant::now() + self.shared.close_patience);
        match writer.await {
            Ok(result) => result,
            Err(error) => {
                let (rows, bytes) = self.shared.ledger.unsaved();
                Err(StoreError::Unsaved { rows, bytes, cause: error.to_string() })
            }
        }
    }
}

impl Shared {
    fn close_by(&self, deadline: Instant) {
        self.closing.send_replace(Some(deadline));
        self.ledger.close();
    }
}

impl Drop for Shared {
    /// Without a close the writer still commits what is queued, on its own, if the disk is willing.
    fn drop(&mut self) {
        if self.closing.borrow().is_none() {
            self.close_by(Instant::now() + self.close_patience);
        }
    }
}
