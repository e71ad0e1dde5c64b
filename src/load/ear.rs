//! What one client hears of authors whose edits may be of any kind and length: known by the clock that each author's document has
//! after each edit. For scenarios with real documents; those with a crowd count faster (`coverage`, `person`).

use std::cell::RefCell;
use std::time::Instant;

use super::coverage::{Coverage, Piece};
use super::decoded::Kind;
use super::hearing::Hearing;
use super::latency::Latency;
use super::timeline::Lately;
use crate::room::scan::{self, Content};
use crate::wire::lib0::Malformed;

/// When each edit of each author was meant, and up to where its author's clocks go with it. One that only deletes has no clocks of
/// its own: it is taken for seen together with what its author wrote before, or at once if that is nothing.
#[derive(Debug)]
pub struct Meant {
    /// What of it was sent and heard in this second.
    pub lately: Lately,
    clients: Vec<u64>,
    edits: RefCell<Vec<Vec<(u32, Instant)>>>,
}

impl Meant {
    /// Nothing yet, of these Yjs clients.
    pub fn new(clients: Vec<u64>) -> Self {
        let edits = RefCell::new(vec![Vec::new(); clients.len()]);
        Self { lately: Lately::default(), clients, edits }
    }

    /// An author's next edit.
    pub fn add(&self, author: usize, end: u32, moment: Instant) {
        self.edits.borrow_mut()[author].push((end, moment));
        self.lately.sends();
    }

    /// How many edits there are of everybody but one.
    pub fn of_others(&self, author: Option<usize>) -> usize {
        let edits = self.edits.borrow();
        edits.iter().enumerate().filter(|(other, _)| Some(*other) != author).map(|(_, edits)| edits.len()).sum()
    }
}

/// One who hears.
#[derive(Debug)]
pub struct Ear {
    author: Option<usize>,
    coverage: Coverage,
    /// How many edits of each were heard, as far as they are timed.
    seen: Vec<usize>,
    /// What was meant before was not for this ear to hear in time.
    since: Instant,
    hearing: Hearing,
    /// Pieces that came again.
    pub doubled: u64,
    /// Pieces that came after something that their author wrote later.
    pub out_of_order: u64,
    /// From when an edit was meant until it was heard.
    pub times: Latency,
    /// From when an own edit was meant until it came back: then it is kept.
    pub back: Latency,
}

impl Ear {
    /// Of somebody new, who may be an author.
    pub fn new(author: Option<usize>, authors: usize) -> Self {
        Self {
            author,
            coverage: Coverage::new(authors),
            seen: vec![0; authors],
            since: Instant::now(),
            hearing: Hearing::default(),
            doubled: 0,
            out_of_order: 0,
            times: Latency::default(),
            back: Latency::default(),
        }
    }

    /// Was away, and is here from now on.
    pub fn begin_anew(&mut self) {
        self.since = Instant::now();
        self.hearing.end();
    }

    /// Hears an update, as news or as part of the state.
    pub fn hear(&mut self, kind: Kind, update: &[u8], meant: &Meant) -> Result<(), Malformed> {
        let now = Instant::now();
        let edits = meant.edits.borrow();
        scan::scan(update, |block| {
            let Some(writer) = meant.clients.iter().position(|client| *client == block.client) else { return };
            if block.content == Content::Skip {
                return;
            }
            let clocks = block.clock..block.clock + block.length;
            let piece = Piece { writer: u32::try_from(writer).unwrap_or(u32::MAX), clocks };
            let taken = self.coverage.take(&piece);
            if kind == Kind::Update
                && let Some(held) = self.hearing.judge(&piece, &taken)
            {
                self.doubled += u64::from(held.repeated > 0);
                self.out_of_order += u64::from(held.is_late);
            }
            while let Some((end, moment)) =
                edits[writer].get(self.seen[writer]).filter(|(end, _)| *end <= taken.shown.end)
            {
                let before = self.seen[writer].checked_sub(1).map_or(0, |before| edits[writer][before].0);
                self.seen[writer] += 1;
                // One that only deletes ends where the one before ended.
                if *end > before && *moment >= self.since {
                    let took = now.saturating_duration_since(*moment);
                    if self.author == Some(writer) {
                        self.back.record(took);
                    } else {
                        self.times.record(took);
                        meant.lately.comes(took);
                    }
                }
            }
        })?;
        if kind == Kind::State {
            self.hearing.has_document(edits.len());
        }
        Ok(())
    }

    /// Whether it has heard others up to these clocks.
    pub fn has(&self, upon: &[(usize, u32)]) -> bool {
        upon.iter().all(|(writer, end)| self.coverage.seen(*writer) >= *end)
    }

    /// Whether all of its own that has clocks has come back.
    pub fn has_own(&self, meant: &Meant) -> bool {
        let edits = meant.edits.borrow();
        let last = self.author.and_then(|author| Some((author, edits[author].last()?.0)));
        last.is_none_or(|(author, end)| self.coverage.seen(author) >= end)
    }

    /// How many edits of others there are for it to see.
    pub fn expected(&self, meant: &Meant) -> usize {
        meant.of_others(self.author)
    }

    /// How many edits of others it has seen.
    pub fn seen(&self, meant: &Meant) -> usize {
        let edits = meant.edits.borrow();
        let others = edits.iter().enumerate().filter(|(writer, _)| Some(*writer) != self.author);
        others.map(|(writer, edits)| edits.partition_point(|(end, _)| *end <= self.coverage.seen(writer))).sum()
    }
}
