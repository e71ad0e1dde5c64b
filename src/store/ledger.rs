//! The account in memory of all that is written: which rows and events wait, which rows are in the file, and for which room.
//! Room logs append to it, the writer takes batches from it and settles them, loading reads it. One short lock, never
//! held over an await. It must never forget anything before the writer settled it, and it knows no database.

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use hashbrown::HashMap;
use tokio::sync::Notify;

use super::announce::announce;
use super::error::AppendError;
use super::events::waiting::{QueuedLatest, event_bytes};
use super::events::{News, Waiting};
use super::hurry::Hurry;
use super::life::{Life, Lives};
use super::log::Progress;
use super::sink::Committed;
use super::{RoomRows, Sequence};
use crate::room::durability::LogPosition;
use crate::room::id::RoomId;
use crate::room::kept::{EventPosition, NewEvent};
use crate::room::row;

/// A row that waits for its commit.
#[derive(Debug)]
pub(super) struct QueuedRow {
    pub(super) sequence: Sequence,
    pub(super) data: Bytes,
    /// Of the room that it was said in: another one of its name gets nothing of it.
    pub(super) life: Arc<Life>,
    pub(super) progress: Arc<Progress>,
    pub(super) position: LogPosition,
}

/// What a row takes from the budget beside its bytes, so that a flood of tiny rows is bounded too.
const ROW_OVERHEAD: u64 = size_of::<QueuedRow>() as u64;

/// What goes into one commit. Stays the same until it succeeded.
#[derive(Debug)]
pub(super) struct Batch {
    /// In order.
    pub(super) rows: Vec<QueuedRow>,
    /// What is not rows.
    pub(super) news: News,
}

/// What the file holds of one room's rows, and how many more are queued.
#[derive(Debug, Default)]
struct Account {
    /// The room's id in the file; known once rows of it were committed.
    id: Option<i64>,
    /// Committed rows, rising.
    committed: Vec<Sequence>,
    /// Bytes of their data.
    bytes: u64,
    /// Rows that wait or are in flight.
    queued: usize,
}

#[derive(Debug)]
struct State {
    /// The next sequence to give.
    next: u64,
    queue: VecDeque<QueuedRow>,
    /// What waits beside rows.
    waiting: Waiting,
    in_flight: Option<Arc<Batch>>,
    /// Bytes of all that waits or flies, overhead included.
    unsaved: u64,
    /// Only rooms that have rows, so that opening rooms leaves nothing behind.
    rooms: HashMap<RoomId, Account>,
    closed: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    lives: Arc<Lives>,
    budget: u64,
    /// Rung when there is something for the writer.
    pub(super) work: Notify,
    /// Whether somebody waits until what waits for a batch is committed.
    pub(super) hurry: Hurry,
}

/// What to load of one room.
#[derive(Debug)]
pub(super) struct RoomView {
    /// Of this process, all rows up to here were committed, and none behind it is to be looked for.
    pub(super) settled: Sequence,
    pub(super) committed: Vec<Sequence>,
    pub(super) unsaved: Vec<(Sequence, Bytes)>,
}

impl Ledger {
    /// An account without rooms; `last` is the highest sequence ever given.
    pub(super) fn new(budget: u64, last: Sequence) -> Self {
        let state = State {
            next: last.0 + 1,
            queue: VecDeque::new(),
            waiting: Waiting::new(),
            in_flight: None,
            unsaved: 0,
            rooms: HashMap::new(),
            closed: false,
        };
        let (work, hurry) = (Notify::new(), Hurry::default());
        Self { state: Mutex::new(state), lives: Arc::default(), budget, work, hurry }
    }

    /// Books a room's rows that were found in the file at the start; `sequences` rise.
    pub(super) fn found(&self, room: RoomId, id: i64, sequences: Vec<Sequence>, bytes: u64) {
        self.lock().rooms.insert(room, Account { id: Some(id), committed: sequences, bytes, queued: 0 });
    }

    /// Books a room's rows as the database has them, where others write them, too; `sequences` rise. `life` is the one that
    /// was there before they were read. With another number than before it is another room, and that life ends.
    pub(super) fn loaded(&self, life: &Life, id: Option<i64>, sequences: Vec<Sequence>, bytes: u64) {
        let room = life.room();
        match id {
            // Deleted here meanwhile: what was read is of the old room.
            _ if life.has_ended() => return,
            Some(id) if !life.is_of(id) => return self.end(life),
            // Its first rows may have come just after it was read.
            None if life.id().is_some() => return,
            _ => {}
        }
        let mut state = self.lock();
        if let Some(account) = state.rooms.get_mut(room) {
            // It may have been of a room that was deleted by somebody else.
            (account.id, account.committed, account.bytes) = (id, sequences, bytes);
        } else if !sequences.is_empty() {
            let account = Account { id, committed: sequences, bytes, queued: 0 };
            state.rooms.insert(room.clone(), account);
        }
    }

    /// The present life of `room`, to hold while something is on its way to be written.
    pub(super) fn life(&self, room: &RoomId) -> Arc<Life> {
        self.lives.current(room)
    }

    /// How much waits for a batch.
    pub(super) fn queued(&self) -> usize {
        let state = self.lock();
        state.queue.len() + state.waiting.len()
    }

    /// Queues `rows`, the first of which is the one after `position` of its handle.
    pub(super) fn append(
        &self,
        life: &Arc<Life>,
        rows: Vec<Bytes>,
        progress: &Arc<Progress>,
        position: LogPosition,
    ) -> Result<(), AppendError> {
        let added: u64 = rows.iter().map(|row| row.len() as u64 + ROW_OVERHEAD).sum();
        let mut guard = self.lock();
        let state = &mut *guard;
        self.admit(state, life, added)?;
        if rows.is_empty() {
            return Ok(());
        }
        state.unsaved += added;
        let room = life.room();
        if let Some(account) = state.rooms.get_mut(room) {
            account.queued += rows.len();
        } else {
            state.rooms.insert(room.clone(), Account { queued: rows.len(), ..Account::default() });
        }
        for (position, data) in (position.0 + 1..).zip(rows) {
            let sequence = Sequence(state.next);
            state.next += 1;
            let (life, progress) = (Arc::clone(life), Arc::clone(progress));
            state.queue.push_back(QueuedRow { sequence, data, life, progress, position: LogPosition(position) });
        }
        drop(guard);
        self.work.notify_one();
        Ok(())
    }

    /// Queues an event, which is the one at `position` of its handle.
    pub(super) fn append_event(
        &self,
        life: &Arc<Life>,
        event: NewEvent,
        progress: &Arc<Progress>,
        position: EventPosition,
    ) -> Result<(), AppendError> {
        let added = event_bytes(&event);
        let mut guard = self.lock();
        let state = &mut *guard;
        self.admit(state, life, added)?;
        state.unsaved += added;
        state.waiting.push_event(event, life, progress, position, Sequence(state.next));
        drop(guard);
        self.work.notify_one();
        Ok(())
    }

    /// Queues a latest value, in the place of the one that waits; an earlier one than that is left.
    pub(super) fn put_latest(&self, latest: QueuedLatest) -> Result<(), AppendError> {
        let added = latest.bytes();
        let mut guard = self.lock();
        let state = &mut *guard;
        let replaced = state.waiting.replaceable_bytes(&latest);
        self.admit(state, &latest.life, added.saturating_sub(replaced.unwrap_or(added)))?;
        if let Some(replaced) = replaced {
            state.unsaved = state.unsaved - replaced + added;
            state.waiting.put_latest(latest);
        }
        drop(guard);
        self.work.notify_one();
        Ok(())
    }

    /// Whether `added` bytes of the room may be queued.
    fn admit(&self, state: &State, life: &Life, added: u64) -> Result<(), AppendError> {
        if state.closed {
            return Err(AppendError::Closed);
        }
        // Under the lock: once a deletion is settled, nothing of the old room comes.
        if life.has_ended() {
            return Err(AppendError::Deleted);
        }
        // With nothing else waiting, even what is bigger than the budget is taken: it would be refused for ever.
        if added > 0 && state.unsaved > 0 && state.unsaved.saturating_add(added) > self.budget {
            self.hurry.begin();
            return Err(AppendError::OverBudget { unsaved: state.unsaved, budget: self.budget });
        }
        Ok(())
    }

    /// Moves the oldest rows, events and latest values into flight: at most `count` of each, and of each no more once `bytes`
    /// are reached.
    pub(super) fn take_batch(&self, count: usize, bytes: usize) -> Option<Arc<Batch>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        debug_assert!(state.in_flight.is_none(), "one batch at a time");
        let mut sum = 0;
        let fits = |row: &&QueuedRow| {
            let room_left = sum < bytes;
            sum += row.data.len();
            room_left
        };
        let count = count.max(1);
        let fitting = state.queue.iter().take(count).take_while(fits).count();
        let first_left = state.queue.get(fitting).map(|row| row.sequence);
        let (news, freed) = state.waiting.take(first_left, count, bytes);
        state.unsaved -= freed;
        if fitting + news.len() == 0 {
            return None;
        }
        let batch = Arc::new(Batch { rows: state.queue.drain(..fitting).collect(), news });
        self.hurry.taken(state.queue.is_empty() && state.waiting.len() == 0);
        if state.queue.is_empty() {
            // After a flood the memory goes back; a calm queue keeps its few slots.
            state.queue.shrink_to(1024);
        }
        state.in_flight = Some(Arc::clone(&batch));
        Some(batch)
    }

    /// The ids of the batch's rooms, as far as they are known.
    pub(super) fn known_ids(&self, batch: &Batch) -> HashMap<RoomId, Option<i64>> {
        let mut ids = HashMap::new();
        let state = self.lock();
        for life in batch.lives() {
            if !ids.contains_key(life.room()) {
                let booked = || state.rooms.get(life.room()).and_then(|account| account.id);
                ids.insert(life.room().clone(), life.id().or_else(booked));
            }
        }
        ids
    }

    /// The batch in flight is in the database: books its rows, frees its budget, then tells its handles. Rooms without an id
    /// were deleted by somebody else: their lives end, and what they said is not durable.
    pub(super) fn settle(&self, batch: &Batch, committed: &Committed) {
        let ids = &committed.ids;
        let mut groups: HashMap<&RoomId, (&Life, Vec<Sequence>, u64)> = HashMap::with_capacity(ids.len());
        let mut freed = batch.news.bytes();
        for row in &batch.rows {
            let (_, sequences, bytes) = groups.entry(row.life.room()).or_insert_with(|| (&row.life, Vec::new(), 0));
            sequences.push(row.sequence);
            *bytes += row.data.len() as u64;
            freed += row.data.len() as u64 + ROW_OVERHEAD;
        }
        let lives: HashMap<&RoomId, &Arc<Life>> = batch.lives().map(|life| (life.room(), life)).collect();
        let mut state = self.lock();
        for (room, (life, sequences, bytes)) in groups {
            // The account of a room that ended meanwhile is gone, or another one's.
            if let Some(account) = state.rooms.get_mut(room).filter(|_| !life.has_ended()) {
                account.id = ids.get(room).copied();
                account.queued -= sequences.len();
                account.bytes += bytes;
                account.committed.extend_from_slice(&sequences);
            }
        }
        state.unsaved -= freed;
        state.in_flight = None;
        drop(state);
        for (room, life) in lives {
            match ids.get(room) {
                Some(id) => _ = life.is_of(*id),
                None => self.end(life),
            }
        }
        // After the account is right.
        announce(batch, committed);
    }

    /// A compaction deleted `folded` (rising, `bytes` in all) of `room`.
    pub(super) fn folded(&self, room: &RoomId, folded: &[Sequence], bytes: u64) {
        let mut state = self.lock();
        let Some(account) = state.rooms.get_mut(room) else { return };
        account.committed.retain(|sequence| folded.binary_search(sequence).is_err());
        account.committed.shrink_to(account.committed.len() * 2);
        account.bytes = account.bytes.saturating_sub(bytes);
        if account.committed.is_empty() && account.queued == 0 {
            state.rooms.remove(room);
        }
    }

    /// The room was deleted from the file. The writer calls this between two batches.
    pub(super) fn deleted(&self, room: &RoomId) {
        debug_assert!(self.lock().in_flight.is_none(), "a batch in flight may hold rows of the room");
        self.end(&self.lives.current(room));
    }

    /// The room of this life is gone: forgets its rows, those that wait too. A later one of its name is another room.
    pub(super) fn end(&self, life: &Life) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if life.has_ended() {
            return;
        }
        self.lives.end(life);
        let room = life.room();
        let mut dropped = Vec::new();
        let queued = state.rooms.remove(room).map_or(0, |account| account.queued);
        if queued > 0 {
            let mut freed = 0;
            state.queue.retain(|row| {
                let stays = !row.life.has_ended();
                if !stays {
                    freed += row.data.len() as u64 + ROW_OVERHEAD;
                    dropped.push(Arc::clone(&row.progress));
                }
                stays
            });
            state.unsaved -= freed;
        }
        state.unsaved -= state.waiting.forget(room);
        drop(guard);
        // Whoever waits for what was said in a room that is gone looks up and sees that it is.
        for progress in dropped {
            progress.send_modify(|_| ());
        }
    }

    /// The room's rows: where the committed ones are, and the others themselves.
    pub(super) fn view(&self, room: &RoomId) -> RoomView {
        let state = self.lock();
        let waiting = state.in_flight.iter().filter_map(|batch| batch.rows.first()).chain(state.queue.front()).next();
        let settled = Sequence(waiting.map_or(state.next, |row| row.sequence.0) - 1);
        let Some(account) = state.rooms.get(room) else {
            return RoomView { settled, committed: Vec::new(), unsaved: Vec::new() };
        };
        let mut unsaved = Vec::with_capacity(account.queued);
        if account.queued > 0 {
            let in_flight = state.in_flight.iter().flat_map(|batch| &batch.rows);
            let rows = in_flight.chain(&state.queue).filter(|row| row.life.room() == room && !row.life.has_ended());
            unsaved.extend(rows.map(|row| (row.sequence, row.data.clone())));
        }
        RoomView { settled, committed: account.committed.clone(), unsaved }
    }

    /// The room's latest values that are not durable yet, the newer after the older.
    pub(super) fn unsaved_latest(&self, room: &RoomId) -> Vec<QueuedLatest> {
        let state = self.lock();
        let in_flight = state.in_flight.iter().flat_map(|batch| &batch.news.latest);
        let of_room = |latest: &&QueuedLatest| latest.life.room() == room && !latest.life.has_ended();
        in_flight.chain(state.waiting.latest()).filter(of_room).cloned().collect()
    }

    /// Which of `sequences` are still in the account of `room`.
    pub(super) fn still_there(&self, room: &RoomId, sequences: &[Sequence]) -> Vec<Sequence> {
        let state = self.lock();
        let Some(account) = state.rooms.get(room) else { return Vec::new() };
        sequences.iter().copied().filter(|sequence| account.committed.binary_search(sequence).is_ok()).collect()
    }

    /// Committed rows of `room` and their bytes.
    pub(super) fn rows(&self, room: &RoomId) -> (usize, u64) {
        self.lock().rooms.get(room).map_or((0, 0), |account| (account.committed.len(), account.bytes))
    }

    /// All rooms with committed rows.
    pub(super) fn rooms(&self) -> Vec<RoomRows> {
        let state = self.lock();
        let with_rows = state.rooms.iter().filter(|(_, account)| !account.committed.is_empty());
        with_rows
            .map(|(room, account)| RoomRows { room: room.clone(), rows: account.committed.len(), bytes: account.bytes })
            .collect()
    }

    /// Rows, events and latest values that are not durable yet, and their bytes with overhead.
    pub(super) fn unsaved(&self) -> (usize, u64) {
        let state = self.lock();
        let in_flight = state.in_flight.as_ref().map_or(0, |batch| batch.len());
        (state.queue.len() + state.waiting.len() + in_flight, state.unsaved)
    }

    /// The highest sequence given so far.
    pub(super) fn last(&self) -> Sequence {
        Sequence(self.lock().next - 1)
    }

    /// From now on nothing is queued.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the ledger")
    }
}

impl Batch {
    /// How much there is in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.news.len()
    }

    /// Whether it is one thing that came by itself.
    pub(super) fn is_single(&self) -> bool {
        self.len() == 1 && !self.rows.iter().any(|row| row::holds_several(&row.data))
    }

    /// The lives that it is of, some more than once; of each name one.
    pub(super) fn lives(&self) -> impl Iterator<Item = &Arc<Life>> {
        self.rows.iter().map(|row| &row.life).chain(self.news.lives())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::store::RoomLog;

    #[test]
    fn who_waits_hurries_the_writer_until_it_has_taken_what_is_waited_for() {
        let room = RoomId::parse("room", 99).expect("a name");
        let ledger = Arc::new(Ledger::new(1 << 20, Sequence(0)));
        let mut log = RoomLog::new(&room, Arc::clone(&ledger));
        let mut look = |rows: usize| {
            log.append(vec![Bytes::from_static(&[0, 0]); rows]).expect("within the budget");
            let before = ledger.hurry.is_on();
            assert!(pin!(log.changed()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            (before, ledger.hurry.is_on())
        };
        assert_eq!(look(0), (false, false), "there is nothing to wait for");
        assert_eq!(look(2), (false, true));
        ledger.take_batch(1, 1 << 20).expect("one of them");
        ledger.lock().in_flight = None;
        assert!(ledger.hurry.is_on(), "the other one is waited for, too");
        ledger.take_batch(9, 1 << 20).expect("the other one");
        assert!(!ledger.hurry.is_on());
    }

    #[test]
    fn what_a_turn_took_of_several_is_not_one_thing() {
        let room = RoomId::parse("room", 99).expect("a name");
        let (one, other) = (Bytes::from_static(&[0, 0]), Bytes::from_static(&[0, 1, 7, 1, 0, 1]));
        let several = row::rows([&one, &other].into_iter()).remove(0);
        for (rows, is_single) in [(vec![one.clone()], true), (vec![several], false), (vec![one, other], false)] {
            let ledger = Arc::new(Ledger::new(1 << 20, Sequence(0)));
            RoomLog::new(&room, Arc::clone(&ledger)).append(rows).expect("within the budget");
            let batch = ledger.take_batch(9, 1 << 20).expect("it was appended");
            assert_eq!(batch.is_single(), is_single);
        }
    }
}
