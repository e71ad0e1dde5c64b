//! The store on a SQLite file.
//! It wires the ledger, the writer task and the readers together and answers what `Store` asks. It must never touch the
//! file itself: the sink writes, the reader reads.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::directory::SqliteDirectory;
use super::error::StoreError;
use super::job::Job;
use super::ledger::Ledger;
use super::reader::Reader;
use super::sink::Sink;
use super::turn::Turn;
use super::writer::{Deadline, Writer};
use super::{Compaction, Folded, RoomLog, RoomRows, StoreConfig, StoreHealth, StoredRoom, StoredRow};
use super::{compaction, deletion, schema};
use crate::room::id::RoomId;

/// Jobs that may wait for the writer; a compaction holds a snapshot.
const WAITING_JOBS: usize = 4;

/// See the module. A cheap handle.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    reader: Reader,
    directory: SqliteDirectory,
    jobs: mpsc::Sender<Job>,
    health: watch::Receiver<StoreHealth>,
    closing: watch::Sender<Deadline>,
    writer: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    snapshot_level: i32,
    close_patience: Duration,
}

impl SqliteStore {
    pub(super) async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        schema::make_folder(&config.folder)?;
        let lock = schema::take_folder(&config.folder)?;
        let options = schema::options(&config.folder);
        let mut connection = schema::connect(&options).await?;
        let finished = deletion::finish_deletions(&mut connection).await;
        finished.map_err(|error| error.in_file(options.get_filename()))?;
        let ledger = schema::scan(&mut connection, config.unsaved_budget).await;
        let ledger = Arc::new(ledger.map_err(|error| error.in_file(options.get_filename()))?);
        let reader = Reader::connect(&options, config.readers).await?;
        let turn = Turn::default();
        let directory = SqliteDirectory::connect(&options, turn.clone(), config.fault.clone()).await?;
        let (jobs, job_queue) = mpsc::channel(WAITING_JOBS);
        let (health, healthy) = watch::channel(StoreHealth::Healthy);
        let (closing, deadline) = watch::channel(None);
        let writer = Writer {
            ledger: Arc::clone(&ledger),
            sink: Sink::new(options, connection, turn, config.fault),
            jobs: job_queue,
            health,
            closing: deadline,
            commit_rows: config.commit_rows,
            commit_bytes: config.commit_bytes,
            next_commit: tokio::time::Instant::now(),
            _lock: lock,
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

    pub(super) async fn load(&self, room: &RoomId) -> Result<StoredRoom, StoreError> {
        let Shared { ledger, reader, .. } = &*self.shared;
        // First the account, then the file: a row that is committed in between is in the account as unsaved, and one that
        // is folded in between is in the snapshot.
        let view = ledger.view(room);
        let mut file = reader.read(room, &view.committed).await?;
        let lost = ledger.still_there(room, &file.missing);
        if !lost.is_empty() {
            tracing::error!(room = %room.for_log(), rows = lost.len(), "rows of a room are gone from the log without a compaction");
            metrics::counter!("triproom_store_damaged_rows_total").increment(lost.len() as u64);
        }
        file.rows.extend(view.unsaved.into_iter().map(|(sequence, data)| StoredRow { sequence, data }));
        Ok(StoredRoom { snapshot: file.snapshot, rows: file.rows, damaged: file.damaged.len() + lost.len() })
    }

    pub(super) fn log(&self, room: &RoomId) -> RoomLog {
        RoomLog::new(room, Arc::clone(&self.shared.ledger))
    }

    pub(super) async fn compact<F, E>(&self, room: &RoomId, fold: F) -> Result<Compaction, StoreError>
    where
        F: FnOnce(StoredRoom) -> Result<Folded, E> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        let Shared { ledger, reader, jobs, snapshot_level, .. } = &*self.shared;
        compaction::compact(room, fold, *snapshot_level, ledger, reader, jobs).await
    }

    pub(super) async fn delete_room(&self, room: &RoomId) -> Result<(), StoreError> {
        deletion::delete_room(room, &self.shared.jobs).await
    }

    pub(super) fn directory(&self) -> SqliteDirectory {
        self.shared.directory.clone()
    }

    pub(super) fn health(&self) -> watch::Receiver<StoreHealth> {
        self.shared.health.clone()
    }

    pub(super) fn unsaved_bytes(&self) -> u64 {
        self.shared.ledger.unsaved().1
    }

    pub(super) fn rows(&self, room: &RoomId) -> (usize, u64) {
        self.shared.ledger.rows(room)
    }

    pub(super) fn rooms_with_rows(&self) -> Vec<RoomRows> {
        self.shared.ledger.rooms()
    }

    pub(super) async fn close(self) -> Result<(), StoreError> {
        let writer = self.shared.writer.lock().await.take().ok_or(StoreError::Closed)?;
        // The others first: the checkpoint at the end wants the file for itself.
        self.shared.reader.close().await;
        // A write in the directory that hangs must not keep what else waits from being written.
        let _ = timeout(self.shared.close_patience, self.shared.directory.close()).await;
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
