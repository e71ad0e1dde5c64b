//! Texts that agents write bit by bit: told as they grow, at most so often, and kept as messages when they are whole. The part
//! of `Room` that gathers them. It must never hold more than a message's text each, nor texts of agents that are gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;

use super::effects::{Audience, Effects};
use super::event::post::{AgentOutput, CHAT_BYTES_MAX, ChatMessage, ChatRole, Done, Post};
use super::event::{Event, Fault, OutputTold, Party};
use super::id::ConnectionId;
use super::node::{NodeMessage, Recipient};
use super::principal::{Principal, PrincipalId};
use super::request::{Answer, RequestId, RequestRefusal};
use super::room::Room;

/// Chunks are told at most so often: those that come in between, as one.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// A text that does not grow for so long is given up.
const ABANDONED_AFTER: Duration = Duration::from_mins(5);
/// The most texts of one agent, and of a room, that are not whole.
const OPEN_MAX: usize = 8;
const ROOM_OPEN_MAX: usize = 256;

/// See the module. Owned by `Room`.
#[derive(Default)]
pub(super) struct Outputs {
    open: BTreeMap<(PrincipalId, String), Output>,
    told: Option<Instant>,
    /// There is something that was not told.
    untold: bool,
}

struct Output {
    by: Party,
    task: Option<String>,
    text: String,
    /// Bytes of it that were told.
    told: usize,
    grown: Instant,
    /// It grows on another node, which tells others.
    elsewhere: bool,
}

/// What another node tells, as far as it is looked at.
#[derive(Deserialize)]
struct Told {
    from: Sender,
    data: OutputHeard,
}

#[derive(Deserialize)]
struct Sender {
    id: String,
}

#[derive(Deserialize)]
struct OutputHeard {
    message: String,
    #[serde(default)]
    task: Option<String>,
    offset: usize,
    chunk: String,
    done: bool,
}

impl Room {
    /// An agent's text grows. The answer comes at once, or when it is whole and the message is durable.
    pub(super) fn output_grows(
        &mut self,
        id: RequestId,
        by: &Principal,
        output: AgentOutput,
        effects: &mut Effects,
    ) -> Result<Option<Answer>, RequestRefusal> {
        let AgentOutput { message, task, chunk, done } = output;
        let name = (by.id.clone(), message);
        let now = self.now;
        let of_agent = self.outputs.open.keys().filter(|(agent, _)| *agent == by.id).count();
        let is_new = !self.outputs.open.contains_key(&name);
        if is_new && (of_agent >= OPEN_MAX || self.outputs.open.len() >= ROOM_OPEN_MAX) {
            let fault = Fault::new("too_many_outputs", format!("More than {OPEN_MAX} texts are not whole."));
            return Err(RequestRefusal::Unfit(Box::new(fault.hint("Say done of one before you begin another."))));
        }
        let output = self.outputs.open.entry(name.clone()).or_insert_with(|| Output {
            by: Party::from(by),
            task: None,
            text: String::new(),
            told: 0,
            grown: now,
            elsewhere: false,
        });
        if output.text.len() + chunk.len() > CHAT_BYTES_MAX {
            let fault = Fault::new("message_too_large", "The text is too long.").at("/data/chunk");
            let fault = fault.expected(format!("at most {CHAT_BYTES_MAX} bytes in all"));
            return Err(RequestRefusal::Unfit(Box::new(fault.hint("Say done, and go on with another text."))));
        }
        output.text.push_str(&chunk);
        output.task = task.or(output.task.take());
        (output.grown, output.elsewhere) = (now, false);
        if done == Done::No {
            self.outputs.untold = true;
            self.tell_outputs(now, effects);
            return Ok(Some(Answer::Done));
        }
        let whole = self.outputs.open.remove(&name).expect("it was just there");
        self.tell_output(&name.1, &whole, Done::Yes, effects);
        if whole.text.is_empty() {
            return Ok(Some(Answer::Done));
        }
        let message = ChatMessage {
            text: whole.text,
            role: Some(ChatRole::Assistant),
            reply_to: None,
            mentions: Vec::new(),
            attachments: Vec::new(),
            client_id: Some(name.1),
        };
        self.post(id, by, Post::Chat(Box::new(message)), effects);
        Ok(None)
    }

    /// Tells of what grew, if it is time.
    pub(super) fn tell_outputs(&mut self, now: Instant, effects: &mut Effects) {
        if !self.outputs.untold || self.outputs.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return;
        }
        (self.outputs.untold, self.outputs.told) = (false, Some(now));
        let mut open = std::mem::take(&mut self.outputs.open);
        for ((_, message), output) in open.iter_mut().filter(|(_, output)| output.told < output.text.len()) {
            self.tell_output(message, output, Done::No, effects);
            output.told = output.text.len();
        }
        self.outputs.open = open;
    }

    /// Gives up what does not grow any more.
    pub(super) fn sweep_outputs(&mut self, now: Instant, effects: &mut Effects) {
        let old = |output: &Output| now.duration_since(output.grown) >= ABANDONED_AFTER;
        self.give_up(|_, output| old(output), effects);
    }

    /// An agent is gone: so are its texts that are not whole.
    pub(super) fn forget_outputs(&mut self, agent: &PrincipalId, effects: &mut Effects) {
        self.give_up(|name, output| name.0 == *agent && !output.elsewhere, effects);
    }

    fn give_up(&mut self, which: impl Fn(&(PrincipalId, String), &Output) -> bool, effects: &mut Effects) {
        let gone: Vec<_> = self.outputs.open.extract_if(.., |name, output| which(name, output)).collect();
        for ((_, message), output) in gone.iter().filter(|(_, output)| !output.elsewhere) {
            self.tell_output(message, output, Done::Yes, effects);
        }
    }

    /// What a listener that has just come is told: the texts so far.
    pub(super) fn tell_outputs_so_far(&mut self, to: ConnectionId, effects: &mut Effects) {
        for ((_, message), output) in &self.outputs.open {
            let told = &output.text[..output.told];
            let event = Event::AgentOutput(told_of(message, output, 0, told, Done::No));
            let event = event.encode(self.name.as_ref(), self.wall(), Some(&output.by), None);
            effects.events.push((Audience::One(to), event));
        }
    }

    /// Another node tells of a text.
    pub(super) fn hear_output(&mut self, now: Instant, event: Bytes, effects: &mut Effects) {
        let Ok(Told { from, data }) = serde_json::from_slice::<Told>(&event) else { return };
        let Ok(agent) = PrincipalId::parse(&from.id) else { return };
        let name = (agent, data.message);
        if data.done {
            self.outputs.open.remove(&name);
        } else {
            let by = self.party(&name.0);
            let fits = self.outputs.open.len() < ROOM_OPEN_MAX;
            let open = match self.outputs.open.get_mut(&name) {
                Some(open) => Some(open),
                // Whoever missed the beginning cannot tell it to anybody.
                None if data.offset == 0 && fits => Some(self.outputs.open.entry(name).or_insert(Output {
                    by,
                    task: data.task,
                    text: String::new(),
                    told: 0,
                    grown: now,
                    elsewhere: true,
                })),
                None => None,
            };
            if let Some(open) = open.filter(|open| open.text.len() + data.chunk.len() <= CHAT_BYTES_MAX) {
                open.text.push_str(&data.chunk);
                (open.told, open.grown) = (open.text.len(), now);
            }
        }
        effects.events.push((Audience::Everybody, event));
    }

    /// When `tell_outputs` or `sweep_outputs` has something to do.
    pub(super) fn next_output(&self) -> Option<Instant> {
        let Outputs { open, told, untold } = &self.outputs;
        let telling = untold.then(|| told.map_or(self.now, |told| told + TELL_EVERY));
        let sweeping = open.values().map(|output| output.grown + ABANDONED_AFTER).min();
        telling.into_iter().chain(sweeping).min()
    }

    fn tell_output(&self, message: &str, output: &Output, done: Done, effects: &mut Effects) {
        let (before, chunk) = output.text.split_at(output.told);
        let offset = before.encode_utf16().count();
        let event = Event::AgentOutput(told_of(message, output, offset, chunk, done));
        let event = event.encode(self.name.as_ref(), self.wall(), Some(&output.by), None);
        if self.sharing.is_some() {
            effects.shares.push((Recipient::All, NodeMessage::Output(event.clone())));
        }
        effects.events.push((Audience::Everybody, event));
    }
}

fn told_of(message: &str, output: &Output, offset: usize, chunk: &str, done: Done) -> OutputTold {
    OutputTold { message: message.to_owned(), task: output.task.clone(), offset, chunk: chunk.to_owned(), done }
}
