//! What agents' patches changed, kept so that a person can take it back: the part of `Room` that records edits and undoes them.
//! Everybody is told of an edit by pointers alone; what is needed to undo it stays in the log, under the run's own kind.
//! Nothing is taken back twice: the log says up to where that was done, and the room until the log does.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::effects::Effects;
use super::event::Event;
use super::event::edits::{Edited, NotUndone, Undone};
use super::kept::{EventKind, EventSeq};
use super::patch::{Kept, Patch, PatchFailure, TakenBack, Trace, Why, take_back};
use super::principal::Principal;
use super::request::{Answer, RequestId, RequestRefusal};
use super::room::Room;
use super::run::AgentRun;

/// The most bytes that one patch's record may have; a patch that changed more cannot be taken back.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// So many pointers are told of an edit, or of what was taken back.
pub const POINTERS_TOLD: usize = 200;
/// So many runs that were taken back are remembered until the log tells of it.
const REMEMBERED: usize = 64;

/// What the log keeps of a run. Its form stays: it is read long after it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A patch changed this.
    Edit(Trace),
    /// A patch changed more than is kept: these pointers, or the first of them.
    TooLarge(Vec<String>),
    /// All up to this event was taken back.
    TakenBack(u64),
}

impl Record {
    /// Reads what the log has.
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

/// Up to which event which run was taken back, by its kind. Owned by `Room`.
#[derive(Debug, Default)]
pub(super) struct Undoing(VecDeque<(EventKind, EventSeq)>);

impl Undoing {
    fn floor(&self, kind: &EventKind) -> EventSeq {
        self.0.iter().filter(|(undone, _)| undone == kind).map(|(_, seq)| *seq).max().unwrap_or_default()
    }

    fn note(&mut self, kind: EventKind, up_to: EventSeq) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((kind, up_to));
    }
}

impl Room {
    /// An agent's patch changed something: it is kept, and told to everybody.
    pub(super) fn record_edit(&mut self, by: &Principal, patch: &Patch, trace: Trace, effects: &mut Effects) {
        let run = AgentRun { agent: by.id.clone(), run: patch.run().cloned() };
        let (pointers, more) = told(trace.pointers().map(str::to_owned).collect());
        let undoable = trace.is_within(RECORD_BYTES_MAX);
        let edited = Edited {
            run: run.run.as_ref().map(|run| run.as_str().to_owned()),
            summary: patch.summary(),
            pointers: pointers.clone(),
            more,
            undoable,
        };
        self.keep(None, None, &Event::Edited(edited), by, effects);
        let record = if undoable { Record::Edit(trace) } else { Record::TooLarge(pointers) };
        self.keep_record(run.kind(), &record, effects);
    }

    /// Takes back what an agent did in a run, of which these are the records, in order, in the name of a person who may
    /// write everything.
    pub(super) fn undo(
        &mut self,
        request: RequestId,
        by: &Principal,
        run: &AgentRun,
        records: Vec<(EventSeq, Record)>,
        effects: &mut Effects,
    ) -> Result<Option<Answer>, RequestRefusal> {
        let (kind, floor) = (run.kind(), self.undoing.floor(&run.kind()));
        let (mut traces, mut kept, mut up_to) = (Vec::new(), Vec::new(), None);
        for (seq, record) in records.into_iter().filter(|(seq, _)| *seq > floor) {
            match record {
                Record::Edit(trace) => traces.push(trace),
                Record::TooLarge(pointers) => {
                    kept.extend(pointers.into_iter().map(|pointer| Kept { pointer, why: Why::TooLarge }));
                }
                Record::TakenBack(_) => continue,
            }
            up_to = Some(seq);
        }
        let edits = traces.len();
        let TakenBack { update, undone, kept: stays } = take_back(&mut self.document, &traces, &self.view_limits)
            .map_err(|failure| {
                effects.document_lost |= matches!(failure, PatchFailure::Poisoned(_));
                RequestRefusal::from(failure)
            })?;
        if let Some(update) = update {
            self.written(&by.id, update, effects);
        }
        kept.extend(stays);
        let kept = kept.into_iter().map(|Kept { pointer, why }| NotUndone { pointer, why: why.as_str() });
        let ((undone, more_undone), (kept, more_kept)) = (told(undone), told(kept.collect()));
        let undone = Box::new(Undone {
            version: self.version().to_string(),
            agent: run.agent.as_str().to_owned(),
            run: run.run.as_ref().map(|run| run.as_str().to_owned()),
            edits,
            undone,
            kept,
            more: more_undone || more_kept,
        });
        if let Some(up_to) = up_to {
            self.keep(None, None, &Event::Undone(undone.clone()), by, effects);
            self.keep_record(kind.clone(), &Record::TakenBack(up_to.0), effects);
            self.undoing.note(kind, up_to);
        }
        Ok(self.answer_durable(request, Answer::Undone(undone)))
    }

    fn keep_record(&mut self, kind: EventKind, record: &Record, effects: &mut Effects) {
        let body = serde_json::to_vec(record).expect("a record has text keys alone");
        self.keep_internal(kind, None, body.into(), effects);
    }
}

/// As many as are told, and whether there are more.
fn told<T>(mut all: Vec<T>) -> (Vec<T>, bool) {
    let more = all.len() > POINTERS_TOLD;
    all.truncate(POINTERS_TOLD);
    (all, more)
}
