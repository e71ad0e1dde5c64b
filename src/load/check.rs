//! After the drain: a fresh client reads each room and compares it with what was written, letter by letter. It builds the document
//! as a browser would, so it also notices what receivers that only count clocks cannot. How long it waits is for `patience` to say.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use humantime::format_duration;
use tokio::task::{JoinSet, LocalSet};
use yrs::types::ToJson;
use yrs::updates::decoder::Decode;
use yrs::{Any, Doc, GetString, Transact, Update};

use super::agents::ITEMS;
use super::client::socket::Message;
use super::client::{self, Dialect, Say, socket};
use super::coverage::Coverage;
use super::decoded::{Authors, Kind, Latest};
use super::faults::Faults;
use super::patience::{Patience, Turn};
use super::plan::{Made, Plan};
use super::probe::{self, Probe, ProbeError};
use super::target::Protocol;
use super::words::many;
use super::writer::{EDIT, ROOT};

/// Differences that are told.
const TOLD_MAX: usize = 5;

/// What fresh clients have found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many rooms were read.
    pub rooms: u64,
    /// In how many of them there is not what was written.
    pub diverged: u64,
    /// How many rooms could not be read, or not all that was written there.
    pub unchecked: u64,
    /// How many of those nobody tried to read.
    unopened: u64,
    /// Some of the differences, in words.
    pub differences: Vec<String>,
    /// What went wrong with the clients themselves.
    pub faults: Faults,
}

impl Checked {
    fn take(&mut self, room: &str, read: Result<(), Difference>) {
        match read {
            Ok(()) => self.rooms += 1,
            Err(Difference::Probe(fault)) => {
                self.unchecked += 1;
                self.faults.add(&format!("a fresh client of {room}"), &fault);
            }
            Err(Difference::Unopened) => {
                self.unchecked += 1;
                self.unopened += 1;
            }
            Err(difference) => {
                if let Difference::Gap = difference {
                    self.unchecked += 1;
                } else {
                    self.rooms += 1;
                    self.diverged += 1;
                }
                if self.differences.len() < TOLD_MAX {
                    self.differences.push(format!("{room}: {difference}"));
                }
            }
        }
    }
}

/// Why a room is not what it should be.
#[derive(Debug, thiserror::Error)]
enum Difference {
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("nobody has tried to read it")]
    Unopened,
    #[error("the server says that it does not keep the oldest messages; those that it keeps are right")]
    Gap,
    #[error("what an agent has written at once is not there")]
    Burst,
    #[error(
        "the server says that it keeps everything from number {next} on, and has nothing of writer {writer}, whose number {heard} was heard"
    )]
    Dropped { writer: usize, heard: u64, next: u64 },
    #[error("writer {writer} made {made} edits, and {there} are there")]
    Missing { writer: usize, made: u32, there: u32 },
    #[error("the document cannot be read: {0}")]
    Unreadable(String),
    #[error("the text differs from what was written, first at letter {0}")]
    Text(usize),
    #[error("something in it was never written")]
    Corrupt,
    #[error("what the server sends of it makes the library panic that reads it")]
    Breaking,
}

/// Reads all rooms that anybody wrote into, and those that agents wrote into at once.
pub fn rooms(plan: &Arc<Plan>, made: &Arc<Made>) -> io::Result<Checked> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async {
        let patience = Rc::new(Patience::new(plan.fresh, plan.target.patience));
        let mut reading = JoinSet::new();
        for room in (0..plan.crowd.rooms).filter(|room| made.in_room(*room).any(|edits| edits > 0)) {
            let (plan, made, patience) = (Arc::clone(plan), Arc::clone(made), Rc::clone(&patience));
            reading.spawn_local(async move { (plan.room(room), check(&plan, &made, room, &patience).await) });
        }
        let agents = plan.agents.as_ref();
        let burst: Arc<[u8]> = agents.map_or(&[][..], |agents| &agents.burst).into();
        for agent in 0..agents.map_or(0, |agents| agents.bursting) {
            let (plan, burst, patience) = (Arc::clone(plan), Arc::clone(&burst), Rc::clone(&patience));
            reading.spawn_local(async move {
                let room = plan.agents_room(agent);
                let read = check_burst(&plan, &room, agent, &burst, &patience).await;
                (room, read)
            });
        }
        let mut checked = Checked::default();
        while let Some(read) = reading.join_next().await {
            // What a server sends may be too much for the library that reads it.
            let (room, read) = read.unwrap_or_else(|_| ("a room".to_owned(), Err(Difference::Breaking)));
            checked.take(&room, read);
        }
        if checked.unopened > 0 {
            let rooms = many(checked.unopened, "room was", "rooms were");
            let waited = format_duration(plan.target.patience);
            let why = format!("{rooms} not read: for {waited} the server had shown no other");
            checked.differences.push(why);
        }
        checked
    }))
}

async fn check(plan: &Plan, made: &Made, room: usize, patience: &Patience) -> Result<(), Difference> {
    let mut turn = patience.turn().await.ok_or(Difference::Unopened)?;
    let mut reading = Reading::new(plan, room);
    if let Some(read) = patience.during(reading.read(plan, made, patience, &mut turn)).await {
        read?;
    }
    if !reading.has_come {
        return Err(ProbeError::TooSlow(plan.target.patience).into());
    }
    if reading.is_wrong {
        return Err(Difference::Corrupt);
    }
    for (writer, edits) in made.in_room(room).enumerate() {
        if let Some(next) = reading.drops(writer, made) {
            return Err(Difference::Dropped { writer, heard: made.heard(room, writer), next });
        }
        if !reading.has_all_of(writer, edits) {
            let there = (reading.coverage.seen(writer) + reading.coverage.hidden(writer)) / EDIT;
            return Err(Difference::Missing { writer, made: edits, there });
        }
    }
    if reading.kept_from.is_some() {
        return Err(Difference::Gap);
    }
    if plan.target.protocol == Protocol::Events { Ok(()) } else { reading.compare(made) }
}

/// Reads what an agent has written at once, which is to be there before long.
async fn check_burst(
    plan: &Plan,
    room: &str,
    agent: usize,
    burst: &[u8],
    patience: &Patience,
) -> Result<(), Difference> {
    let mut turn = patience.turn().await.ok_or(Difference::Unopened)?;
    let wanted = items_of(&probe::document(1), &[burst])?;
    let mut has_come = false;
    let mut shown = items_of(&probe::document(1), &[] as &[&[u8]])?;
    let reading = async {
        let mut probe = Probe::open(&plan.target, room, plan.people() + agent, vec![0, 0]).await?;
        let doc = probe::document(1);
        loop {
            let brought = probe.next().await?;
            if brought.has_state && !has_come {
                has_come = true;
                patience.shown(&mut turn);
            }
            if brought.updates.is_empty() {
                continue;
            }
            let items = items_of(&doc, &brought.updates)?;
            if items == wanted {
                probe.close();
                return Ok(());
            }
            if items != shown {
                shown = items;
                patience.grown();
            }
        }
    };
    match patience.during(reading).await {
        Some(read) => read,
        None if has_come => Err(Difference::Burst),
        None => Err(ProbeError::TooSlow(plan.target.patience).into()),
    }
}

/// What agents write, items, when these updates are in the document, too.
fn items_of(doc: &Doc, updates: &[impl AsRef<[u8]>]) -> Result<Any, ProbeError> {
    let items = doc.get_or_insert_map(ITEMS);
    probe::apply(doc, updates)?;
    let txn = doc.transact();
    Ok(items.to_json(&txn))
}

/// What a fresh client has read of one room.
struct Reading {
    room: usize,
    name: String,
    authors: Authors,
    coverage: Coverage,
    updates: Vec<Vec<u8>>,
    has_come: bool,
    /// From which number on the server keeps what was written, if it has said that it does not keep the beginning.
    kept_from: Option<u64>,
    is_wrong: bool,
}

impl Reading {
    fn new(plan: &Plan, room: usize) -> Self {
        Self {
            room,
            name: plan.room(room),
            authors: plan.authors(room),
            coverage: Coverage::new(plan.crowd.writers),
            updates: Vec::new(),
            has_come: false,
            kept_from: None,
            is_wrong: false,
        }
    }

    /// Reads until all is there.
    async fn read<'a>(
        &mut self,
        plan: &Plan,
        made: &Made,
        patience: &'a Patience,
        turn: &mut Turn<'a>,
    ) -> Result<(), Difference> {
        let dialect = Dialect::of(&plan.target, &self.name);
        // Beside everybody, so over all nodes.
        let address = client::locate(&plan.target, &self.name, plan.people() + self.room);
        let mut address = address.await.map_err(ProbeError::from)?;
        if let Dialect::Events = dialect {
            address.path.push_str(if address.path.contains('?') { "&cursor=0" } else { "?cursor=0" });
        }
        let (mut incoming, outgoing) = socket::connect(&address).await.map_err(ProbeError::from)?;
        for message in dialect.opening(&[0]) {
            outgoing.send_binary(&message).map_err(ProbeError::from)?;
        }
        let (mut latest, mut next) = (Latest::default(), 0);
        while !self.has_come || !self.is_complete(made) {
            let (had_come, mut has_grown) = (self.has_come, false);
            incoming
                .read(|message| {
                    let (Message::Binary(bytes) | Message::Text(bytes)) = message;
                    let decoded = latest.read(bytes, &mut next, &dialect, &self.authors);
                    self.is_wrong |= decoded.is_wrong;
                    self.has_come |= decoded.kind == Kind::State;
                    if decoded.kind == Kind::Gap {
                        // Of a gap that does not say where it ends nothing can be proven.
                        self.kept_from = self.kept_from.max(Some(decoded.number.unwrap_or(u64::MAX)));
                    }
                    for piece in &decoded.pieces {
                        has_grown |= !self.coverage.take(piece).has_come_before(piece);
                    }
                    match decoded.kind {
                        Kind::State | Kind::Update => self.updates.push(decoded.body().to_vec()),
                        Kind::Asks => {
                            if let Some(nothing) = dialect.message(Say::State(&[0, 0])) {
                                let _ = outgoing.send_binary(&nothing);
                            }
                        }
                        _ => {}
                    }
                })
                .await
                .map_err(ProbeError::from)?;
            if self.has_come && !had_come {
                patience.shown(turn);
            }
            if has_grown {
                patience.grown();
            }
        }
        outgoing.close();
        Ok(())
    }

    fn is_complete(&self, made: &Made) -> bool {
        made.in_room(self.room).enumerate().all(|(writer, edits)| {
            if self.kept_from.is_none() {
                return self.coverage.seen(writer) >= edits * EDIT;
            }
            let newest = self.coverage.newest(writer);
            newest.end >= edits * EDIT || newest.is_empty() && self.drops(writer, made).is_none()
        })
    }

    /// Whether nothing of a writer is there behind a gap although somebody has heard an edit that the server is to keep: from
    /// which number on it is to.
    fn drops(&self, writer: usize, made: &Made) -> Option<u64> {
        let is_kept = |next: &u64| self.coverage.newest(writer).is_empty() && made.heard(self.room, writer) >= *next;
        self.kept_from.filter(is_kept)
    }

    /// Whether all is there that a writer has written; behind a gap, all that came later than the first of it that is there.
    fn has_all_of(&self, writer: usize, edits: u32) -> bool {
        let (seen, hidden) = (self.coverage.seen(writer), self.coverage.hidden(writer));
        let newest = self.coverage.newest(writer);
        let is_kept = newest.len() as u64 == u64::from(hidden) && (newest.end == edits * EDIT || newest.is_empty());
        seen == edits * EDIT && hidden == 0 || self.kept_from.is_some() && seen == 0 && is_kept
    }

    /// Builds the document from what came and from what was written; the library orders the writers in both.
    fn compare(&self, made: &Made) -> Result<(), Difference> {
        let there = text_of(&self.updates)?;
        let written: Vec<Vec<u8>> = made
            .in_room(self.room)
            .zip(&self.authors.writers)
            .map(|(edits, writer)| {
                let mut update = Vec::new();
                writer.update(0..edits * EDIT, &mut update);
                update
            })
            .collect();
        let wanted = text_of(&written)?;
        if there == wanted {
            return Ok(());
        }
        let same = there.bytes().zip(wanted.bytes()).take_while(|(there, wanted)| there == wanted).count();
        Err(Difference::Text(same))
    }
}

fn text_of(updates: &[Vec<u8>]) -> Result<String, Difference> {
    let doc = Doc::new();
    let text = doc.get_or_insert_text(ROOT);
    let mut txn = doc.transact_mut();
    for update in updates {
        let update = Update::decode_v1(update).map_err(|error| Difference::Unreadable(error.to_string()))?;
        txn.apply_update(update).map_err(|error| Difference::Unreadable(error.to_string()))?;
    }
    Ok(text.get_string(&txn))
}
