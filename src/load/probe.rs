//! One client apart from any crowd, which takes what it hears as bytes: for the check after a run, and for scenarios that are about
//! single clients. It is not measured to the last microsecond, and may build documents.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use humantime::format_duration;
use yrs::updates::decoder::Decode;
use yrs::{ClientID, Doc, Options, Transact, Update};

use super::client::known::Known;
use super::client::outgoing::Outgoing;
use super::client::socket::{self, Closed, ConnectError, Incoming, Message};
use super::client::{self, Dialect, Heard, Say, events};
use super::decoded::Kind;
use super::target::{Address, Target};

/// Why a probe has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// See there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// See there.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// What came is no message of the protocol, or no update.
    #[error("the server says something that cannot be read: {0}")]
    Unreadable(String),
    /// The server refuses.
    #[error("the server refuses: {0}")]
    Denied(String),
    /// It does not come.
    #[error("the document has not come after {}", format_duration(*.0))]
    TooSlow(Duration),
}

/// A client.
#[derive(Debug)]
pub struct Probe {
    incoming: Incoming,
    voice: Rc<Voice>,
    /// What the server lacks of what this client has, if it should ask: an update.
    own: Vec<u8>,
    /// What others have heard who are to hear the same.
    known: Rc<Known>,
    /// See [`Target::patience`].
    patience: Duration,
}

/// Its speaking side, which others may hold while it listens.
#[derive(Debug)]
pub struct Voice {
    outgoing: Rc<Outgoing>,
    dialect: Dialect,
}

impl Voice {
    /// Sends a message; nothing, where the protocol does not have it.
    pub fn say(&self, say: Say<'_>) -> Result<(), ProbeError> {
        let Some(message) = self.dialect.message(say) else { return Ok(()) };
        Ok(self.outgoing.send_binary(&message)?)
    }

    /// Sends a text, on a JSON socket.
    pub fn say_json(&self, json: &str) -> Result<(), ProbeError> {
        Ok(self.outgoing.send_text(json.as_bytes())?)
    }

    /// Whether what a server refuses is one thing that was said, and not the connection.
    pub fn outlives_refusals(&self) -> bool {
        matches!(self.dialect, Dialect::Events)
    }

    /// Says goodbye.
    pub fn close(&self) {
        self.outgoing.close();
    }
}

/// What one read has brought: updates, and whether the state was among them.
#[derive(Debug, Default)]
pub struct Brought {
    /// Each an update, in order.
    pub updates: Vec<Bytes>,
    /// Each an awareness update, in order.
    pub presences: Vec<Bytes>,
    /// How many bytes were read.
    pub bytes: usize,
    /// Whether a state was there: the answer to the client's question, or one that heals what was dropped.
    pub has_state: bool,
}

impl Brought {
    /// What it all is: around a state a server may say again what it has said.
    pub fn kind(&self) -> Kind {
        if self.has_state { Kind::State } else { Kind::Update }
    }
}

impl Probe {
    /// Connects to a room and asks for everything. `own` is an update of what the client has already.
    pub async fn open(target: &Target, room: &str, client: usize, own: Vec<u8>) -> Result<Self, ProbeError> {
        let address = client::locate(target, room, client).await?;
        Self::open_at(&address, Dialect::of(target, room), own).await
    }

    /// The same at an address.
    pub async fn open_at(address: &Address, dialect: Dialect, own: Vec<u8>) -> Result<Self, ProbeError> {
        let (incoming, outgoing) = socket::connect(address).await?;
        for message in dialect.opening(&[0]) {
            outgoing.send_binary(&message)?;
        }
        let voice = Rc::new(Voice { outgoing, dialect });
        Ok(Self { incoming, voice, own, known: Rc::default(), patience: address.patience })
    }

    /// It may hear what others have heard who share this, and costs less then.
    pub fn share(mut self, known: &Rc<Known>) -> Self {
        self.incoming.share(Rc::clone(known));
        self.known = Rc::clone(known);
        self
    }

    /// Its speaking side.
    pub fn voice(&self) -> Rc<Voice> {
        Rc::clone(&self.voice)
    }

    /// Waits for something to come.
    pub async fn next(&mut self) -> Result<Brought, ProbeError> {
        let mut brought = Brought::default();
        let mut failed = None;
        let (voice, own, known) = (&self.voice, &self.own, &self.known);
        let read = self.incoming.read(|message| {
            let (Message::Binary(bytes) | Message::Text(bytes)) = message;
            match voice.dialect.hear(bytes) {
                // A socket that fails is noticed by the next read.
                Ok(Heard::Asks(_)) => drop(voice.say(Say::State(own))),
                Ok(Heard::State(update)) => {
                    brought.has_state = true;
                    brought.updates.push(known.part(update));
                }
                Ok(Heard::Update(update)) => brought.updates.push(known.part(update)),
                Ok(Heard::Denied(reason)) => failed = Some(ProbeError::Denied(reason.to_owned())),
                Ok(Heard::Event(json)) => {
                    failed = events::refusal(json).map(ProbeError::Denied).or_else(|| failed.take());
                }
                Ok(Heard::Presence(presence)) => brought.presences.push(Bytes::copy_from_slice(presence)),
                Ok(Heard::Saved | Heard::Nothing) => {}
                Err(error) => failed = Some(ProbeError::Unreadable(error.to_string())),
            }
        });
        brought.bytes = read.await?;
        failed.map_or(Ok(brought), Err)
    }

    /// Waits until the document is there, or what the server says first that is enough.
    pub async fn state(&mut self) -> Result<Brought, ProbeError> {
        let (mut all, patience) = (Brought::default(), self.patience);
        let waiting = async {
            while !all.has_state {
                let brought = self.next().await?;
                all.updates.extend(brought.updates);
                all.presences.extend(brought.presences);
                all.bytes += brought.bytes;
                all.has_state = brought.has_state;
            }
            Ok(all)
        };
        tokio::time::timeout(patience, waiting).await.map_err(|_| ProbeError::TooSlow(patience))?
    }

    /// Says goodbye.
    pub fn close(self) {
        self.voice.close();
    }
}

/// A document that counts as browsers do.
pub fn document(client: u64) -> Doc {
    Doc::with_options(Options { offset_kind: yrs::OffsetKind::Utf16, ..Options::with_client_id(ClientID::new(client)) })
}

/// Puts updates into a document.
pub fn apply(doc: &Doc, updates: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<(), ProbeError> {
    let unreadable = |error: &dyn std::fmt::Display| ProbeError::Unreadable(error.to_string());
    let mut txn = doc.transact_mut();
    for update in updates {
        let update = Update::decode_v1(update.as_ref()).map_err(|error| unreadable(&error))?;
        txn.apply_update(update).map_err(|error| unreadable(&error))?;
    }
    Ok(())
}
