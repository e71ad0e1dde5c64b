//! How a room takes updates: who may write what, as few changes as possible, and what follows for the log, for everybody
//! else and for those who wrote. The part of `Room` that changes its document for those who are connected.
//! It must never take a part of what a lesser role may not write, and never call saved what was not taken.

use std::collections::VecDeque;

use bytes::Bytes;
use smallvec::SmallVec;

use super::change::{Finished, Outcome, Poisoned, Refusal, gather};
use super::client::{Debt, Receipt};
use super::document::{COMMENTS, Document};
use super::effects::{Effects, Fanout};
use super::id::ConnectionId;
use super::input::{Input, UpdateKind};
use super::principal::PrincipalId;
use super::role::Writes;
use super::room::Room;
use super::row;
use super::update::CheckedUpdate;
use super::verdict::{Holder, Verdict};
use super::writers::Claim;
use crate::wire::close::CloseReason;
use crate::wire::{ServerMessage, SyncStatus};

/// The author of what no connection wrote.
pub(super) const NOBODY: ConnectionId = ConnectionId(0);

pub(super) type Said = (ConnectionId, Box<CheckedUpdate>, UpdateKind);

impl Room {
    /// Applies updates in as few changes as possible. On `Poisoned`, what was not applied is back in `inputs`.
    pub(super) fn take_updates(
        &mut self,
        mut updates: VecDeque<Said>,
        inputs: &mut VecDeque<Input>,
        effects: &mut Effects,
    ) -> Result<(), Poisoned> {
        while let Some(first) = updates.pop_front() {
            // Nothing is taken behind what its sender is closed for.
            if effects.closes.iter().any(|(closed, _)| *closed == first.0) {
                continue;
            }
            let author = Author::Connected(first.0);
            if let Some(why) = self.unwritten(author, self.writes_of(first.0), &first.1, first.2) {
                self.refuse_update(first.0, first.2, why, effects);
                continue;
            }
            // Nobody is refused on an estimate.
            let mut outlook = self.document.outlook();
            if !outlook.with(&first.1) && self.document.is_estimated() {
                self.document.measure();
                outlook = self.document.outlook();
                outlook.with(&first.1);
            }
            let together = self.goes_with_others(&first) && self.suspects == 0;
            let mut group: SmallVec<[Said; 1]> = smallvec::smallvec![first];
            while together
                && let Some(next) = updates.front()
                && self.goes_with_others(next)
                && outlook.with(&next.1)
            {
                group.extend(updates.pop_front());
            }
            self.suspects = self.suspects.saturating_sub(1);
            if let Err(back) = self.apply(group, effects) {
                self.suspects = back.len();
                let rest = updates.into_iter().map(|(from, update, kind)| Input::Update { from, update, kind });
                for input in back.into_iter().chain(rest).rev().collect::<Vec<_>>() {
                    inputs.push_front(input);
                }
                return Err(Poisoned);
            }
        }
        Ok(())
    }

    /// Whether an update may be applied together with others. One that is looked at more closely is applied alone,
    /// so that the document is as it was when it was looked at.
    fn goes_with_others(&self, (from, _, kind): &Said) -> bool {
        *kind == UpdateKind::Live && self.writes_of(*from) == Writes::Everything
    }

    /// What a connection may write; one that is gone wrote what it sent while it was there.
    fn writes_of(&self, connection: ConnectionId) -> Writes {
        self.clients.get(&connection).map_or(Writes::Everything, |client| client.writes)
    }

    /// Applies a group of updates as one change. When that breaks the document, a single update is the culprit and
    /// its sender is closed; of several, all come back to be tried one by one.
    pub(super) fn apply(&mut self, group: SmallVec<[Said; 1]>, effects: &mut Effects) -> Result<(), Vec<Input>> {
        let senders: SmallVec<[(ConnectionId, Bytes, UpdateKind); 1]> =
            group.iter().map(|(from, update, kind)| (*from, update.raw.clone(), *kind)).collect();
        let mut applied = Applied::default();
        match apply_all(&mut self.document, group, &mut applied) {
            Ok(finished) => {
                self.note(applied, finished, effects);
                Ok(())
            }
            Err(Poisoned) if senders.len() == 1 => {
                effects.closes.push((senders[0].0, CloseReason::Malformed));
                Err(Vec::new())
            }
            Err(Poisoned) => Err(senders.into_iter().map(again).collect()),
        }
    }

    fn note(&mut self, mut applied: Applied, finished: Finished, effects: &mut Effects) {
        if let Finished { update: Some(update), partial: true, .. } = &finished {
            // Of a refused update something is in the document: everybody hears of it, and so does the log.
            let sender = applied.refused.first().map_or(NOBODY, |(sender, _)| *sender);
            applied.authors.push((sender, update.clone()));
            self.note_author(None);
        }
        // What one author wrote in one turn comes back to it as the one update that it became for all.
        let sole = match (&applied.authors[..], &finished.update) {
            ([(first, _), rest @ ..], Some(update))
                if applied.orphans.is_empty() && rest.iter().all(|(author, _)| author == first) =>
            {
                Some((*first, update.clone()))
            }
            _ => None,
        };
        self.log(&applied, effects);
        for (from, raw) in applied.authors.iter().chain(&applied.orphans) {
            self.tell_later(raw);
            if sole.is_none() && self.hears_echoes(*from) {
                self.durability.echo(self.now, *from, raw.clone());
            }
        }
        if let Some((author, update)) = sole
            && self.hears_echoes(author)
        {
            self.durability.echo(self.now, author, update);
        }
        for (from, kind, brought) in std::mem::take(&mut applied.taken) {
            if let Brought::News(writer) = brought {
                self.note_writer(from, writer);
            }
            self.acknowledge(from, kind, effects);
        }
        if let Some(update) = finished.update {
            self.changed();
            for (from, raw) in &applied.authors {
                let by = self.clients.get(from).map(|client| client.principal.id.clone());
                self.note_sets(raw, by.as_ref(), effects);
            }
            effects.fanouts.push(Fanout { update, authors: applied.authors });
        }
        for (from, raw) in applied.orphans {
            effects.fanouts.push(Fanout { update: raw.clone(), authors: smallvec::smallvec![(from, raw)] });
            let asked = |(to, message): &(ConnectionId, ServerMessage)| {
                *to == from && matches!(message, ServerMessage::Step1(_))
            };
            if !effects.replies.iter().any(asked) {
                effects.replies.push((from, ServerMessage::Step1(self.document.state_vector())));
                if let Some(client) = self.clients.get_mut(&from) {
                    client.asked();
                }
            }
        }
        effects.closes.extend(applied.refused);
    }

    /// Somebody wrote, under this client id if it is one.
    fn note_writer(&mut self, from: ConnectionId, writer: Option<u64>) {
        let by = self.clients.get(&from).map(|client| client.principal.id.clone());
        self.note_author(by.as_ref());
        if let (Some(by), Some(writer)) = (by, writer)
            && !self.is_written_by_who_is_here(writer)
        {
            self.writers.wrote(writer, &by);
        }
    }

    /// Gives the log all that was taken: what is said of it hereafter waits for the last row of it.
    fn log(&mut self, applied: &Applied, effects: &mut Effects) {
        let whole = row::rows(applied.authors.iter().map(|(_, raw)| raw));
        let waiting = applied.orphans.iter().map(|(_, raw)| raw.clone());
        for row in whole.into_iter().chain(waiting) {
            effects.log.push(row);
            self.durability.append();
        }
    }

    /// Whether somebody is here under a client id under which they wrote: whoever else brings something that was written
    /// under it passes it on, or forges it.
    pub(super) fn is_written_by_who_is_here(&self, id: u64) -> bool {
        let here = self.presence.speaker_of(id).and_then(|speaker| self.clients.get(&speaker));
        here.is_some_and(|client| self.writers.owner(id) == Some((&client.principal.id, Claim::Wrote)))
    }

    fn hears_echoes(&self, connection: ConnectionId) -> bool {
        self.clients.get(&connection).is_some_and(|client| client.receipt == Receipt::Echo)
    }

    /// An update is not taken, and its sender is told so once, or each time when it counts.
    pub(super) fn refuse_update(
        &mut self,
        from: ConnectionId,
        kind: UpdateKind,
        why: Unwritten,
        effects: &mut Effects,
    ) {
        let Some(client) = self.clients.get_mut(&from) else { return };
        let debt = if why == Unwritten::ForNow { Debt::ForNow } else { Debt::Forbidden };
        let known = std::mem::replace(&mut client.debt, debt);
        match client.receipt {
            Receipt::Echo if known != debt => effects.replies.push((from, ServerMessage::Denied(why.text()))),
            Receipt::Echo | Receipt::Events => {}
            Receipt::Status => {
                if client.status(kind) == Some(SyncStatus::Saved) {
                    client.refuse();
                }
                effects.replies.push((from, ServerMessage::SyncStatus(SyncStatus::Refused)));
            }
        }
    }

    /// Whether the sender of an update may write it. What it says is in the document already is no write.
    pub(super) fn unwritten(
        &mut self,
        author: Author<'_>,
        writes: Writes,
        update: &CheckedUpdate,
        kind: UpdateKind,
    ) -> Option<Unwritten> {
        match writes {
            Writes::Everything => None,
            // An answer carries all that its client ever deleted or saw deleted.
            Writes::Nothing if kind == UpdateKind::Answer && self.document.brings_nothing(update) => None,
            Writes::Nothing => Some(Unwritten::ReadOnly),
            Writes::Comments => {
                let (known, presence) = (&self.writers, &self.presence);
                let principal_of = |id| self.clients.get(&id).map(|client| &client.principal.id);
                let by = match author {
                    Author::Connected(id) => principal_of(id),
                    Author::Visiting(principal) => Some(principal),
                };
                let is_author = |speaker| match author {
                    Author::Connected(id) => speaker == id,
                    Author::Visiting(_) => principal_of(speaker) == by,
                };
                let holder = |id| match (known.owner(id), presence.speaker_of(id)) {
                    (Some((owner, Claim::Wrote)), _) if Some(owner) == by => Holder::Writer,
                    (Some((owner, _)), _) if Some(owner) != by => Holder::Other,
                    (_, Some(speaker)) if !is_author(speaker) => Holder::Other,
                    _ => Holder::Nobody,
                };
                let verdict = self.document.only_touches(update, COMMENTS, holder);
                (verdict != Verdict::Inside).then_some(Unwritten::OnlyComments)
            }
        }
    }

    /// The update was taken, or said nothing new: its sender hears of it when all of it is durable.
    fn acknowledge(&mut self, from: ConnectionId, kind: UpdateKind, effects: &mut Effects) {
        let Some(client) = self.clients.get_mut(&from).filter(|client| !client.refused) else { return };
        let status = client.status(kind);
        if status == Some(SyncStatus::Refused) {
            effects.replies.push((from, ServerMessage::SyncStatus(SyncStatus::Refused)));
        }
        let mut count = u32::from(status == Some(SyncStatus::Saved));
        let mut probe = None;
        if kind == UpdateKind::Answer && client.debt == Debt::Asked {
            client.debt = Debt::None;
            count += client.take_refused();
            probe = client.probe.take();
        }
        let statuses = self.durability.statuses(from, count);
        effects.replies.extend(statuses.into_iter().map(|message| (from, message)));
        let probe = probe.and_then(|probe| self.durability.probe(from, *probe));
        effects.replies.extend(probe.map(|message| (from, message)));
    }
}

/// Who sent an update.
#[derive(Debug, Clone, Copy)]
pub(super) enum Author<'a> {
    Connected(ConnectionId),
    /// Somebody without a connection, over REST.
    Visiting(&'a PrincipalId),
}

/// What became of the updates of one change.
#[derive(Default)]
struct Applied {
    authors: SmallVec<[(ConnectionId, Bytes); 1]>,
    orphans: Vec<(ConnectionId, Bytes)>,
    refused: Vec<(ConnectionId, CloseReason)>,
    /// Whose updates were not refused, one by one, and what each brought.
    taken: SmallVec<[(ConnectionId, UpdateKind, Brought); 1]>,
}

/// What an update that was taken has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brought {
    /// All of it was known: anybody can repeat what somebody else wrote.
    Nothing,
    /// Something, written under this client id if it is one.
    News(Option<u64>),
}

/// Why an update is not taken although there is nothing wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// Too much is unsaved.
    ForNow,
    /// Its sender may write nothing.
    ReadOnly,
    /// Its sender may write comments, and this is something else.
    OnlyComments,
}

impl Unwritten {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::ForNow => "changes cannot be saved at the moment; they are asked for again when they can",
            Self::ReadOnly => "read-only: changes are not taken",
            Self::OnlyComments => "only comments are taken",
        }
    }
}

fn apply_all(document: &mut Document, group: SmallVec<[Said; 1]>, applied: &mut Applied) -> Result<Finished, Poisoned> {
    let mut change = document.change();
    let mut rest = group.into_iter();
    loop {
        let together: SmallVec<[Said; 1]> = rest.by_ref().take(gather::MOST).collect();
        if together.is_empty() {
            return change.finish();
        }
        let at_once = change.apply_at_once(together.iter().map(|(_, update, _)| &**update))?;
        for (from, update, kind) in together {
            let raw = update.raw.clone();
            let mut brought = Brought::News(update.sole_client());
            match if at_once { Outcome::Applied } else { change.apply(*update, from.0)? } {
                Outcome::Applied => applied.authors.push((from, raw)),
                Outcome::Orphaned => applied.orphans.push((from, raw)),
                Outcome::Refused(refusal) => {
                    applied.refused.push((from, refusal.into()));
                    continue;
                }
                Outcome::Known => brought = Brought::Nothing,
            }
            applied.taken.push((from, kind, brought));
        }
    }
}

/// An update to be tried once more.
fn again((from, raw, kind): (ConnectionId, Bytes, UpdateKind)) -> Input {
    let update = CheckedUpdate::parse_stored(raw).expect("it was parsed when it came");
    Input::Update { from, update: Box::new(update), kind }
}

impl From<Refusal> for CloseReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge => Self::TooLarge,
            Refusal::TooDeep | Refusal::TooManyOrphans | Refusal::Impossible | Refusal::Unsound => Self::Malformed,
        }
    }
}
