//! The one task that writes: it commits what is queued, again and again, and tells the handles what is durable.
//! While one commit is in flight the next batch gathers, so the disk sets the pace; a fast disk is not asked again
//! at once, because a commit costs as much as dozens of rows, and later still while nobody waits to hear of it. A batch
//! that fails is kept and tried again until it succeeds; nothing overtakes it. It must never drop a row, and never wait
//! for a room.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::Backoff;
use super::compaction::CompactionJob;
use super::deletion::DeletionJob;
use super::error::StoreError;
use super::job::Job;
use super::ledger::{Batch, Ledger};
use super::sink::{Attempt, Sink};
use super::{Compaction, StoreHealth};

/// A database that has not answered for so long cannot write at present, whatever it will say.
const LATE: Duration = Duration::from_secs(3);
/// While nothing is to be written, a database elsewhere is asked so often whether it would take it.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Until when the writer goes on trying; `None` while the store is open.
pub(super) type Deadline = Option<Instant>;

/// See the module.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) ledger: Arc<Ledger>,
    pub(super) sink: Sink,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) health: watch::Sender<StoreHealth>,
    pub(super) closing: watch::Receiver<Deadline>,
    pub(super) commit_rows: usize,
    pub(super) commit_bytes: usize,
    /// When the next commit may begin if somebody waits for it,
    pub(super) next_commit: Instant,
    /// and if nobody does.
    pub(super) patient_commit: Instant,
}

/// The closing deadline passed while the store failed.
struct GaveUp;

impl Writer {
    /// Runs until the store is closed and everything is written, or the patience for that is spent.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        self.healthy();
        loop {
            // One job between two batches, so that neither keeps the other waiting for ever.
            if let Ok(job) = self.jobs.try_recv()
                && self.work(job).await.is_err()
            {
                return self.unsaved();
            }
            let queued = self.ledger.queued();
            if queued > 0 && queued < self.commit_rows && self.closing.borrow().is_none() {
                let begins = if self.ledger.hurry.is_on() { self.next_commit } else { self.patient_commit };
                tokio::select! {
                    biased;
                    () = sleep_until(begins) => {}
                    () = self.ledger.hurry.begun() => continue,
                    // Jobs need not wait with the rows, and closing not at all.
                    Some(job) = self.jobs.recv() => {
                        if self.work(job).await.is_err() {
                            return self.unsaved();
                        }
                        continue;
                    }
                    Ok(()) = self.closing.changed() => {}
                }
            }
            if let Some(batch) = self.ledger.take_batch(self.commit_rows, self.commit_bytes) {
                let now = Instant::now();
                self.next_commit = now + if batch.is_single() { Duration::ZERO } else { self.sink.spacing() };
                self.patient_commit = now + self.sink.patience();
                if self.commit(&batch).await.is_err() {
                    return self.unsaved();
                }
                continue;
            }
            if self.closing.borrow().is_some() && self.jobs.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = self.ledger.work.notified() => {}
                Some(job) = self.jobs.recv() => {
                    if self.work(job).await.is_err() {
                        return self.unsaved();
                    }
                }
                () = sleep(PROBE_EVERY), if self.sink.is_elsewhere() => {
                    if self.probe().await.is_err() {
                        return self.unsaved();
                    }
                }
            }
        }
        if let Err(error) = self.sink.close().await {
            // All rows are in the write-ahead log, which the next start reads.
            tracing::warn!(%error, "the write-ahead log could not be merged into the database at the end");
        }
        Ok(())
    }

    async fn commit(&mut self, batch: &Batch) -> Result<(), GaveUp> {
        let known = self.ledger.known_ids(batch);
        let mut attempt = Attempt::First;
        let mut backoff = Backoff::new();
        let committed = loop {
            let started = Instant::now();
            match in_time(&self.health, self.sink.commit_batch(batch, &known, attempt)).await {
                Ok(committed) => {
                    metrics::histogram!("triproom_log_commit_seconds").record(started.elapsed());
                    break committed;
                }
                Err(error) => self.failed(&error, &mut backoff).await?,
            }
            attempt = Attempt::Again;
        };
        self.ledger.settle(batch, &committed);
        self.healthy();
        let bytes: usize = batch.rows.iter().map(|row| row.data.len()).sum();
        metrics::counter!("triproom_log_rows_total").increment(batch.rows.len() as u64);
        metrics::counter!("triproom_log_bytes_total").increment(bytes as u64);
        metrics::counter!("triproom_events_total").increment(batch.news.events.len() as u64);
        self.gauge();
        Ok(())
    }

    /// Asks the database whether it would write, until it does or there is something to write.
    async fn probe(&mut self) -> Result<(), GaveUp> {
        let mut backoff = Backoff::new();
        while let Err(error) = in_time(&self.health, self.sink.probe()).await {
            self.failed(&error, &mut backoff).await?;
            if self.ledger.queued() > 0 || self.closing.borrow().is_some() {
                return Ok(());
            }
        }
        self.healthy();
        Ok(())
    }

    async fn work(&mut self, job: Job) -> Result<(), GaveUp> {
        match job {
            Job::Compact(job) => self.compact(job).await,
            Job::Delete(job) => self.delete(job).await,
            Job::Retain(job) => {
                // A caller who has left does not want the answer; whatever it is, the next retention begins where it ended.
                let _ = job.reply.send(self.sink.retain(&job.room, job.retention).await);
                Ok(())
            }
        }
    }

    /// Tries once. Only when nobody can say whether it was committed, it stays here until the file has told.
    async fn compact(&mut self, job: CompactionJob) -> Result<(), GaveUp> {
        let CompactionJob { write, reply } = job;
        if write.life.has_ended() {
            // When it ends in spite of this before the commit, the database has another room, or none, and says so.
            let _ = reply.send(Ok(Compaction::Lost));
            return Ok(());
        }
        let result = match self.sink.commit_compaction(&write, self.ledger.last()).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                // A caller who has left does not want the answer.
                let _ = reply.send(Ok(Compaction::Lost));
                return Ok(());
            }
            Err(error) => {
                let mut backoff = Backoff::new();
                let written = loop {
                    match self.sink.snapshot_is(&write).await {
                        Ok(written) => break written,
                        Err(error) => self.failed(&error, &mut backoff).await?,
                    }
                };
                self.healthy();
                if written { Ok(()) } else { Err(error) }
            }
        };
        let done = result.map(|()| {
            self.ledger.folded(write.room(), &write.folded, write.folded_bytes);
            Compaction::Done {
                generation: write.generation(),
                folded: write.folded.len(),
                left: write.left,
                left_bytes: write.left_bytes,
                raw_bytes: write.snapshot.raw_length,
                stored_bytes: write.snapshot.data.len() as u64,
            }
        });
        let _ = reply.send(done);
        Ok(())
    }

    /// Tries once, too. Only the file's own word counts: a room is not half deleted, nor forgotten while it is there.
    async fn delete(&mut self, job: DeletionJob) -> Result<(), GaveUp> {
        let DeletionJob { room, reply } = job;
        let rows = self.ledger.view(&room).committed;
        let mut result = self.sink.commit_deletion(&room, &rows, self.ledger.last()).await;
        if result.is_err() {
            let mut backoff = Backoff::new();
            let is_stored = loop {
                match self.sink.is_stored(&room).await {
                    Ok(is_stored) => break is_stored,
                    Err(error) => self.failed(&error, &mut backoff).await?,
                }
            };
            self.healthy();
            if !is_stored {
                result = Ok(());
            }
        }
        if result.is_ok() {
            self.ledger.deleted(&room);
            self.gauge();
        }
        let _ = reply.send(result);
        Ok(())
    }

    /// Says that the store fails and waits for the next try.
    async fn failed(&mut self, error: &StoreError, backoff: &mut Backoff) -> Result<(), GaveUp> {
        metrics::counter!("triproom_log_commit_failures_total").increment(1);
        self.gauge();
        say_failing(&self.health, error.to_string());
        let (rows, bytes) = self.ledger.unsaved();
        tracing::error!(%error, rows, bytes, "the store cannot write; what waits is kept and tried again");
        let deadline = *self.closing.borrow_and_update();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(GaveUp);
        }
        // The last try is at the deadline itself.
        let next = Instant::now() + backoff.pause();
        let next = deadline.map_or(next, |deadline| deadline.min(next));
        loop {
            tokio::select! {
                biased;
                () = sleep_until(next) => return Ok(()),
                // Closing does not wait out the pause.
                Ok(()) = self.closing.changed() => return Ok(()),
                // Nor does a job wait for the disk, maybe with a snapshot in its hands: its room is as it was.
                Some(job) = self.jobs.recv() => job.refuse(StoreError::Failing { cause: error.to_string() }),
            }
        }
    }

    fn healthy(&self) {
        metrics::gauge!("triproom_store_healthy").set(1.0);
        let was_failing = self.health.send_if_modified(|health| {
            let was_failing = *health != StoreHealth::Healthy;
            *health = StoreHealth::Healthy;
            was_failing
        });
        if was_failing {
            tracing::info!("the store writes again");
        }
    }

    /// What is lost when the process ends now.
    fn unsaved(&self) -> Result<(), StoreError> {
        let (rows, bytes) = self.ledger.unsaved();
        let cause = match &*self.health.borrow() {
            StoreHealth::Failing { error, .. } => error.to_string(),
            StoreHealth::Healthy => String::new(),
        };
        if rows == 0 { Ok(()) } else { Err(StoreError::Unsaved { rows, bytes, cause }) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; budgets are far below 2^52")]
    fn gauge(&self) {
        metrics::gauge!("triproom_log_unsaved_bytes").set(self.ledger.unsaved().1 as f64);
    }
}

/// Waits for the database, and says that it fails when the answer is late.
async fn in_time<T>(
    health: &watch::Sender<StoreHealth>,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut answer = std::pin::pin!(answer);
    if let Ok(answer) = timeout(LATE, &mut answer).await {
        return answer;
    }
    tracing::error!("the store has not answered for {LATE:?}; what waits is kept");
    say_failing(health, format!("no answer for {LATE:?}"));
    answer.await
}

fn say_failing(health: &watch::Sender<StoreHealth>, error: String) {
    metrics::gauge!("triproom_store_healthy").set(0.0);
    health.send_modify(|health| {
        let since = match health {
            StoreHealth::Healthy => SystemTime::now(),
            StoreHealth::Failing { since, .. } => *since,
        };
        *health = StoreHealth::Failing { since, error: error.into() };
    });
}

impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Without this the store would look healthy while rows pile up until the budget refuses them.
            let error = "the writer of the store has panicked; restart the server".into();
            self.health.send_replace(StoreHealth::Failing { since: SystemTime::now(), error });
        }
    }
}
