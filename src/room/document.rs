//! A room's document: a Yjs document in the CRDT library, always whole, with what is needed to defend it.
//! Used by `Room`, which owns it, and by `fold`. It is read here and changed through a `Change`. It must never keep a
//! reference into the library between calls, and never be used again after `Poisoned`.

use bytes::Bytes;
use hashbrown::HashMap;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{ClientID, Doc, OffsetKind, Options, ReadTxn, StateVector, Transact, TransactionMut};

use super::change::{Change, Checks, Parts, Poisoned, clock, clocks_of};
use super::content::Digest;
use super::judge::Judge;
use super::nesting;
use super::orphans::{Orphan, Orphans};
use super::state::CachedState;
use super::update::CheckedUpdate;
use super::verdict::{Holder, Verdict};
use super::version::Version;
use super::view::{self, DocumentView, Reading, Roots, ViewError, ViewLimits};
use crate::wire::lib0::{CLIENT_ID_MAX, Reader};

/// The roots that a trip has, declared so that they read as what they are.
pub(super) const MAP_ROOTS: [&str; 5] = ["trip", "budget", "destinations", "items", "comments"];
pub(super) const TEXT_ROOT: &str = "notes";
/// The root below which commenters write.
pub(super) const COMMENTS: &str = "comments";

/// Bytes of an update that says nothing.
const EMPTY_UPDATE_BYTES: usize = 2;

/// A live document.
pub struct Document {
    doc: Doc,
    /// How far each client's blocks go: the state vector, kept beside the library's own because reading that one
    /// costs a walk over all clients.
    clocks: HashMap<u64, u32>,
    orphans: Orphans,
    state: CachedState,
    judge: Judge,
    /// No shared type is nested deeper than this; an estimate from above.
    nesting: u32,
    /// The nesting when it was last measured.
    measured_nesting: u32,
    /// Bytes of the encoded state, an estimate from above.
    size: usize,
    /// The same when it was last measured.
    measured_size: usize,
    checks: Checks,
}

impl Document {
    /// An empty document that strangers may let grow to `size_limit` bytes in its encoded form.
    pub fn new(size_limit: usize) -> Self {
        Self { checks: Checks::Strangers { size_limit }, ..Self::for_stored() }
    }

    /// An empty document to be filled with what is stored; then `open_to_strangers`.
    pub(super) fn for_stored() -> Self {
        let mut options = Options::with_client_id(ClientID::new(u64::from(random_u32().max(1))));
        options.offset_kind = OffsetKind::Utf16;
        options.skip_gc = false;
        options.cleanup_formatting = false;
        let doc = Doc::with_options(options);
        for root in MAP_ROOTS {
            doc.get_or_insert_map(root);
        }
        doc.get_or_insert_text(TEXT_ROOT);
        Self {
            doc,
            clocks: HashMap::new(),
            orphans: Orphans::default(),
            state: CachedState::default(),
            judge: Judge::default(),
            nesting: 0,
            measured_nesting: 0,
            size: EMPTY_UPDATE_BYTES,
            measured_size: EMPTY_UPDATE_BYTES,
            checks: Checks::Stored,
        }
    }

    /// Opens one change. Everything that is applied to it becomes one update for everybody.
    pub fn change(&mut self) -> Change<'_> {
        let parts = Parts {
            doc: &self.doc,
            clocks: &mut self.clocks,
            orphans: &mut self.orphans,
            judge: &mut self.judge,
            nesting: &mut self.nesting,
            size: &mut self.size,
            checks: self.checks,
        };
        Change::new(parts, &mut self.state)
    }

    /// The same for what other nodes have taken: it was checked there, and is in the log.
    pub(super) fn change_of_stored(&mut self) -> Change<'_> {
        let mut change = self.change();
        change.trust();
        change
    }

    /// Lets the server itself write, as one change. Gives the update for everybody, which is to be logged like one that
    /// came; nothing when nothing changed. Whether `work` keeps within the limits is for the caller to see to
    /// beforehand (`has_space`).
    pub fn edit(&mut self, work: impl FnOnce(&mut TransactionMut<'_>)) -> Result<Option<Bytes>, Poisoned> {
        let mut change = self.change();
        change.write(work)?;
        Ok(change.finish()?.update)
    }

    /// Whether `bytes` more of encoded state are within the limit. Measures before it says no.
    pub(super) fn has_space(&mut self, bytes: usize) -> bool {
        let Checks::Strangers { size_limit } = self.checks else { return true };
        if self.size.saturating_add(bytes) > size_limit && self.is_estimated() {
            self.measure();
        }
        self.size.saturating_add(bytes) <= size_limit
    }

    /// The version. Costs a walk over all blocks.
    pub fn version(&self) -> Version {
        Version::of(&self.sorted_clocks(), &self.delete_set())
    }

    /// The document for readers. Costs a walk over everything in it.
    pub fn view(&self, limits: &ViewLimits) -> Result<DocumentView, ViewError> {
        let json = self.read(Roots::All, limits)?.json;
        let json = serde_json::to_vec(&json).expect("keys are texts, and no number is infinite").into();
        Ok(DocumentView { version: self.version(), json })
    }

    /// Roots as JSON values.
    pub fn read(&self, roots: Roots<'_>, limits: &ViewLimits) -> Result<Reading, ViewError> {
        view::read(&self.doc.transact(), roots, limits)
    }

    /// The encoded state vector.
    pub fn state_vector(&self) -> Bytes {
        // The encoder's buffer has room for a thousand bytes; this is kept for as long as somebody is here.
        self.doc.transact().state_vector().encode_v1().into_boxed_slice().into()
    }

    /// After `Poisoned`: what everybody was told, which is all but the change that failed.
    pub(super) fn told(&self) -> StateVector {
        self.clocks.iter().map(|(client, clock)| (ClientID::new(*client), *clock)).collect()
    }

    /// What those lack who were told so much, with all that is deleted; nothing if that is nothing.
    pub(super) fn untold(&self, told: &StateVector) -> Option<Bytes> {
        let update = self.doc.transact().encode_state_as_update_v1(told);
        (update.len() > EMPTY_UPDATE_BYTES).then(|| update.into())
    }

    /// The whole state, and an update that is to be sent before it, if there is one.
    pub fn full_state(&mut self) -> (Option<Bytes>, Bytes) {
        let doc = &self.doc;
        let encode = || doc.transact().encode_state_as_update_v1(&StateVector::default()).into_boxed_slice().into();
        let (first, full) = self.state.get(encode);
        if first.is_none() {
            self.size = full.len();
        }
        (first, full)
    }

    /// What a client lacks that has the encoded state vector `known`. A vector that cannot be read counts as empty:
    /// too much is never wrong.
    pub fn difference(&self, known: &[u8]) -> Bytes {
        let vector = checked_state_vector(known).unwrap_or_default();
        self.doc.transact().encode_state_as_update_v1(&vector).into()
    }

    /// Whether `known` has blocks that this document lacks.
    pub fn lacks(&self, known: &[u8]) -> bool {
        checked_state_vector(known)
            .is_some_and(|vector| vector.iter().any(|(client, theirs)| *theirs > clock(&self.clocks, client.get())))
    }

    /// Whether a join is answered without encoding.
    pub fn state_is_ready(&self) -> bool {
        self.state.is_ready()
    }

    /// Gives back the memory of the cached state.
    pub fn forget_state(&mut self) {
        self.state.forget();
    }

    /// Whether an update would change nothing outside of `root`; `holder` says whose the client ids are under which it
    /// writes. Nothing is applied. The cost is that of the update, after an index was built: that costs as much as
    /// encoding the document, and the index is kept until `forget_unasked`. In the middle of a change ask
    /// [`Change::only_touches`].
    pub fn only_touches(&mut self, update: &CheckedUpdate, root: &str, holder: impl Fn(u64) -> Holder) -> Verdict {
        self.judge.only_touches(&self.doc.transact(), update, root, holder)
    }

    /// Whether an update says nothing new: as the answer of a client that has nothing to say, but the whole delete set.
    pub fn brings_nothing(&mut self, update: &CheckedUpdate) -> bool {
        self.judge.brings_nothing(&self.doc.transact(), &self.clocks, update)
    }

    /// Gives back the memory of what updates are judged by, when none was since this was called last.
    pub fn forget_unasked(&mut self) {
        self.judge.forget_unasked();
    }

    /// Updates that wait for something missing, oldest first.
    pub fn orphans(&self) -> impl Iterator<Item = &Orphan> {
        self.orphans.iter()
    }

    /// Whether this update waits for something missing; after `Poisoned`, whether it did so before the change that failed.
    pub(super) fn has_orphan(&self, update: &Bytes) -> bool {
        self.orphans.contains(update)
    }

    /// Bytes of the encoded state, an estimate from above.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What the document says, in short. Costs as much as encoding it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.difference(&[])).expect("the library writes valid updates")
    }

    /// Everything that is deleted, as the library compares it.
    pub(super) fn delete_set(&self) -> yrs::IdSet {
        let snapshot = self.doc.transact().snapshot();
        snapshot.delete_set
    }

    /// How far each client's blocks go, by client.
    pub fn sorted_clocks(&self) -> Vec<(u64, u32)> {
        let mut clocks: Vec<(u64, u32)> = clocks_of(&self.doc.transact().state_vector()).into_iter().collect();
        clocks.sort_unstable();
        clocks
    }

    /// From now on updates come from strangers, and it may grow to `size_limit` bytes in its encoded form.
    pub(super) fn open_to_strangers(&mut self, size_limit: usize) {
        self.checks = Checks::Strangers { size_limit };
    }

    /// Makes the library panic when a change brings blocks of `client`.
    #[cfg(test)]
    pub(super) fn panic_on_client(&self, client: u64) {
        let observed = self.doc.observe_update_v1("panic", move |_, event| {
            let update = yrs::Update::decode_v1(&event.update).expect("the library's own update");
            assert!(!update.state_vector().contains_client(&ClientID::new(client)), "as the test wants it");
        });
        observed.expect("no change is open");
    }

    /// What the document may come to, going by the estimates.
    pub(super) fn outlook(&self) -> Outlook {
        Outlook { nesting: self.nesting, size: self.size, checks: self.checks }
    }

    /// Whether the estimates are above what was measured last.
    pub(super) fn is_estimated(&self) -> bool {
        self.nesting != self.measured_nesting || self.size != self.measured_size
    }

    /// Learns how deep and how large the document really is. Costs as much as encoding and reading it.
    pub(super) fn measure(&mut self) {
        let encoded = self.difference(&[]);
        self.size = encoded.len();
        self.measured_size = self.size;
        self.nesting = nesting::of_update(&encoded).expect("the library writes valid updates").on_top_of(0);
        self.measured_nesting = self.nesting;
    }
}

/// What a document may come to, going by estimates from above.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    nesting: u32,
    size: usize,
    checks: Checks,
}

impl Outlook {
    /// Adds an update; says whether the document surely stays within its limits.
    pub(super) fn with(&mut self, update: &CheckedUpdate) -> bool {
        self.nesting = update.nesting.on_top_of(self.nesting);
        self.size = self.size.saturating_add(update.raw.len());
        let Checks::Strangers { size_limit } = self.checks else { return true };
        self.nesting <= nesting::DEEPEST && self.size <= size_limit
    }
}

/// Decodes a state vector that a stranger sent; the library trusts its count.
fn checked_state_vector(bytes: &[u8]) -> Option<StateVector> {
    let mut reader = Reader::new(bytes);
    let count = reader.count().ok()?;
    for _ in 0..count {
        reader.number_up_to(CLIENT_ID_MAX).ok()?;
        reader.number_up_to(u64::from(u32::MAX)).ok()?;
    }
    StateVector::decode_v1(&bytes[..reader.position()]).ok()
}

/// A number that no other document of this process has: the library wants one though the server never edits.
fn random_u32() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    u32::try_from(RandomState::new().hash_one(0u8) >> 32).expect("32 bits are left")
}
