//! Finds a suggestion in a room's log for whoever decides on it, and has the room do so. It must never decide on what was decided.

use std::num::NonZeroU16;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::visit::{Visit, VisitError, unexpected};
use crate::room::event::{SUGGESTION_ACCEPTED, SUGGESTION_MADE, SUGGESTION_REJECTED};
use crate::room::kept::{EventKind, EventSeq, StoredEvent};
use crate::room::patch::{Context, Patch};
use crate::room::principal::Principal;
use crate::room::request::{Answer, Ask, RequestRefusal};
use crate::room::suggesting::{Decision, Suggestion};
use crate::room::version::Version;
use crate::store::{EventQuery, EventSpan};

/// Decisions are read so many at a time.
const PAGE: NonZeroU16 = NonZeroU16::new(200).expect("more than 0");
const ONE: NonZeroU16 = NonZeroU16::new(1).expect("more than 0");

/// What somebody wants to become of a suggestion.
#[derive(Debug)]
pub enum Wish {
    /// That its operations are done, in this name; it has at most so many.
    Accept(Context, usize),
    /// That they are not.
    Reject,
}

impl Visit {
    /// Puts a change forward; done when that is durable. `operations` is what `patch` was made of.
    pub async fn suggest(
        &self,
        by: Arc<Principal>,
        patch: Patch,
        operations: Value,
        if_match: Option<Version>,
    ) -> Result<EventSeq, VisitError> {
        self.kept(Ask::Suggest { by, patch: Box::new(patch), operations, if_match }).await
    }

    /// Decides on a suggestion; done when that is durable, and with it what it changed. Whether the caller may write everything
    /// has been seen to.
    pub async fn decide(&self, by: Arc<Principal>, suggestion: EventSeq, wish: Wish) -> Result<EventSeq, VisitError> {
        let suggestion = self.suggestion(suggestion).await?;
        let decision = match wish {
            Wish::Reject => Decision::Reject,
            Wish::Accept(context, operations_max) => {
                let json = serde_json::to_vec(&suggestion.operations).expect("it was JSON");
                let patch = Patch::parse_operations(&json, operations_max, &context);
                Decision::Accept(Box::new(patch.map_err(RequestRefusal::Patch)?))
            }
        };
        self.kept(Ask::Decide { by, suggestion: Box::new(suggestion), decision }).await
    }

    /// A suggestion that nobody has decided on.
    async fn suggestion(&self, id: EventSeq) -> Result<Suggestion, VisitError> {
        let just = EventSpan::Before(EventSeq(id.0.saturating_add(1)));
        let found = self.page(just, &[SUGGESTION_MADE], ONE).await?.pop().filter(|event| event.seq == id);
        let suggestion = found.as_ref().and_then(Suggestion::read).ok_or_else(Suggestion::is_unknown)?;
        let mut after = id;
        loop {
            let page = self.page(EventSpan::After(after), &[SUGGESTION_ACCEPTED, SUGGESTION_REJECTED], PAGE).await?;
            if page.iter().any(|event| decided(event) == Some(id)) {
                return Err(Suggestion::is_decided().into());
            }
            match page.last() {
                Some(last) if page.len() == usize::from(PAGE.get()) => after = last.seq,
                _ => return Ok(suggestion),
            }
        }
    }

    async fn page(&self, span: EventSpan, kinds: &[&str], limit: NonZeroU16) -> Result<Vec<StoredEvent>, VisitError> {
        let kinds = kinds.iter().map(|kind| EventKind::parse(kind).expect("the name of an event is short")).collect();
        let page = self.events(EventQuery { span, kinds, origin: None, limit }).await;
        Ok(page.map_err(|_| VisitError::Failed)?.events)
    }

    async fn kept(&self, ask: Ask) -> Result<EventSeq, VisitError> {
        match self.ask(ask, 0).await? {
            Answer::Kept(seq) => Ok(seq),
            other => Err(unexpected(&other)),
        }
    }
}

/// Which suggestion an event decides on.
fn decided(event: &StoredEvent) -> Option<EventSeq> {
    #[derive(Deserialize)]
    struct Body {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        id: String,
    }
    let body: Body = serde_json::from_slice(&event.body).ok()?;
    body.data.id.parse().ok().map(EventSeq)
}
