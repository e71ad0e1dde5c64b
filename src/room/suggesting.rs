//! Changes that are put forward and not made, and what becomes of them: the part of `Room` for suggestions. One is in the log
//! until somebody decides; then it is made in the name of whoever accepts it, or not at all. Nothing is decided twice: the log
//! has one decision of each, and the room remembers until the log tells.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;

use super::effects::Effects;
use super::event::edits::{SuggestionDecided, SuggestionMade};
use super::event::{Event, Fault};
use super::kept::{EventOrigin, EventSeq, StoredEvent};
use super::patch::{Patch, PatchFailure};
use super::principal::Principal;
use super::request::{Answer, RequestId, RequestRefusal};
use super::role::Writes;
use super::room::Room;

/// The most bytes of operations that are put forward at once.
const SUGGESTION_BYTES_MAX: usize = 64 * 1024;
/// So many decisions are remembered until the log tells of them.
const REMEMBERED: usize = 64;

/// A suggestion, as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Its number.
    pub seq: EventSeq,
    /// Who made it.
    pub by: String,
    /// The operations.
    pub operations: Value,
}

/// What is to become of one.
#[derive(Debug)]
pub enum Decision {
    /// Its operations are done.
    Accept(Box<Patch>),
    /// They are not.
    Reject,
}

/// The suggestions that were decided lately. Owned by `Room`.
#[derive(Debug, Default)]
pub(super) struct Decided(VecDeque<EventSeq>);

impl Suggestion {
    /// Reads what the log has; nothing if it is something else.
    pub fn read(event: &StoredEvent) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            from: From,
            data: Data,
        }
        #[derive(Deserialize)]
        struct From {
            id: String,
        }
        #[derive(Deserialize)]
        struct Data {
            operations: Value,
        }
        let Body { from, data } = serde_json::from_slice(&event.body).ok()?;
        Some(Self { seq: event.seq, by: from.id, operations: data.operations })
    }

    /// Whether operations of so many bytes of JSON may be put forward: they are kept, so they are short.
    pub fn fits(bytes: usize) -> Result<(), Fault> {
        if bytes <= SUGGESTION_BYTES_MAX {
            return Ok(());
        }
        let fault = Fault::new("message_too_large", "The suggestion is too long.").at("/operations");
        let fault = fault.expected(format!("at most {SUGGESTION_BYTES_MAX} bytes of JSON")).received(bytes.to_string());
        Err(fault.hint("Suggest it in several pieces."))
    }

    /// Says that it was decided before.
    pub fn is_decided() -> RequestRefusal {
        let fault = Fault::new("already_decided", "This suggestion was accepted or rejected before.");
        RequestRefusal::Unfit(Box::new(fault))
    }

    /// Says that there is none.
    pub fn is_unknown() -> RequestRefusal {
        let fault = Fault::new("not_found", "There is no suggestion with this id, or it is no longer kept.");
        RequestRefusal::Unfit(Box::new(fault.expected("the id of a suggestion.made")))
    }
}

impl Room {
    /// Somebody puts a change forward: it is tried, kept, and not made.
    pub(super) fn suggest(
        &mut self,
        request: RequestId,
        by: &Principal,
        patch: &Patch,
        operations: Value,
        effects: &mut Effects,
    ) -> Result<Option<Answer>, RequestRefusal> {
        let preview = patch.preview(&mut self.document, Writes::Everything, &self.view_limits)?;
        let made = SuggestionMade {
            run: patch.run().map(|run| run.as_str().to_owned()),
            summary: patch.summary(),
            operations,
            changes: preview.changes.into_iter().map(Into::into).collect(),
            left_out: preview.left_out,
        };
        self.keep(Some(request), None, &Event::SuggestionMade(Box::new(made)), by, effects);
        Ok(None)
    }

    /// Somebody decides on a suggestion, who may write everything. It is answered when the decision is durable, and with it
    /// what it changed.
    pub(super) fn decide(
        &mut self,
        request: RequestId,
        by: &Principal,
        suggestion: &Suggestion,
        decision: &Decision,
        effects: &mut Effects,
    ) -> Result<Option<Answer>, RequestRefusal> {
        if self.decided.0.contains(&suggestion.seq) {
            return Err(Suggestion::is_decided());
        }
        if let Decision::Accept(patch) = decision {
            let update = patch.apply(&mut self.document, Writes::Everything, &self.view_limits).map_err(|failure| {
                effects.document_lost |= matches!(failure, PatchFailure::Poisoned(_));
                RequestRefusal::from(failure)
            })?;
            if let Some(update) = update {
                self.written(&by.id, update, effects);
            }
        }
        if self.decided.0.len() == REMEMBERED {
            self.decided.0.pop_front();
        }
        self.decided.0.push_back(suggestion.seq);
        let decided = SuggestionDecided { id: suggestion.seq.0.to_string(), suggested_by: suggestion.by.clone() };
        let event = match decision {
            Decision::Accept(_) => Event::SuggestionAccepted(decided),
            Decision::Reject => Event::SuggestionRejected(decided),
        };
        self.keep(Some(request), Some(EventOrigin::of_decision(suggestion.seq)), &event, by, effects);
        Ok(None)
    }
}
