//! One change of a document while it is being made: updates are applied to it one by one, and `finish` gives what is
//! new as one update for everybody. Opened by `Document::change`, used by `Room` and `fold`.
//! What builds on something missing waits as an orphan beside the document. A change must never lose a byte that it
//! took, and never let the library integrate blocks behind a hole: its encoded state would lose them.

mod clocks;
pub mod gather;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use hashbrown::HashMap;
use smallvec::SmallVec;
use yrs::{Doc, ReadTxn, Transact, TransactionMut, Update, WriteTxn};

use clocks::{Raised, gap};
pub(super) use clocks::{clock, clocks_of};

use super::judge::Judge;
use super::merge::{Joins, joined, merged};
use super::nesting;
use super::orphans::{Need, Orphan, Orphans};
use super::placing::Placing;
use super::state::CachedState;
use super::together::Together;
use super::update::{BlockRange, CheckedUpdate};
use super::verdict::{Holder, Verdict};
use crate::wire::lib0::Malformed;

/// How often the library is asked to integrate what it left pending though nothing was missing.
const PENDING_TRIES: u32 = 4;

/// The library panicked in the middle of a change: what is in the document is unknown. Rebuild it from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the update broke the document in memory")]
pub struct Poisoned;

/// Why an update is not taken though its bytes are well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The document would pass its limit.
    #[error("the document would pass its size limit")]
    TooLarge,
    /// Shared types would be nested too deep.
    #[error("shared types would be nested too deep")]
    TooDeep,
    /// It waits for something, and too many such updates wait already.
    #[error("too many updates wait for others")]
    TooManyOrphans,
    /// It puts something into a block that can hold nothing, and what stands before that in it was taken; or the library
    /// cannot read it.
    #[error("the update names an impossible parent or cannot be read")]
    Impossible,
    /// It puts something where no Yjs client does, and the library would not bear it (see `placing`).
    #[error("the update has several values at one key, or an entry of a map among elements")]
    Unsound,
}

/// What became of one update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is part of the document now, and something is new.
    Applied,
    /// Everything in it was known.
    Known,
    /// Something that it builds on is missing; it waits.
    Orphaned,
    /// It was not taken.
    Refused(Refusal),
}

/// Which updates are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    /// None: what is stored was checked when it came.
    Stored,
    /// A stranger's, when they would make the document too large, too deep or too slow.
    Strangers { size_limit: usize },
}

/// A change that is being made: a transaction of the library and what it touches. It ends with `finish`.
pub struct Change<'d> {
    /// Open until the change is finished or has failed.
    txn: Option<TransactionMut<'d>>,
    parts: Parts<'d>,
    state: &'d mut CachedState,
    together: Together,
    /// What transactions that ended before this one have brought.
    before: Vec<Bytes>,
    /// What was applied in this transaction so far, as it came.
    applied: SmallVec<[Bytes; 1]>,
    /// There may be more in the transaction than what was applied: of updates that wait or did so, or were refused.
    mixed: bool,
    /// Something was taken of an update that was then refused.
    partial: bool,
    /// When the server writes itself, nobody has reckoned yet what that does to size and nesting.
    author: Author,
    /// Sources of orphans that were given up.
    impossible: Vec<u64>,
    raised: Raised,
    /// What has begun to wait.
    orphaned: Vec<Bytes>,
}

/// What a finished change comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The update for everybody, if anything is new.
    pub update: Option<Bytes>,
    /// Whether `update` holds more than the updates whose outcome was `Applied` or that were orphans: then it is to
    /// be logged, too.
    pub partial: bool,
    /// The sources of orphans that were found to be impossible; they do not wait any more.
    pub impossible: Vec<u64>,
}

/// What a change touches.
pub(super) struct Parts<'d> {
    pub(super) doc: &'d Doc,
    pub(super) clocks: &'d mut HashMap<u64, u32>,
    pub(super) orphans: &'d mut Orphans,
    pub(super) judge: &'d mut Judge,
    pub(super) nesting: &'d mut u32,
    pub(super) size: &'d mut usize,
    pub(super) checks: Checks,
}

/// How one attempt to apply went.
enum Attempt {
    Whole,
    Missing(SmallVec<[Need; 2]>),
    Impossible,
    /// Nothing of it was taken.
    Unsound,
}

/// Whose a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// What came from clients is applied.
    Clients,
    /// The server writes.
    Server,
}

impl<'d> Change<'d> {
    pub(super) fn new(parts: Parts<'d>, state: &'d mut CachedState) -> Self {
        Self {
            txn: Some(parts.doc.transact_mut()),
            parts,
            state,
            together: Together::default(),
            before: Vec::new(),
            applied: SmallVec::new(),
            mixed: false,
            partial: false,
            author: Author::Clients,
            impossible: Vec::new(),
            raised: Raised::default(),
            orphaned: Vec::new(),
        }
    }

    /// What is applied was checked before.
    pub(super) fn trust(&mut self) {
        self.parts.checks = Checks::Stored;
    }

    /// An update without what is known of it already. A sender may show that as it never was, and who joins is sent what
    /// is new before what is old: it must reach nobody. An update that has to wait is left as it is.
    pub fn news(&self, update: CheckedUpdate) -> CheckedUpdate {
        if gap(self.parts.clocks, &update.ranges).is_some() {
            return update;
        }
        update.news(|client| clock(self.parts.clocks, client))
    }

    /// Whether an update would change nothing outside of `root`, as
    /// [`super::document::Document::only_touches`] says, going by what was applied so far.
    pub fn only_touches(&mut self, update: &CheckedUpdate, root: &str, holder: impl Fn(u64) -> Holder) -> Verdict {
        let txn = self.txn.as_ref().expect("a change that failed is not used again");
        self.parts.judge.only_touches(txn, update, root, holder)
    }

    /// Applies one update that came from `source` (see [`Orphan::source`]).
    pub fn apply(&mut self, update: CheckedUpdate, source: u64) -> Result<Outcome, Poisoned> {
        if let Some(refusal) = self.refusal(&update) {
            return Ok(Outcome::Refused(refusal));
        }
        let mut update = self.news(update);
        if update.is_empty() {
            return Ok(Outcome::Known);
        }
        let raw = update.raw.clone();
        let brings = update.ranges.iter().any(|range| range.end > clock(self.parts.clocks, range.client));
        let gap = gap(self.parts.clocks, &update.ranges);
        if gap.is_some() && self.parts.orphans.contains(&raw) {
            return Ok(Outcome::Known);
        }
        // Asked before anything is taken of it.
        let may_wait = self.parts.checks == Checks::Stored || self.parts.orphans.has_space(source, raw.len());
        let needs = match gap {
            Some(_) if !may_wait => return Ok(Outcome::Refused(Refusal::TooManyOrphans)),
            // Nothing waits that the library cannot read.
            Some(_) if update.decode().is_err() => return Ok(Outcome::Refused(Refusal::Impossible)),
            Some(need) => match self.integrate_fitting(&update)? {
                Attempt::Unsound => return Ok(Outcome::Refused(Refusal::Unsound)),
                _ => SmallVec::from_elem(need, 1),
            },
            None => match self.integrate(update)? {
                // Deletes alone are news when the library says that something changed; in a change that has other
                // news already they are taken for news.
                Attempt::Whole if !brings && !self.txn().has_changes() => return Ok(Outcome::Known),
                Attempt::Whole => {
                    *self.parts.size += raw.len();
                    self.applied.push(raw);
                    return Ok(Outcome::Applied);
                }
                Attempt::Missing(needs) => needs,
                Attempt::Impossible => return Ok(Outcome::Refused(Refusal::Impossible)),
                Attempt::Unsound => return Ok(Outcome::Refused(Refusal::Unsound)),
            },
        };
        *self.parts.size += raw.len();
        if !may_wait {
            // A part of it found its place, and that part is everybody's.
            (self.mixed, self.partial) = (true, true);
            return Ok(Outcome::Refused(Refusal::TooManyOrphans));
        }
        self.mixed = true;
        if self.parts.orphans.contains(&raw) {
            return Ok(Outcome::Known);
        }
        self.orphaned.push(raw.clone());
        self.parts.orphans.push(Orphan { raw, source, needs });
        Ok(Outcome::Orphaned)
    }

    /// Lets the server itself write. It must check every index: a panic of the library costs the document.
    pub(super) fn write(&mut self, work: impl FnOnce(&mut TransactionMut<'d>)) -> Result<(), Poisoned> {
        self.guarded(work)?;
        self.read_clocks();
        (self.mixed, self.author) = (true, Author::Server);
        Ok(())
    }

    /// Ends the change: tries orphans again and commits.
    pub fn finish(mut self) -> Result<Finished, Poisoned> {
        self.adopt_orphans()?;
        self.end_transaction()?;
        let update = match &self.before[..] {
            [] => None,
            [update] => Some(update.clone()),
            updates => match merged(updates) {
                Some(update) => Some(update),
                None => Some(yrs::merge_updates_v1(updates).map_err(|_| self.failed())?.into()),
            },
        };
        if let Some(update) = &update {
            self.state.changed(update);
            if self.author == Author::Server {
                self.parts.judge.applied(update, None, |_| u32::MAX);
                let written = nesting::of_update(update).expect("the library writes valid updates");
                *self.parts.nesting = written.on_top_of(*self.parts.nesting);
                *self.parts.size += update.len();
            }
        }
        Ok(Finished { update, partial: self.partial, impossible: std::mem::take(&mut self.impossible) })
    }

    /// Commits, and notes what is new.
    fn end_transaction(&mut self) -> Result<(), Poisoned> {
        self.guarded(TransactionMut::commit)?;
        let applied = std::mem::take(&mut self.applied);
        let mixed = std::mem::take(&mut self.mixed);
        let txn = self.txn.as_ref().expect("a change that failed is not used again");
        let by_library = || Bytes::from(txn.encode_update_v1());
        if txn.has_changes() {
            let judge = &*self.parts.judge;
            let joins = |id| if judge.is_in_list(None, id) { Joins::Sure } else { Joins::Never };
            self.before.push(match &applied[..] {
                [raw] if !mixed => raw.clone(),
                raws if !mixed => joined(raws, joins).unwrap_or_else(by_library),
                _ => by_library(),
            });
        }
        self.parts.judge.deleted(txn.delete_set());
        Ok(())
    }

    /// Goes on in another transaction when this one has been given enough.
    fn make_space_for(&mut self, update: &CheckedUpdate) -> Result<(), Poisoned> {
        if self.together.is_full_for(update) {
            self.end_transaction()?;
            // The library lets no two be open at once.
            drop(self.txn.take());
            self.txn = Some(self.parts.doc.transact_mut());
            self.together = Together::default();
        }
        self.together.add(update);
        Ok(())
    }

    fn txn(&self) -> &TransactionMut<'d> {
        self.txn.as_ref().expect("a change that failed is not used again")
    }

    /// Runs the library on the open transaction. After a panic the transaction is leaked: ending it could panic once
    /// more and abort the process.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut TransactionMut<'d>) -> T) -> Result<T, Poisoned> {
        let mut txn = self.txn.take().expect("a change that failed is not used again");
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(&mut txn))) else {
            std::mem::forget(txn);
            return Err(self.failed());
        };
        self.txn = Some(txn);
        Ok(result)
    }

    /// Nobody will be told of this change: clocks and orphans are again what everybody was told of before it.
    fn failed(&mut self) -> Poisoned {
        self.raised.take_back(self.parts.clocks);
        self.orphaned.drain(..).for_each(|raw| self.parts.orphans.forget(&raw));
        Poisoned
    }

    fn refusal(&self, update: &CheckedUpdate) -> Option<Refusal> {
        let parts = &self.parts;
        let Checks::Strangers { size_limit } = parts.checks else { return None };
        if parts.size.saturating_add(update.raw.len()) > size_limit {
            return Some(Refusal::TooLarge);
        }
        (update.nesting.on_top_of(*parts.nesting) > nesting::DEEPEST).then_some(Refusal::TooDeep)
    }

    /// Hands an update without gaps to the library, if that can bear it.
    fn integrate(&mut self, mut update: CheckedUpdate) -> Result<Attempt, Poisoned> {
        self.make_space_for(&update)?;
        let txn = self.txn.as_ref().expect("a change that failed is not used again");
        let is_to_be_placed = update.may_be_unsound || update.goes_on;
        let placing = is_to_be_placed.then(|| self.parts.judge.place(txn, &update));
        if placing.as_ref().is_some_and(Placing::is_unsound) {
            return Ok(Attempt::Unsound);
        }
        if self.join(&mut update, placing.as_ref()).is_err() {
            return Ok(Attempt::Impossible);
        }
        self.integrate_placed(update, placing)
    }

    /// Joins what goes on in an update; gives the bytes of what that comes to, if anything was joined.
    fn join(&self, update: &mut CheckedUpdate, placing: Option<&Placing>) -> Result<Option<Bytes>, Malformed> {
        if update.goes_on { update.join(|id| self.parts.judge.is_in_list(placing, id)) } else { Ok(None) }
    }

    fn integrate_placed(&mut self, mut update: CheckedUpdate, placing: Option<Placing>) -> Result<Attempt, Poisoned> {
        // The library stops at an impossible parent, and what it took before that must not live if it was not to.
        let deletes = (update.may_be_unsound && update.deletes).then(|| update.deletes_alone());
        let Ok(decoded) = update.take_decoded() else { return Ok(Attempt::Impossible) };
        let CheckedUpdate { raw, ranges, nesting, .. } = update;
        let attempt = self.guarded(|txn| {
            if apply_whole(txn, decoded).is_err() {
                txn.prune_pending();
                if let Some(deletes) = deletes {
                    txn.apply_update(deletes).expect("only blocks have parents");
                    txn.prune_pending();
                }
                return Attempt::Impossible;
            }
            if !txn.has_missing_updates() {
                return Attempt::Whole;
            }
            let needs = pending_needs(txn);
            txn.prune_pending();
            Attempt::Missing(needs)
        })?;
        *self.parts.nesting = nesting.on_top_of(*self.parts.nesting);
        self.integrated(&raw, placing, &ranges, &attempt)?;
        Ok(match attempt {
            Attempt::Missing(needs) => Attempt::Missing(self.not_reached(needs)),
            attempt => attempt,
        })
    }

    /// Takes note of what the library took.
    fn integrated(
        &mut self,
        raw: &[u8],
        placing: Option<Placing>,
        ranges: &[BlockRange],
        attempt: &Attempt,
    ) -> Result<(), Poisoned> {
        if matches!(attempt, Attempt::Whole) {
            for range in ranges {
                self.raised.raise(self.parts.clocks, range);
            }
        } else {
            let is_partial = matches!(attempt, Attempt::Impossible);
            (self.mixed, self.partial) = (self.mixed || is_partial, self.partial || is_partial);
            self.read_clocks();
        }
        let clocks = &*self.parts.clocks;
        let went_on = |range: &BlockRange| {
            let placed = placing.as_ref().and_then(|placing| placing.placed(range.client));
            placed.is_some_and(|placed| placed < clock(clocks, range.client))
        };
        if ranges.iter().any(went_on) {
            // It took what nobody looked at, and must not commit it.
            std::mem::forget(self.txn.take());
            return Err(self.failed());
        }
        self.parts.judge.applied(raw, placing, |client| clock(clocks, client));
        Ok(())
    }

    /// Takes the clocks from the library, where it took what nobody has counted.
    fn read_clocks(&mut self) {
        let clocks = clocks_of(&self.txn().state_vector());
        self.raised.replace(self.parts.clocks, clocks);
    }

    /// Of an update with gaps, takes what needs not wait: one client's hole holds up nobody else's blocks.
    fn integrate_fitting(&mut self, update: &CheckedUpdate) -> Result<Attempt, Poisoned> {
        match update.fitting(|client| clock(self.parts.clocks, client)) {
            Some(fitting) => self.integrate(fitting),
            None => Ok(Attempt::Whole),
        }
    }

    fn adopt_orphans(&mut self) -> Result<(), Poisoned> {
        if self.parts.orphans.is_empty() || self.before.is_empty() && !self.txn().has_changes() {
            return Ok(());
        }
        loop {
            // What is adopted is in the change and in no update that came with it.
            self.mixed = true;
            let Parts { clocks, orphans, .. } = &mut self.parts;
            let Some(mut orphan) = orphans.take_ready(|need| clock(clocks, need.client) >= need.clock) else {
                return Ok(());
            };
            let update = CheckedUpdate::parse_stored(orphan.raw.clone()).expect("an orphan was parsed when it came");
            orphan.needs = match gap(self.parts.clocks, &update.ranges) {
                Some(need) => {
                    self.integrate_fitting(&update)?;
                    SmallVec::from_elem(need, 1)
                }
                None => match self.integrate(update)? {
                    Attempt::Whole => continue,
                    Attempt::Missing(needs) => needs,
                    // Nothing that comes will make it possible; its row stays in the log.
                    Attempt::Impossible | Attempt::Unsound => {
                        self.impossible.push(orphan.source);
                        continue;
                    }
                },
            };
            self.parts.orphans.push(orphan);
        }
    }

    /// What of `needs` the document has not reached; so a retry always waits for something to come.
    fn not_reached(&self, needs: SmallVec<[Need; 2]>) -> SmallVec<[Need; 2]> {
        let wait_for = |need: Need| {
            let known = clock(self.parts.clocks, need.client);
            Need { clock: need.clock.max(known + 1), ..need }
        };
        needs.into_iter().map(wait_for).collect()
    }
}

/// Applies an update and whatever the library leaves pending though nothing is missing.
fn apply_whole(txn: &mut TransactionMut<'_>, update: Update) -> Result<(), yrs::error::UpdateError> {
    txn.apply_update(update)?;
    for _ in 0..PENDING_TRIES {
        if !txn.has_missing_updates() {
            break;
        }
        if let Some(rest) = txn.prune_pending() {
            txn.apply_update(rest)?;
        }
    }
    Ok(())
}

fn pending_needs(txn: &TransactionMut<'_>) -> SmallVec<[Need; 2]> {
    let mut needs = SmallVec::new();
    let store = ReadTxn::store(txn);
    if let Some(pending) = store.pending_update() {
        needs.extend(pending.missing.iter().map(|(client, clock)| Need { client: client.get(), clock: clock + 1 }));
    }
    if let Some(deletes) = store.pending_ds() {
        for (client, ranges) in deletes.iter() {
            needs.extend(ranges.iter().map(|range| Need { client: client.get(), clock: range.end }));
        }
    }
    needs
}
