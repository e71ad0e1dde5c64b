//! One client of a session: a Yjs document of its own, what is on its way to it and from it, and what it was promised.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use fastrand::Rng;
use triproom::room::client::{Arrival, Receipt};
use triproom::room::id::ConnectionId;
use triproom::room::input::{Input, UpdateKind};
use triproom::room::principal::{Principal, PrincipalId};
use triproom::room::role::Writes;
use triproom::room::update::CheckedUpdate;
use triproom::wire::{ServerMessage, SyncStatus};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{
    Array, ClientID, Doc, GetString, Map, MapPrelim, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update,
    WriteTxn,
};

/// So many messages may wait for a client before its outbox overflows.
const OUTBOX: usize = 4;

pub struct Client {
    pub doc: Doc,
    pub connection: Option<Connection>,
    /// A state that the server said is on disk.
    pub promised: StateVector,
    probes: u8,
    receipt: Receipt,
    /// Updates with holes before them. npm clients hold those back; the library of these clients would not.
    waiting: Vec<Bytes>,
}

/// One life of a connection.
pub struct Connection {
    pub id: ConnectionId,
    pub up: VecDeque<Input>,
    down: VecDeque<ServerMessage>,
    /// The outbox overflowed; healing begins when it is empty.
    stale: bool,
    /// What the client had when its outbox was last seen empty.
    base: Bytes,
    /// It was asked for what it has and has answered: from here on the server was sent all of it.
    answered: bool,
    /// What each probe under way stands for.
    probed: VecDeque<(u8, StateVector)>,
    /// A Hocuspocus client's count of what is not known to be saved; version 2 of it does not stop at zero.
    unsaved: Option<i32>,
}

impl Client {
    pub fn new(id: u64, receipt: Receipt) -> Self {
        let mut options = Options::with_client_id(ClientID::new(id));
        options.offset_kind = OffsetKind::Utf16;
        options.cleanup_formatting = false;
        Self {
            doc: Doc::with_options(options),
            connection: None,
            promised: StateVector::default(),
            probes: 0,
            receipt,
            waiting: Vec::new(),
        }
    }

    pub fn connect(&mut self, id: ConnectionId) {
        let known = self.vector();
        let principal = Arc::new(Principal::new(PrincipalId::user("ada").expect("an id"), None));
        let arrival =
            Arrival { connection: id, principal, writes: Writes::Everything, receipt: self.receipt, greeting: None };
        let up = VecDeque::from([Input::Join(arrival), Input::Step1 { from: id, known: known.clone() }]);
        let connection = Connection {
            id,
            up,
            down: VecDeque::new(),
            stale: false,
            base: known,
            answered: false,
            probed: VecDeque::new(),
            unsaved: (self.receipt == Receipt::Status).then_some(1),
        };
        self.connection = Some(connection);
    }

    pub fn edit(&mut self, random: &mut Rng) {
        let update = {
            let mut txn = self.doc.transact_mut();
            edit(random, &mut txn);
            txn.has_changes().then(|| txn.encode_update_v1())
        };
        if let (Some(update), Some(connection)) = (update, &mut self.connection) {
            connection.say(update.into(), UpdateKind::Live);
        }
    }

    /// Begins the synchronisation anew, as a Hocuspocus client does when it is told to.
    pub fn begin_anew(&mut self) {
        let known = self.vector();
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.unsaved == Some(0)) else {
            return;
        };
        // With something under way the count could not be right, whatever the server does.
        if connection.down.is_empty() && connection.up.is_empty() {
            connection.unsaved = Some(1);
            connection.up.push_back(Input::Step1 { from: connection.id, known });
        }
    }

    /// Asks to be told when all so far is on disk.
    pub fn probe(&mut self) {
        let vector = self.doc.transact().state_vector();
        let Some(connection) =
            self.connection.as_mut().filter(|connection| connection.answered && connection.unsaved.is_none())
        else {
            return;
        };
        self.probes = self.probes.wrapping_add(1) & 0x7f;
        connection.probed.push_back((self.probes, vector));
        let probe = Bytes::copy_from_slice(&[102, 1, self.probes]);
        connection.up.push_back(Input::Probe { from: connection.id, probe });
    }

    /// The server says something; a full outbox drops all document messages, as the real one does.
    pub fn send(&mut self, message: ServerMessage) {
        let Some(connection) = &mut self.connection else { return };
        let is_control =
            |message: &ServerMessage| matches!(message, ServerMessage::Probe(_) | ServerMessage::SyncStatus(_));
        if is_control(&message) {
            connection.down.push_back(message);
        } else if !connection.stale {
            connection.down.push_back(message);
            if connection.down.len() > OUTBOX {
                connection.stale = true;
                connection.down.retain(is_control);
            }
        }
    }

    /// The answer to a stale connection's question, or to a Step1: never dropped, the outbox is empty then.
    pub fn answer(&mut self, messages: Vec<ServerMessage>) {
        let Some(connection) = &mut self.connection else { return };
        connection.stale = false;
        connection.down.extend(messages);
    }

    /// The client reads one message, if there is one.
    pub fn read(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let Some(message) = connection.down.pop_front() else {
            if connection.stale {
                connection.up.push_back(Input::Heal { to: connection.id, known: connection.base.clone() });
            } else {
                connection.base = self.doc.transact().state_vector().encode_v1().into();
            }
            return;
        };
        match message {
            ServerMessage::Step2(update) | ServerMessage::Update(update) => {
                self.waiting.push(update);
                self.integrate();
            }
            ServerMessage::Step1(vector) => {
                let vector = StateVector::decode_v1(&vector).expect("a valid state vector");
                let update = self.doc.transact().encode_state_as_update_v1(&vector);
                connection.say(update.into(), UpdateKind::Answer);
                connection.answered = true;
            }
            ServerMessage::Probe(probe) => {
                while let Some((number, vector)) = connection.probed.pop_front() {
                    self.promised.merge(vector);
                    if number == probe[2] {
                        break;
                    }
                }
            }
            ServerMessage::SyncStatus(status) => {
                let unsaved = connection.unsaved.as_mut().expect("only who counts is told");
                *unsaved -= i32::from(status == SyncStatus::Saved);
                assert!(*unsaved >= 0, "more is called saved than was sent");
                if *unsaved == 0 {
                    // What it heard of others is their count's business.
                    let own = self.doc.client_id();
                    let written = self.doc.transact().state_vector().get(&own);
                    self.promised.set_max(own, written);
                }
            }
            ServerMessage::Presence(_)
            | ServerMessage::QueryPresence
            | ServerMessage::Denied(_)
            | ServerMessage::Stateless(_)
            | ServerMessage::Event(_) => {}
        }
    }

    /// Applies what waits, as far as nothing is missing before it.
    fn integrate(&mut self) {
        let mut progress = true;
        while std::mem::take(&mut progress) {
            for raw in std::mem::take(&mut self.waiting) {
                let update = Update::decode_v1(&raw).expect("the server sends valid updates");
                let known = self.doc.transact().state_vector();
                let hole = update.insertions(true).iter().any(|(client, ranges)| {
                    let mut next = known.get(client);
                    ranges.iter().any(|range| {
                        let gap = range.start > next;
                        next = next.max(range.end);
                        gap
                    })
                });
                if hole {
                    self.waiting.push(raw);
                } else {
                    self.doc.transact_mut().apply_update(update).expect("and possible ones");
                    progress = true;
                }
            }
        }
    }

    /// Whether it knows that all is saved, as far as it counts.
    pub fn counts_nothing(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.unsaved.is_none_or(|unsaved| unsaved == 0))
    }

    pub fn is_quiet(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.up.is_empty() && connection.down.is_empty() && !connection.stale)
    }

    pub fn vector(&self) -> Bytes {
        self.doc.transact().state_vector().encode_v1().into()
    }

    pub fn clocks(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    pub fn state(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    pub fn notes(&self) -> String {
        let txn = self.doc.transact();
        txn.get_text("notes").map(|text| text.get_string(&txn)).unwrap_or_default()
    }
}

impl Connection {
    fn say(&mut self, update: Bytes, kind: UpdateKind) {
        if let (UpdateKind::Live, Some(unsaved)) = (kind, &mut self.unsaved) {
            *unsaved += 1;
        }
        let update = Box::new(CheckedUpdate::parse(update).expect("a client's own update"));
        self.up.push_back(Input::Update { from: self.id, update, kind });
    }
}

fn edit(random: &mut Rng, txn: &mut yrs::TransactionMut<'_>) {
    match random.u8(0..6) {
        0 | 1 => {
            let text = txn.get_or_insert_text("notes");
            let at = random.u32(0..=text.len(txn));
            text.insert(txn, at, ["a", "bc", "def "][random.usize(0..3)]);
        }
        2 => {
            let text = txn.get_or_insert_text("notes");
            let length = text.len(txn);
            if length > 2 {
                text.remove_range(txn, random.u32(0..length - 1), 1);
            }
        }
        3 => {
            let items = txn.get_or_insert_map("items");
            items.insert(
                txn,
                format!("i{}", random.u8(0..5)),
                MapPrelim::from([("title", random.u32(..).to_string())]),
            );
        }
        4 => {
            let items = txn.get_or_insert_map("items");
            items.remove(txn, &format!("i{}", random.u8(0..5)));
        }
        _ => {
            let list = txn.get_or_insert_array("list");
            let at = random.u32(0..=list.len(txn));
            list.insert(txn, at, random.i32(..));
        }
    }
}
