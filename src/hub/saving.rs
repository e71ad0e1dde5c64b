//! A room's side of the log: hands rows over, keeps those that the store has no memory for, folds the log when it is
//! long. Owned by the room task. It must never drop a row and never reorder rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::lane::Lane;
use crate::room::durability::Telling;
use crate::room::fold::{self, FoldError};
use crate::room::id::RoomId;
use crate::room::input::Admission;
use crate::room::kept::NewEvent;
use crate::room::node::Incarnation;
use crate::store::{AppendError, Compaction, Folded, RoomLog, Saved, Store, StoreError, StoredRoom};

/// After a compaction that failed or changed nothing, the next one is not tried before this.
const COMPACTION_PAUSE: Duration = Duration::from_secs(30);
/// A log is folded again when so many times as long is over as it took: a room where much is written spends little on that,
const REST: u32 = 9;
/// but one that is so many times as long as would be enough is folded at once.
const LONG: usize = 8;
/// A log of so few rows and bytes is left as it is when the server stops: it takes little space, and little time to open.
const WORTH_FOLDING: CompactionTriggers = CompactionTriggers { rows: 256, bytes: 256 * 1024 };
/// Bytes of a document that is folded in some dozens of milliseconds.
const QUICKLY_FOLDED: usize = 2 << 20;
/// A document of so many bytes waits for one more row: folding costs what the document costs, some 25 ns a byte, and is to
/// add as much to an edit of a large one as of a small one.
const BYTES_A_ROW: usize = 1024;

/// When a log is folded.
#[derive(Debug, Clone, Copy)]
pub struct CompactionTriggers {
    /// Rows of a room's log.
    pub rows: usize,
    /// Bytes of a room's log.
    pub bytes: usize,
}

/// What one room saves and has saved.
pub struct Saving {
    store: Store,
    room: RoomId,
    log: RoomLog,
    /// Rows that the store refused because too much is unsaved; they come before anything newer.
    held: VecDeque<Bytes>,
    /// Events that wait behind them, or that the store refused.
    held_events: VecDeque<NewEvent>,
    budget: u64,
    triggers: CompactionTriggers,
    /// What the last compaction left: there is no use in folding before there is clearly more.
    left: Rows,
    not_before: Option<Instant>,
    /// When a log that is not very long may be folded.
    rested: Instant,
    running: Option<Running>,
    /// The server stops, and waits for what is running.
    stopping: bool,
    /// The room was deleted behind its back: nothing that it says is kept any more.
    deleted: bool,
}

/// Rows of a log, and their bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Rows {
    count: usize,
    bytes: u64,
}

struct Running {
    since: Instant,
    task: JoinHandle<Result<Compaction, StoreError>>,
}

impl Saving {
    /// The saving of one open room. `budget` is the store's.
    pub fn new(store: Store, room: RoomId, budget: u64, triggers: CompactionTriggers) -> Self {
        let log = store.log(&room);
        Self {
            store,
            room,
            log,
            held: VecDeque::new(),
            held_events: VecDeque::new(),
            budget,
            triggers,
            left: Rows::default(),
            not_before: None,
            rested: Instant::now(),
            running: None,
            stopping: false,
            deleted: false,
        }
    }

    /// Takes rows; they are durable when `durable` says so.
    pub fn append(&mut self, rows: Vec<Bytes>) {
        self.held.extend(rows);
        self.hand_over();
    }

    /// Takes events, which come behind all rows that were taken before.
    pub fn keep(&mut self, events: Vec<NewEvent>) {
        self.held_events.extend(events);
        self.hand_over();
    }

    /// Tries again to hand over what is held back.
    pub fn hand_over(&mut self) {
        if !self.held.is_empty() {
            match self.log.append(self.held.iter().cloned()) {
                Ok(_) => self.held.clear(),
                Err(error) => return self.refused(&error),
            }
        }
        while let Some(event) = self.held_events.front() {
            match self.log.append_event(event.clone()) {
                Ok(_) => _ = self.held_events.pop_front(),
                Err(error) => return self.refused(&error),
            }
        }
    }

    fn refused(&mut self, error: &AppendError) {
        match error {
            AppendError::Deleted => self.deleted = true,
            // Too much is unsaved, or the store closes: what is held is handed over again.
            AppendError::OverBudget { .. } | AppendError::TooManyEvents | AppendError::Closed => {}
        }
    }

    /// Whether the room was deleted from the store while it was live.
    pub fn is_deleted(&self) -> bool {
        self.deleted || self.log.has_ended()
    }

    /// Which room of its name this is, as far as that is known.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.log.incarnation()
    }

    /// It is this one; says whether that fits with what was known.
    pub fn is_of(&self, incarnation: Incarnation) -> bool {
        self.log.is_of(incarnation)
    }

    /// The room is there no longer, or another one of its name is.
    pub fn end(&self) {
        self.log.end();
    }

    /// Asks which room of the name is in the store now.
    pub fn look_for_incarnation(&self) -> impl Future<Output = Result<Option<Incarnation>, StoreError>> + use<> {
        let (store, room) = (self.store.clone(), self.room.clone());
        async move { store.incarnation(&room).await }
    }

    /// Asks what is stored of the room.
    pub fn look_for_stored(&self) -> impl Future<Output = Result<StoredRoom, StoreError>> + use<> {
        let (store, room) = (self.store.clone(), self.room.clone());
        async move { store.load(&room).await }
    }

    /// Whether updates of so many bytes may be taken.
    pub fn admission(&self, bytes: usize) -> Admission {
        let unsaved = self.store.unsaved_bytes();
        let fits = unsaved == 0 || unsaved.saturating_add(bytes as u64) <= self.budget;
        if !self.is_holding() && fits { Admission::Open } else { Admission::ReadOnly }
    }

    /// Waits for more to be durable if that is to be told at once, and for a compaction to end. Cancel-safe.
    pub async fn progress(&mut self, telling: Telling) -> Option<Saved> {
        tokio::select! {
            biased;
            saved = self.log.changed(), if telling == Telling::AtOnce => Some(saved),
            ended = ended(&mut self.running) => {
                if let Some(Running { since, .. }) = self.running.take() {
                    let now = Instant::now();
                    self.rested = now + (now - since) * REST;
                }
                self.compacted(ended);
                None
            }
        }
    }

    /// What more is durable by now.
    pub fn progress_by_now(&mut self) -> Option<Saved> {
        self.log.changed_by_now()
    }

    /// All that is stored of the room, and what is still on the way there.
    pub async fn load(&self) -> Result<StoredRoom, StoreError> {
        self.store.load(&self.room).await
    }

    /// Rows that are not even with the store yet.
    pub fn held(&self) -> impl Iterator<Item = &Bytes> {
        self.held.iter()
    }

    /// Whether something is held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty() || !self.held_events.is_empty()
    }

    /// Whether a compaction is under way.
    pub fn is_compacting(&self) -> bool {
        self.running.is_some()
    }

    /// Folds the log if it is long for a document of `document_bytes`.
    pub fn compact_if_long(&mut self, now: Instant, document_bytes: usize, lane: &Lane) {
        // A large one waits for a longer log, so that an edit costs the same there.
        let times = if now < self.rested { LONG } else { 1 };
        let rows = self.triggers.rows.max(document_bytes / BYTES_A_ROW).saturating_mul(times);
        let bytes = self.triggers.bytes.max(document_bytes / 2).saturating_mul(times);
        let new = self.new_rows();
        if new.count > 0 && (new.count >= rows || new.bytes >= bytes as u64) {
            self.compact_in_turn(now, lane);
        }
    }

    /// Folds the log if there is anything to fold; says whether a compaction is under way now.
    pub fn compact_before_closing(&mut self, now: Instant, lane: &Lane) -> bool {
        if self.new_rows().count > 0 {
            self.compact_in_turn(now, lane);
        }
        self.is_compacting()
    }

    /// The same when the server stops, which must not take long: a long log of a document that is not large, and only when
    /// the lane is free. Nobody waits for a compaction that was under way.
    pub fn compact_before_stopping(&mut self, now: Instant, document_bytes: usize, lane: &Lane) -> bool {
        let new = self.new_rows();
        let is_worth_it = new.count > WORTH_FOLDING.rows || new.bytes > WORTH_FOLDING.bytes as u64;
        if new.count > 0
            && is_worth_it
            && document_bytes <= QUICKLY_FOLDED
            && self.running.is_none()
            && let Some(permit) = lane.try_permit()
        {
            self.compact(now, async { permit });
            self.stopping = self.is_compacting();
        }
        self.stopping && self.is_compacting()
    }

    fn rows(&self) -> Rows {
        Rows { count: self.store.row_count(&self.room), bytes: self.store.row_bytes(&self.room) }
    }

    /// What came since the last compaction.
    fn new_rows(&mut self) -> Rows {
        let Rows { count, bytes } = self.rows();
        // Another node may have folded what was left here.
        self.left = Rows { count: self.left.count.min(count), bytes: self.left.bytes.min(bytes) };
        Rows { count: count - self.left.count, bytes: bytes - self.left.bytes }
    }

    fn compact_in_turn(&mut self, now: Instant, lane: &Lane) {
        let lane = lane.clone();
        self.compact(now, async move { lane.permit().await });
    }

    fn compact(&mut self, now: Instant, turn: impl Future<Output = OwnedSemaphorePermit> + Send + 'static) {
        if self.running.is_some() || self.not_before.is_some_and(|time| now < time) {
            return;
        }
        let (store, room) = (self.store.clone(), self.room.clone());
        let task = tokio::spawn(async move {
            // Held while it folds and not while the result is written: a disk that hangs must not hold up the lane.
            let permit = turn.await;
            let fold = move |stored: StoredRoom| {
                let _permit = permit;
                fold_stored(&stored)
            };
            store.compact(&room, fold).await
        });
        self.running = Some(Running { since: now, task });
    }

    fn compacted(&mut self, ended: Result<Compaction, Arc<str>>) {
        match ended {
            Ok(Compaction::Done { folded, left, left_bytes, raw_bytes, stored_bytes, .. }) if folded > 0 => {
                // What came meanwhile is not among them.
                self.left = Rows { count: left, bytes: left_bytes };
                tracing::debug!(folded, raw_bytes, stored_bytes, "log folded into a snapshot");
                self.not_before = None;
                return;
            }
            Ok(_) => tracing::debug!("nothing to fold"),
            Err(error) => tracing::warn!(%error, "the log was not folded; it is kept as it is"),
        }
        self.left = self.rows();
        self.not_before = Some(Instant::now() + COMPACTION_PAUSE);
    }
}

async fn ended(running: &mut Option<Running>) -> Result<Compaction, Arc<str>> {
    match running {
        Some(Running { task, .. }) => match task.await {
            Ok(result) => result.map_err(|error| error.to_string().into()),
            Err(error) => Err(error.to_string().into()),
        },
        None => std::future::pending().await,
    }
}

/// Folds what is stored of a room: rows that are not surely in the snapshot stay.
pub fn fold_stored(stored: &StoredRoom) -> Result<Folded, FoldError> {
    let rows: Vec<Bytes> = stored.rows.iter().map(|row| row.data.clone()).collect();
    let folded = fold::fold(stored.snapshot.as_ref(), &rows)?;
    let sequences = folded.superfluous.into_iter().map(|at| stored.rows[at].sequence).collect();
    Ok(Folded { snapshot: folded.snapshot, folded: sequences })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreConfig;

    /// Text at a clock that is far from all that came before: it waits, and cannot be folded.
    fn waiting(length: usize) -> Bytes {
        let mut raw = vec![1, 1, 9, 100, 4, 1, 1, b't'];
        crate::wire::lib0::put_byte_string(&mut raw, "x".repeat(length).as_bytes());
        raw.push(0);
        raw.into()
    }

    async fn save(saving: &mut Saving, row: Bytes) {
        saving.append(vec![row]);
        while saving.progress(Telling::AtOnce).await.is_none() {}
    }

    /// Text of another client that needs nothing.
    fn ready(client: u8) -> Bytes {
        Bytes::from(vec![1, 1, client, 0, 4, 1, 1, b't', 1, b'x', 0])
    }

    async fn end_of_compaction(saving: &mut Saving) {
        while saving.is_compacting() {
            saving.progress(Telling::AtOnce).await;
        }
    }

    #[tokio::test]
    async fn a_log_of_which_something_is_left_is_not_folded_again_for_each_row_that_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(StoreConfig::new(folder.path().to_path_buf())).await.expect("a store");
        let room = RoomId::parse("long", 99).expect("a name");
        let triggers = CompactionTriggers { rows: 1_000, bytes: 300_000 };
        let mut saving = Saving::new(store.clone(), room.clone(), 1 << 20, triggers);
        let (lane, now) = (Lane::new(1), Instant::now());

        save(&mut saving, waiting(300_000)).await;
        saving.compact_if_long(now, 0, &lane);
        assert!(saving.is_compacting(), "it is long");
        end_of_compaction(&mut saving).await;
        let later = Instant::now() + 2 * COMPACTION_PAUSE;
        save(&mut saving, ready(7)).await;
        saving.compact_if_long(later, 0, &lane);
        assert!(!saving.is_compacting(), "what is new of it is not long");
        assert!(!saving.compact_before_stopping(later, 0, &lane));

        // Something of it can be folded, and something is left.
        assert!(saving.compact_before_closing(later, &lane));
        end_of_compaction(&mut saving).await;
        assert_eq!(store.row_count(&room), 1);
        save(&mut saving, ready(8)).await;
        saving.compact_if_long(later, 0, &lane);
        assert!(!saving.is_compacting(), "what is new of it is not long");
        save(&mut saving, waiting(300_001)).await;
        saving.compact_if_long(later + REST * COMPACTION_PAUSE, 0, &lane);
        assert!(saving.is_compacting());
        drop(saving);
        store.close().await.expect("nothing waits");
    }
}
