//! Texts that agents write bit by bit: told as they grow, at most so often, and kept as messages when they are whole. The part
//! of `Room` that gathers them. It must never hold more than a message's text each, nor texts of agents that are gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;

use super::effects::{Audience, Effects};
use super::event::post::{AgentOutput, CHAT_BYTES_MAX, ChatMessage, ChatRole, Done};
use super::event::{Event, Fault, OutputTold, Party};
use super::id::ConnectionId;
use super::kept::EventOrigin;
use super::node::{NodeId, NodeMessage, Recipient};
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
    elsewhere: Option<NodeId>,
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
        let AgentOutput { message, task, offset, chunk, done } = output;
        let name = (by.id.clone(), message);
        let now = self.now;
        let of_agent = self.outputs.open.keys().filter(|(agent, _)| *agent == by.id).count();
        let so_far = self.outputs.open.get(&name).map_or("", |output| &output.text);
        let length = so_far.encode_utf16().count();
        if offset.is_some_and(|offset| offset != length) {
            let fault = Fault::new("output_gap", "A piece of the text before this one was lost.").at("/data/offset");
            let fault = fault.expected(length.to_string()).received(offset.unwrap_or_default().to_string());
            return Err(RequestRefusal::Unfit(Box::new(fault.hint("Send the text again from there on."))));
        }
        if done == Done::Yes && so_far.is_empty() && chunk.is_empty() {
            let fault = Fault::new("invalid_message", "The text is empty.").at("/data/chunk");
            return Err(RequestRefusal::Unfit(Box::new(fault.expected("some text before it is done"))));
        }
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
            elsewhere: None,
        });
        if output.text.len() + chunk.len() > CHAT_BYTES_MAX {
            let fault = Fault::new("message_too_large", "The text is too long.").at("/data/chunk");
            let fault = fault.expected(format!("at most {CHAT_BYTES_MAX} bytes in all"));
            return Err(RequestRefusal::Unfit(Box::new(fault.hint("Say done, and go on with another text."))));
        }
        output.text.push_str(&chunk);
        output.task = task.or(output.task.take());
        (output.grown, output.elsewhere) = (now, None);
        if done == Done::No {
            self.outputs.untold = true;
            self.tell_outputs(now, effects);
            return Ok(Some(Answer::Done));
        }
        let whole = self.outputs.open.remove(&name).expect("it was just there");
        self.tell_output(&name.1, &whole, Done::Yes, effects);
        let message = ChatMessage {
            text: whole.text,
            role: Some(ChatRole::Assistant),
            reply_to: None,
            mentions: Vec::new(),
            attachments: Vec::new(),
            client_id: Some(name.1),
        };
        // A message of the same id that was not streamed is another one.
        let origin = EventOrigin::of(&by.id, "agent.output", message.client_id.as_deref().unwrap_or_default());
        self.keep(Some(id), Some(origin), &Event::ChatMessage(Box::new(message)), by, effects);
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
        self.give_up(|name, output| name.0 == *agent && output.elsewhere.is_none(), effects);
    }

    fn give_up(&mut self, which: impl Fn(&(PrincipalId, String), &Output) -> bool, effects: &mut Effects) {
        let gone: Vec<_> = self.outputs.open.extract_if(.., |name, output| which(name, output)).collect();
        for ((_, message), output) in gone.iter().filter(|(_, output)| output.elsewhere.is_none()) {
            self.tell_output(message, output, Done::Yes, effects);
        }
    }

    /// A node is gone: what grew there grows no more.
    pub(super) fn end_outputs_of(&mut self, node: NodeId, effects: &mut Effects) {
        let of_node = |_: &(PrincipalId, String), output: &mut Output| output.elsewhere == Some(node);
        let ended: Vec<_> = self.outputs.open.extract_if(.., of_node).collect();
        for ((_, message), output) in ended {
            // The other nodes see for themselves.
            effects.events.push((Audience::Everybody, self.output_event(&message, &output, Done::Yes)));
        }
    }

    /// What a listener that has just come is told: the texts so far.
    pub(super) fn tell_outputs_so_far(&mut self, to: ConnectionId, effects: &mut Effects) {
        effects.events.extend(self.outputs_so_far(|_| true).map(|event| (Audience::One(to), event)));
    }

    /// The same for another node that has just opened the room.
    pub(super) fn share_outputs_so_far(&self, node: NodeId, effects: &mut Effects) {
        let own = self.outputs_so_far(|output| output.elsewhere.is_none());
        effects.shares.extend(own.map(|event| (Recipient::One(node), NodeMessage::Output(event))));
    }

    fn outputs_so_far(&self, which: impl Fn(&Output) -> bool) -> impl Iterator<Item = Bytes> {
        let told = self.outputs.open.iter().filter(move |(_, output)| output.told > 0 && which(output));
        told.map(|((_, message), output)| {
            let told = &output.text[..output.told];
            let event = Event::AgentOutput(told_of(message, output, 0, told, Done::No));
            event.encode(self.name.as_ref(), self.wall(), Some(&output.by), None)
        })
    }

    /// Whether some text grows here: the room is needed until it is whole or given up.
    pub fn has_outputs(&self) -> bool {
        self.outputs.open.values().any(|output| output.elsewhere.is_none())
    }

    /// Another node tells of a text, perhaps once more of what is known of it.
    pub(super) fn hear_output(&mut self, now: Instant, from: NodeId, event: Bytes, effects: &mut Effects) {
        let Ok(Told { from: sender, data }) = serde_json::from_slice::<Told>(&event) else { return };
        let Ok(agent) = PrincipalId::parse(&sender.id) else { return };
        let name = (agent, data.message.clone());
        let known = self.outputs.open.get(&name);
        if !data.done && data.offset == 0 && known.is_some_and(|known| known.text.starts_with(&data.chunk)) {
            return;
        }
        if data.done {
            self.outputs.open.remove(&name);
        } else {
            self.note_output(now, from, name, data);
        }
        effects.events.push((Audience::Everybody, event));
    }

    fn note_output(&mut self, now: Instant, from: NodeId, name: (PrincipalId, String), heard: OutputHeard) {
        let by = self.party(&name.0);
        let before = self.outputs.open.remove(&name);
        let fits = self.outputs.open.len() < ROOM_OPEN_MAX;
        // The beginning is also told once more, as far as it goes; whoever missed a piece cannot tell it to anybody.
        let text = match before {
            _ if heard.offset == 0 => heard.chunk,
            Some(before) if before.text.encode_utf16().count() == heard.offset => before.text + &heard.chunk,
            _ => return,
        };
        if fits && text.len() <= CHAT_BYTES_MAX {
            let (told, task) = (text.len(), heard.task);
            self.outputs.open.insert(name, Output { by, task, text, told, grown: now, elsewhere: Some(from) });
        }
    }

    /// When `tell_outputs` or `sweep_outputs` has something to do.
    pub(super) fn next_output(&self) -> Option<Instant> {
        let Outputs { open, told, untold } = &self.outputs;
        let telling = untold.then(|| told.map_or(self.now, |told| told + TELL_EVERY));
        let sweeping = open.values().map(|output| output.grown + ABANDONED_AFTER).min();
        telling.into_iter().chain(sweeping).min()
    }

    fn tell_output(&self, message: &str, output: &Output, done: Done, effects: &mut Effects) {
        let event = self.output_event(message, output, done);
        if self.sharing.is_some() {
            effects.shares.push((Recipient::All, NodeMessage::Output(event.clone())));
        }
        effects.events.push((Audience::Everybody, event));
    }

    /// What is told of a text: that of it which was not told yet.
    fn output_event(&self, message: &str, output: &Output, done: Done) -> Bytes {
        let (before, chunk) = output.text.split_at(output.told);
        let offset = before.encode_utf16().count();
        let event = Event::AgentOutput(told_of(message, output, offset, chunk, done));
        event.encode(self.name.as_ref(), self.wall(), Some(&output.by), None)
    }
}

fn told_of(message: &str, output: &Output, offset: usize, chunk: &str, done: Done) -> OutputTold {
    OutputTold { message: message.to_owned(), task: output.task.clone(), offset, chunk: chunk.to_owned(), done }
}
