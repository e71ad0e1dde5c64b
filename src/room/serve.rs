//! How a room answers requests: the part of `Room` that reads its document as JSON and changes it for those who have no
//! connection. Whatever changes here goes the way of every author's update: to the log, and to everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use smallvec::smallvec;

use super::effects::{Effects, Fanout};
use super::event::{Added, Event};
use super::input::{Admission, UpdateKind};
use super::once::Once;
use super::patch::{Patch, PatchFailure};
use super::principal::{Principal, PrincipalId, PrincipalKind};
use super::request::{Answer, Ask, Present, RequestId, RequestRefusal, RoomView};
use super::role::Writes;
use super::room::{Room, SMALL_DOCUMENT};
use super::taking::{Author, NOBODY};
use super::trip::warnings;
use super::update::CheckedUpdate;
use super::version::Version;
use super::view::{DocumentView, ViewError};

impl Room {
    /// Whether some request waits for `serve`.
    pub fn has_requests(&self) -> bool {
        self.requests.has_open() || self.has_node_questions() || self.has_hearing()
    }

    /// Whether `serve` may take long enough to be kept away from other rooms' tasks.
    pub fn serve_is_heavy(&self) -> bool {
        self.document().size() > SMALL_DOCUMENT && !self.requests.next_is_light() || self.requests.next_is_heavy()
    }

    /// Does one request. Apart from `turn` because it may be dear.
    pub fn serve(&mut self, admission: Admission) -> Effects {
        let mut effects = Effects::default();
        let Some(request) = self.requests.pop() else {
            if self.has_node_questions() {
                self.compare_with_node(&mut effects);
            } else if self.has_hearing() {
                self.hold_hearing(&mut effects);
            }
            return effects;
        };
        let answer = match request.ask {
            Ask::View => Ok(Some(Answer::View(self.look()))),
            Ask::State(known) => Ok(Some(Answer::State(self.state(&known)))),
            Ask::Apply { .. }
            | Ask::Patch { .. }
            | Ask::Undo { .. }
            | Ask::Suggest { .. }
            | Ask::Decide { .. }
            | Ask::Post { .. }
            | Ask::NoteRole { .. }
            | Ask::Output { .. }
                if admission == Admission::ReadOnly =>
            {
                self.note_read_only(&mut effects);
                Err(RequestRefusal::ReadOnly)
            }
            Ask::Post { by, post } => {
                self.post(request.id, &by, *post, &mut effects);
                Ok(None)
            }
            Ask::NoteRole { by, changed } => {
                self.keep(Some(request.id), None, &Event::MemberRole(changed), &by, &mut effects);
                Ok(None)
            }
            Ask::Settled => Ok(self.save(request.id)),
            Ask::Output { by, output } => self.output_grows(request.id, &by, *output, &mut effects),
            Ask::Status { by, status } => self.guest_says(&by, *status, &mut effects).map(Some),
            Ask::Apply { by, writes, update } => self.take_update(request.id, &by, writes, update, &mut effects),
            Ask::Preview { writes, patch } => self.preview(writes, &patch).map(Some),
            Ask::Patch { by, writes, patch, if_match, once } => {
                self.patch_once(request.id, (&by, writes), &patch, (if_match, once), &mut effects)
            }
            Ask::Suggest { by, patch, operations, if_match } => self
                .expect_version(if_match)
                .and_then(|()| self.suggest(request.id, &by, &patch, operations, &mut effects)),
            Ask::Decide { by, suggestion, decision } => {
                self.decide(request.id, &by, &suggestion, &decision, &mut effects)
            }
            Ask::Undo { by, run, records } => self.undo(request.id, &by, &run, records, &mut effects),
        };
        match answer {
            Ok(Some(answer)) => effects.answers.push((request.id, answer)),
            Ok(None) => {}
            Err(refusal) => effects.answers.push((request.id, Answer::Refused(refusal))),
        }
        effects
    }

    /// The document as JSON, read once and kept until it changes.
    pub(super) fn view(&mut self) -> Result<Arc<DocumentView>, ViewError> {
        if let Some(view) = &self.view {
            return Ok(Arc::clone(view));
        }
        let view = Arc::new(self.document().view(&self.view_limits)?);
        self.view = Some(Arc::clone(&view));
        Ok(view)
    }

    fn look(&mut self) -> RoomView {
        let document = self.view();
        let version = self.version();
        let (present, agents, last_event) = (self.who_is_here(), self.agents_now(), self.last_event());
        RoomView { version, document, present, agents, last_event }
    }

    /// Everybody who is here, whatever they say of themselves, by way of whichever node.
    pub(super) fn who_is_here(&self) -> Vec<Present> {
        let mut present = self.connected_here();
        for there in self.connected_elsewhere() {
            match present.binary_search_by(|here| here.principal.id.cmp(&there.principal.id)) {
                Ok(at) => present[at].connections += there.connections,
                Err(at) => present.insert(at, there.clone()),
            }
        }
        present
    }

    /// Everybody who is connected to this node.
    pub(super) fn connected_here(&self) -> Vec<Present> {
        let mut present: BTreeMap<&PrincipalId, Present> = BTreeMap::new();
        for principal in self.principals() {
            let entry = present
                .entry(&principal.id)
                .or_insert_with(|| Present { principal: Arc::clone(principal), connections: 0 });
            entry.connections += 1;
        }
        present.into_values().collect()
    }

    /// An update in the name of nobody who is connected.
    fn take_update(
        &mut self,
        id: RequestId,
        by: &PrincipalId,
        writes: Writes,
        update: Box<CheckedUpdate>,
        effects: &mut Effects,
    ) -> Result<Option<Answer>, RequestRefusal> {
        if self.unwritten(Author::Visiting(by), writes, &update, UpdateKind::Live).is_some() {
            return Err(RequestRefusal::Forbidden);
        }
        let (client, logged) = (update.sole_client(), effects.log.len());
        let result = self.apply(smallvec![(NOBODY, update, UpdateKind::Live)], effects);
        effects.document_lost = result.is_err();
        if let Some(at) = effects.closes.iter().position(|(connection, _)| *connection == NOBODY) {
            return Err(effects.closes.remove(at).1.into());
        }
        if effects.log.len() > logged {
            self.note_author(Some(by));
        }
        if let Some(client) = client.filter(|id| effects.log.len() > logged && !self.is_written_by_who_is_here(*id)) {
            self.writers.wrote(client, by);
        }
        Ok(self.save(id))
    }

    /// Takes a patch, unless it was taken before.
    fn patch_once(
        &mut self,
        id: RequestId,
        by: (&Principal, Writes),
        patch: &Patch,
        (if_match, once): (Option<Version>, Option<Once>),
        effects: &mut Effects,
    ) -> Result<Option<Answer>, RequestRefusal> {
        if let Some(once) = &once
            && let Some(outcome) = self.done_once(once)
        {
            let outcome = once.is_done(outcome)?;
            return Ok(self.answer_durable(id, Answer::DoneBefore(outcome)));
        }
        self.patch(by, patch, if_match, effects)?;
        if let Some(once) = once {
            let (version, added) = (self.version(), Added::of(patch));
            self.keep_outcome(once, version, added, effects);
        }
        // Last, so that it waits for all that is kept.
        Ok(self.save(id))
    }

    fn patch(
        &mut self,
        (by, writes): (&Principal, Writes),
        patch: &Patch,
        if_match: Option<Version>,
        effects: &mut Effects,
    ) -> Result<(), RequestRefusal> {
        self.expect_version(if_match)?;
        let (document, limits) = (&mut self.document, &self.view_limits);
        // What people do, they take back in their editors.
        let applied = match by.id.kind() {
            PrincipalKind::User => patch.apply(document, writes, limits).map(|update| (update, None)),
            PrincipalKind::Agent => patch.apply_traced(document, writes, limits).map(Option::unzip),
        };
        let (update, trace) = applied.map_err(|failure| {
            effects.document_lost |= matches!(failure, PatchFailure::Poisoned(_));
            RequestRefusal::from(failure)
        })?;
        if let Some(update) = update {
            self.written(&by.id, update, effects);
        }
        if let Some(trace) = trace {
            self.record_edit(by, patch, trace, effects);
        }
        Ok(())
    }

    fn expect_version(&mut self, wanted: Option<Version>) -> Result<(), RequestRefusal> {
        let Some(wanted) = wanted else { return Ok(()) };
        let version = self.version();
        if wanted == version { Ok(()) } else { Err(RequestRefusal::OtherVersion(version)) }
    }

    /// The server has written in somebody's name: it goes to the log and to everybody.
    pub(super) fn written(&mut self, by: &PrincipalId, update: Bytes, effects: &mut Effects) {
        self.changed();
        self.note_author(Some(by));
        self.append();
        self.tell_later(&update);
        self.note_sets(&update, Some(by), effects);
        effects.log.push(update.clone());
        effects.fanouts.push(Fanout { update: update.clone(), authors: smallvec![(NOBODY, update)] });
    }

    /// What a patch would change, and of what it would make the trip warn.
    fn preview(&mut self, writes: Writes, patch: &Patch) -> Result<Answer, RequestRefusal> {
        let preview = patch.preview(&mut self.document, writes, &self.view_limits).map_err(RequestRefusal::from)?;
        let view = self.view()?;
        let before: Map<String, Value> = serde_json::from_slice(&view.json).unwrap_or_default();
        let mut after = before.clone();
        after.extend(preview.roots.clone());
        let raised = warnings::changes(&warnings::find(&before), &warnings::find(&after)).raised;
        Ok(Answer::Preview(view.version, Box::new(preview), raised))
    }

    /// The change is made; its author hears of it when it is durable.
    fn save(&mut self, id: RequestId) -> Option<Answer> {
        let version = self.version();
        self.answer_durable(id, Answer::Saved(version))
    }

    /// Gives an answer when all that was written so far is durable, and all that is kept of it.
    pub(super) fn answer_durable(&mut self, id: RequestId, answer: Answer) -> Option<Answer> {
        if self.is_settled() {
            return Some(answer);
        }
        self.requests.save(self.appended(), self.posting.position(), id, answer);
        None
    }

    pub(super) fn version(&mut self) -> Version {
        let known = self.known_version.or_else(|| self.view.as_ref().map(|view| view.version));
        let version = known.unwrap_or_else(|| self.document().version());
        self.known_version = Some(version);
        version
    }
}
