//! How a room is one room on many nodes: what it tells the other nodes that have it open, and what it takes from them.
//! The part of `Room` that speaks with nodes; it sleeps while no other node has the room.
//!
//! Updates are told when they are in the store, so that whatever another node shows survives any crash; only when the
//! store does not answer are they told unsaved, and then every node writes them itself. What was missed on the way is
//! found by digests and healed by differences. It must never tell what came from another node, and never call its
//! own document saved while something in it is not.

mod company;
mod stored;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap};
use smallvec::smallvec;

use super::change::{Outcome, Poisoned, Refusal};
use super::durability::LogPosition;
use super::effects::{Effects, Fanout};
use super::id::ConnectionId;
use super::input::Input;
use super::node::{Extent, Here, Kept, NodeId, NodeMessage, NodeNews, Recipient, Round};
use super::principal::PrincipalId;
use super::request::Present;
use super::room::Room;
use super::taking::NOBODY;
use super::update::CheckedUpdate;
use super::version::Version;

/// So long the store may take before what it has not confirmed is told all the same.
const UNSAVED_AFTER: Duration = Duration::from_secs(1);
/// How often nodes compare their documents while several have the room open.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// A node that has the room open says something at each check. One that was silent for three has closed it, and nobody
/// heard.
const SILENT_AFTER: Duration = Duration::from_secs(30);
/// After a reunion each counts as silent for so long already: who has the room open answers in the seconds that are left.
const REUNITED_AFTER: Duration = Duration::from_secs(26);
/// And how often it is asked whether another one has.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// After nodes were parted, rooms compare their documents spread over this time.
const REUNION: Duration = Duration::from_millis(400);
/// What a dead node has put into the log and told nobody is looked for within this time, by each room at another moment.
const LOOK_FOR_THE_DEAD: Duration = Duration::from_secs(1);
/// And what nodes have that died while nobody heard them.
const LOOK_AFTER_PARTING: Duration = Duration::from_secs(5);
/// More bytes of updates than this are read from the store by other nodes: a wire that is made for small messages cuts
/// off who cannot take big ones at once.
const WIRE_MAX: usize = 1 << 20;
/// What a room knows of the other nodes. Owned by `Room`.
pub(super) struct Sharing {
    nodes: HashMap<NodeId, Node>,
    /// Updates of this node that the others have not heard of, until they are in the store.
    untold: VecDeque<(LogPosition, Instant, Bytes)>,
    /// Whose connections were counted differently when the others last heard of them.
    moved: BTreeSet<PrincipalId>,
    questions: VecDeque<Question>,
    next_check: Instant,
    /// Somebody has returned before any other node was known of.
    returned: bool,
    /// So many nodes had the room open when it was opened here, and have not yet said who is there.
    strangers: usize,
    /// The next check is the first after nodes were parted.
    reunion: bool,
    /// When to read what is in the store, where nobody is left to say it.
    look_at: Option<Instant>,
    /// What is in the log and was refused, by hash: the document was loaded anew for it, and once is enough.
    refused: BTreeSet<u64>,
    hasher: DefaultHashBuilder,
    /// Spreads the rooms of a node over a period.
    spread: f64,
    /// The time of the last turn.
    now: Instant,
    numbers: u64,
}

/// Another node that has the room open.
struct Node {
    /// Stands for it in presence.
    connection: ConnectionId,
    heard: Instant,
    people: BTreeMap<PrincipalId, Present>,
    /// It has said who is there.
    introduced: bool,
}

/// What needs the document's version, which may be dear.
enum Question {
    /// Our own digest is to be told.
    Tell(Recipient, Round),
    /// A node's digest is to be compared with the document.
    Compare { from: NodeId, round: Round, vector: Bytes, version: Version },
}

impl Sharing {
    fn new(now: Instant, spread: f64, others: usize) -> Self {
        Self {
            nodes: HashMap::new(),
            untold: VecDeque::new(),
            moved: BTreeSet::new(),
            questions: VecDeque::from([Question::Tell(Recipient::All, Round::Open)]),
            next_check: now + LOOK_EVERY.mul_f64(0.5 + spread / 2.0),
            returned: false,
            strangers: others,
            reunion: false,
            look_at: None,
            refused: BTreeSet::new(),
            hasher: DefaultHashBuilder::default(),
            spread,
            now,
            numbers: 0,
        }
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.entry(id).or_insert_with(|| {
            self.numbers += 1;
            let connection = ConnectionId::of_node(self.numbers);
            Node { connection, heard: self.now, people: BTreeMap::new(), introduced: false }
        })
    }

    /// When something is due that is done so often: each room of a node at another moment.
    fn after(&self, now: Instant, period: Duration) -> Instant {
        now + period.mul_f64(0.5 + self.spread / 2.0)
    }

    /// One question of each kind and node is enough: a newer one says all that an older one did.
    fn ask(&mut self, question: Question) {
        let same = |other: &Question| match (other, &question) {
            (Question::Tell(to, round), Question::Tell(also_to, also)) => to == also_to && round == also,
            (Question::Compare { from, round, .. }, Question::Compare { from: also_from, round: also, .. }) => {
                from == also_from && round == also
            }
            _ => false,
        };
        match self.questions.iter().position(same) {
            Some(at) => self.questions[at] = question,
            None => self.questions.push_back(question),
        }
    }

    fn alone(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Room {
    /// From now on the room is shared with whatever other nodes have it open. `spread`, from 0 to 1, is by how much of a
    /// period this room's regular work lies apart from that of others; `others` is how many have it open.
    pub fn share(&mut self, now: Instant, spread: f64, others: usize) {
        self.sharing = Some(Box::new(Sharing::new(now, spread, others)));
    }

    /// Whether other nodes may have the room open.
    pub(super) fn is_shared(&self) -> bool {
        self.sharing.is_some()
    }

    /// Updates that go to the log are told to the other nodes in time.
    pub(super) fn tell_later(&mut self, update: &Bytes) {
        let position = self.appended();
        if let Some(sharing) = self.sharing.as_mut().filter(|sharing| !sharing.alone()) {
            sharing.untold.push_back((position, sharing.now, update.clone()));
        }
    }

    /// Whether other nodes wait for some of them.
    pub(super) fn has_untold(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| !sharing.untold.is_empty())
    }

    /// Time has come to this.
    pub(super) fn note_time(&mut self, now: Instant) {
        self.now = now;
        if let Some(sharing) = &mut self.sharing {
            sharing.now = now;
        }
    }

    /// Tells the other nodes a text.
    pub(super) fn tell_text(&self, text: &Bytes, effects: &mut Effects) {
        if self.sharing.as_ref().is_some_and(|sharing| !sharing.alone()) {
            effects.shares.push((Recipient::All, NodeMessage::Text(text.clone())));
        }
    }

    /// The log is on disk up to `position`.
    pub(super) fn tell_saved(&mut self, position: LogPosition, effects: &mut Effects) {
        let Some(sharing) = &mut self.sharing else { return };
        let mut updates = Vec::new();
        while let Some((.., update)) = sharing.untold.pop_front_if(|(at, ..)| *at <= position) {
            updates.push(update);
        }
        if !updates.is_empty() {
            effects.shares.push((Recipient::All, saved(updates)));
        }
    }

    /// Takes all updates of other nodes that are among `inputs`, as one change. Fails when that broke the document.
    pub(super) fn take_from_nodes(
        &mut self,
        inputs: &mut VecDeque<Input>,
        effects: &mut Effects,
    ) -> Result<(), Poisoned> {
        if self.sharing.is_none() {
            return Ok(());
        }
        let mut updates = Vec::new();
        for input in inputs.iter_mut() {
            if let Input::Node(NodeNews::Said { message: NodeMessage::Updates { kept, updates: said }, .. }) = input {
                let kept = *kept;
                updates.extend(std::mem::take(said).into_iter().map(|update| (kept, update)));
            }
        }
        if updates.is_empty() { Ok(()) } else { self.apply_from_nodes(updates, effects) }
    }

    fn apply_from_nodes(&mut self, updates: Vec<(Kept, Bytes)>, effects: &mut Effects) -> Result<(), Poisoned> {
        let mut change = self.document.change_of_stored();
        let (mut rows, mut orphans, mut authors) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_refused = false;
        for (kept, raw) in updates {
            let Ok(update) = CheckedUpdate::parse_stored(raw.clone()) else { continue };
            let writer = update.sole_client();
            let outcome = change.apply(update, NOBODY.0)?;
            match outcome {
                Outcome::Applied => authors.push((writer, raw.clone())),
                Outcome::Orphaned => orphans.push(raw.clone()),
                Outcome::Known => continue,
                Outcome::Refused(refusal) => {
                    let excludes = matches!(refusal, Refusal::Unsound | Refusal::Impossible);
                    is_refused |= excludes && self.sharing.as_mut().is_none_or(|sharing| sharing.is_news(kept, &raw));
                    continue;
                }
            }
            if kept == Kept::Unsaved {
                rows.push(raw);
            }
        }
        let finished = change.finish()?;
        for (writer, raw) in &authors {
            let by = writer.and_then(|writer| self.writers.owner(writer)).map(|(owner, _)| owner.clone());
            self.note_author(by.as_ref());
            self.note_sets(raw, by.as_ref(), effects);
        }
        for row in rows {
            effects.log.push(row);
            self.append();
        }
        let orphans = orphans.into_iter().filter(|orphan| finished.update.as_ref() != Some(orphan));
        if let Some(update) = finished.update.clone() {
            self.changed();
            if authors.is_empty() {
                self.note_author(None);
            }
            // Only what had waited is in it where nothing was applied.
            let first = authors.is_empty().then(|| update.clone());
            let authors = authors.into_iter().map(|(_, raw)| raw).chain(first).map(|raw| (NOBODY, raw)).collect();
            effects.fanouts.push(Fanout { update, authors });
        }
        for update in orphans {
            self.changed();
            effects.fanouts.push(Fanout { update: update.clone(), authors: smallvec![(NOBODY, update)] });
        }
        self.note_saved();
        // Of two updates that exclude each other each node took another one; the log has both, in one order for all.
        if is_refused { Err(Poisoned) } else { Ok(()) }
    }

    /// Hears of another node; its updates were taken before.
    pub(super) fn hear_node(&mut self, now: Instant, news: NodeNews, effects: &mut Effects) {
        if self.sharing.is_none() {
            return;
        }
        match news {
            NodeNews::Said { from, message } => self.hear_said(now, from, message, effects),
            NodeNews::Gone(node) => {
                // What it put into the log and could not say.
                let sharing = self.sharing.as_mut().expect("it was just there");
                sharing.look_within(now, LOOK_FOR_THE_DEAD);
                self.node_goes(now, node, effects);
            }
            NodeNews::Left(node) => self.node_goes(now, node, effects),
            NodeNews::Missed(node) => {
                effects.look = true;
                self.ask_nodes(Question::Tell(Recipient::One(node), Round::Open));
            }
            NodeNews::Parted => {
                effects.look = true;
                self.reunite(now, effects);
            }
        }
        self.rest_alone();
    }

    /// A node has the room no longer.
    fn node_goes(&mut self, now: Instant, node: NodeId, effects: &mut Effects) {
        effects.look = true;
        self.people_move();
        let sharing = self.sharing.as_mut().expect("whoever calls looked");
        sharing.introduced(node);
        if let Some(gone) = sharing.nodes.remove(&node) {
            self.presence.leave(now, gone.connection);
        }
        self.end_outputs_of(node, effects);
    }

    fn hear_said(&mut self, now: Instant, from: NodeId, message: NodeMessage, effects: &mut Effects) {
        let sharing = self.sharing.as_mut().expect("whoever calls looked");
        let is_new = !sharing.nodes.contains_key(&from);
        let node = sharing.node(from);
        node.heard = now;
        let connection = node.connection;
        if is_new {
            // Alone one speaks so seldom that the other would forget this node.
            sharing.next_check = sharing.next_check.min(sharing.after(now, CHECK_EVERY));
        }
        if is_new && !matches!(message, NodeMessage::Digest { round: Round::Open, .. }) {
            // So far nothing was kept for it. A node that speaks of changes has said something before.
            let answers =
                matches!(message, NodeMessage::Digest { .. } | NodeMessage::Here(Here { extent: Extent::All, .. }));
            let round = if answers { Round::Check } else { Round::Open };
            sharing.ask(Question::Tell(Recipient::One(from), round));
            effects.shares.push((Recipient::One(from), self.everything_here()));
            self.share_outputs_so_far(from, effects);
        }
        let sharing = self.sharing.as_mut().expect("it was just there");
        if is_new && std::mem::take(&mut sharing.returned) {
            effects.shares.push((Recipient::All, NodeMessage::Returned));
        }
        match message {
            NodeMessage::Updates { .. } => {}
            NodeMessage::Stored => effects.fetch = true,
            NodeMessage::Returned => self.ask_here(effects),
            NodeMessage::Text(text) => effects.texts.push((connection, text)),
            NodeMessage::Kept(event) => self.hear_kept(now, event, effects),
            NodeMessage::Output(event) => self.hear_output(now, from, event, effects),
            NodeMessage::Here(here) => self.hear_here(now, from, here),
            NodeMessage::Digest { round, vector, version, .. } => {
                sharing.ask(Question::Compare { from, round, vector, version });
            }
        }
    }

    /// Everybody is told everything once more, and asked. Others may have taken this node's clients for gone, and
    /// browsers do not take them back without a higher clock.
    fn reunite(&mut self, now: Instant, effects: &mut Effects) {
        let sharing = self.sharing.as_mut().expect("whoever calls looked");
        sharing.next_check = now + REUNION.mul_f64(sharing.spread);
        // Whoever closed the room meanwhile could not say so, and does not answer.
        let long_ago = now.checked_sub(REUNITED_AFTER).unwrap_or(now);
        sharing.nodes.values_mut().for_each(|node| node.heard = node.heard.min(long_ago));
        sharing.questions.retain(|question| matches!(question, Question::Compare { .. }));
        sharing.reunion = true;
        self.ask_here(effects);
    }

    /// The other nodes that have the room open, as far as this one knows.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.sharing.iter().flat_map(|sharing| sharing.nodes.keys().copied())
    }

    fn ask_nodes(&mut self, question: Question) {
        if let Some(sharing) = &mut self.sharing {
            sharing.ask(question);
        }
    }

    /// Keeps nothing for nodes that are not there.
    pub(super) fn rest_alone(&mut self) {
        if self.sharing.as_ref().is_none_or(|sharing| sharing.alone()) {
            self.presence.forget_unshared();
            self.writers.forget_unshared();
            if let Some(sharing) = &mut self.sharing {
                sharing.untold.clear();
                sharing.moved.clear();
            }
        }
    }

    /// What is due to be told by now.
    pub fn share_due(&mut self, now: Instant) -> Effects {
        let mut effects = Effects::default();
        self.note_time(now);
        let Some(sharing) = &mut self.sharing else { return effects };
        let late = |(_, since, _): &(LogPosition, Instant, Bytes)| now.duration_since(*since) >= UNSAVED_AFTER;
        let mut updates = Vec::new();
        while let Some((.., update)) = sharing.untold.pop_front_if(|waiting| late(waiting)) {
            updates.push(update);
        }
        if !updates.is_empty() {
            effects.shares.push((Recipient::All, NodeMessage::Updates { kept: Kept::Unsaved, updates }));
        }
        effects.fetch = sharing.look_at.take_if(|at| *at <= now).is_some();
        let silent: Vec<NodeId> = (sharing.nodes.iter())
            .filter(|(_, node)| now.duration_since(node.heard) >= SILENT_AFTER)
            .map(|(id, _)| *id)
            .collect();
        if sharing.next_check <= now {
            let every = if sharing.alone() { LOOK_EVERY } else { CHECK_EVERY };
            let reunion = std::mem::take(&mut sharing.reunion);
            // A look for others who are not known of is an opening, as the first was.
            let round = if reunion || sharing.alone() { Round::Open } else { Round::Check };
            sharing.next_check = sharing.after(now, every);
            sharing.ask(Question::Tell(Recipient::All, round));
            if reunion {
                // Who has died meanwhile answers nothing.
                sharing.look_within(now, LOOK_AFTER_PARTING);
                effects.shares.push((Recipient::All, self.everything_here()));
            }
        }
        for node in silent {
            self.hear_node(now, NodeNews::Gone(node), &mut effects);
        }
        effects
    }

    /// When `share_due` has something to do.
    pub fn next_share(&self) -> Option<Instant> {
        let sharing = self.sharing.as_ref()?;
        let unsaved = sharing.untold.front().map(|(_, since, _)| *since + UNSAVED_AFTER);
        [unsaved, sharing.look_at, Some(sharing.next_check)].into_iter().flatten().min()
    }

    /// Whether the document is to be compared with that of another node.
    pub(super) fn has_node_questions(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| !sharing.questions.is_empty())
    }

    /// Does one comparison.
    pub(super) fn compare_with_node(&mut self, effects: &mut Effects) {
        let Some(question) = self.sharing.as_mut().and_then(|sharing| sharing.questions.pop_front()) else { return };
        match question {
            Question::Tell(to, round) => effects.shares.push((to, self.own_digest(round))),
            Question::Compare { from, round, vector, version } => {
                let to = Recipient::One(from);
                if self.version() != version {
                    self.tell_what_lacks(to, &vector, effects);
                    if round != Round::Reply {
                        effects.shares.push((to, self.own_digest(Round::Reply)));
                    }
                }
                if round == Round::Open {
                    effects.shares.push((to, self.everything_here()));
                    self.share_outputs_so_far(from, effects);
                }
            }
        }
    }

    fn own_digest(&mut self, round: Round) -> NodeMessage {
        let (vector, version) = (self.state_vector(), self.version());
        NodeMessage::Digest { round, incarnation: None, vector, version }
    }

    /// Whatever is in the document is in the store, or in this node's rows on their way there: then it is told with them.
    fn tell_what_lacks(&mut self, to: Recipient, vector: &[u8], effects: &mut Effects) {
        let orphans = self.document.orphans().map(|orphan| orphan.raw.clone());
        let updates: Vec<Bytes> = std::iter::once(self.document.difference(vector)).chain(orphans).collect();
        if self.durability.is_settled() {
            effects.shares.push((to, saved(updates)));
        } else {
            for update in &updates {
                self.tell_later(update);
            }
        }
    }
}

/// Updates that are in the store, as others are told of them.
fn saved(updates: Vec<Bytes>) -> NodeMessage {
    if updates.iter().map(Bytes::len).sum::<usize>() > WIRE_MAX {
        return NodeMessage::Stored;
    }
    NodeMessage::Updates { kept: Kept::Saved, updates }
}
