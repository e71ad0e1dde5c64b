//! One random session, from a seed to convergence.

use std::collections::VecDeque;

use bytes::Bytes;
use fastrand::Rng;
use triproom::room::client::Receipt;
use triproom::room::id::ConnectionId;
use triproom::room::input::{Admission, Input, UpdateKind};
use triproom::room::update::CheckedUpdate;
use triproom::wire::ServerMessage;
use triproom::wire::close::CloseReason;
use yrs::StateVector;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;

use super::client::Client;
use super::server::Server;

/// The connection of somebody who means harm.
const HOSTILE: ConnectionId = ConnectionId(u64::MAX);

/// A text, and then something that is put into that text's block, which can hold nothing.
const IMPOSSIBLE: &[u8] =
    &[1, 2, 250, 1, 0, 4, 1, 5, b'n', b'o', b't', b'e', b's', 1, b'!', 4, 0, 250, 1, 0, 1, b'x', 0];
/// Something that waits for a block of 251, and that block, in which it cannot be.
pub const WAITS: &[u8] = &[1, 1, 252, 1, 0, 4, 0, 251, 1, 0, 1, b'x', 0];
const ARRIVES: &[u8] = &[1, 1, 251, 1, 0, 4, 1, 5, b'n', b'o', b't', b'e', b's', 1, b'?', 0];

pub struct Session {
    random: Rng,
    server: Server,
    clients: Vec<Client>,
    connections: u64,
    admission: Admission,
    /// The update that waits in vain was sent.
    waited: bool,
}

impl Session {
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let count = random.u64(2..6);
        let receipts = [Receipt::Echo, Receipt::Status];
        let clients = (1..=count).map(|id| Client::new(id * 100, receipts[random.usize(0..2)])).collect();
        Self { random, server: Server::new(), clients, connections: 0, admission: Admission::Open, waited: false }
    }

    /// Runs so many random steps and then lets everybody settle. Returns what the notes say.
    pub fn run(mut self, steps: usize) -> String {
        for _ in 0..steps {
            self.step();
        }
        self.settle()
    }

    fn step(&mut self) {
        let at = self.random.usize(0..self.clients.len());
        match self.random.u32(0..100) {
            0..35 => self.clients[at].edit(&mut self.random),
            35..45 => self.clients[at].probe(),
            45..60 => self.clients[at].read(),
            60..80 => self.turn(),
            80..88 => {
                let rows = self.random.usize(0..4);
                self.commit(rows);
            }
            88..92 => self.reconnect(at),
            92..94 => self.disconnect(at),
            94 => self.server.compact(),
            95 => self.clients[at].begin_anew(),
            96 => self.hostile(),
            97 => self.admission = [Admission::Open, Admission::ReadOnly][self.random.usize(0..2)],
            98 => self.tick(),
            _ => self.kill(),
        }
    }

    /// A turn of what some of the clients have said, each in its order.
    fn turn(&mut self) {
        let mut inputs = VecDeque::new();
        for client in &mut self.clients {
            let Some(connection) = &mut client.connection else { continue };
            let count = self.random.usize(0..=connection.up.len());
            inputs.extend(connection.up.drain(..count));
        }
        self.take(inputs);
    }

    fn take(&mut self, mut inputs: VecDeque<Input>) {
        loop {
            let effects = self.server.turn(&mut inputs, self.admission);
            // npm clients make a collected block of what has no possible parent; the library of these clients cannot.
            for fanout in effects.fanouts.iter().filter(|fanout| fanout.update != WAITS) {
                for client in &mut self.clients {
                    let Some(id) = client.connection.as_ref().map(|connection| connection.id) else { continue };
                    if fanout.authors.iter().all(|(author, _)| *author != id) {
                        client.send(ServerMessage::Update(fanout.update.clone()));
                        continue;
                    }
                    for (_, raw) in fanout.authors.iter().filter(|(author, _)| *author != id) {
                        client.send(ServerMessage::Update(raw.clone()));
                    }
                }
            }
            for (connection, reason) in &effects.closes {
                assert_eq!((*connection, *reason), (HOSTILE, CloseReason::Malformed), "honest clients are not closed");
            }
            self.deliver(effects.replies);
            if inputs.is_empty() && !effects.document_lost {
                break;
            }
        }
        for (to, mut messages) in self.server.room.answer() {
            messages.retain(|message| !matches!(message, ServerMessage::Update(update) if update == WAITS));
            if let Some(client) = self.client(to) {
                client.answer(messages);
            }
        }
    }

    fn deliver(&mut self, messages: Vec<(ConnectionId, ServerMessage)>) {
        for (to, message) in messages {
            if let Some(client) = self.client(to) {
                client.send(message);
            }
        }
    }

    fn client(&mut self, id: ConnectionId) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.connection.as_ref().is_some_and(|open| open.id == id))
    }

    fn commit(&mut self, rows: usize) {
        let messages = self.server.commit(rows);
        self.deliver(messages);
    }

    fn tick(&mut self) {
        let messages = self.server.room.tick(std::time::Instant::now(), self.admission);
        self.deliver(messages);
    }

    fn reconnect(&mut self, at: usize) {
        self.disconnect(at);
        self.connections += 1;
        self.clients[at].connect(ConnectionId(self.connections));
    }

    fn disconnect(&mut self, at: usize) {
        // What was under way in either direction is lost.
        if let Some(connection) = self.clients[at].connection.take() {
            self.take(VecDeque::from([Input::Leave(connection.id)]));
        }
    }

    /// An impossible update in the middle of a turn with others.
    fn hostile(&mut self) {
        let raw = [IMPOSSIBLE, WAITS, ARRIVES][self.random.usize(0..3)];
        self.waited |= raw == WAITS;
        let update = Bytes::from_static(raw);
        let update = Box::new(CheckedUpdate::parse(update).expect("well-formed"));
        let mut inputs = VecDeque::new();
        for client in &mut self.clients {
            if let Some(connection) = &mut client.connection {
                inputs.extend(connection.up.drain(..));
            }
        }
        inputs.push_back(Input::Update { from: HOSTILE, update, kind: UpdateKind::Live });
        self.take(inputs);
    }

    fn kill(&mut self) {
        self.server.kill();
        for client in &mut self.clients {
            client.connection = None;
        }
        self.check_promises();
    }

    fn check_promises(&self) {
        for client in &self.clients {
            let promised = client.promised.encode_v1();
            let has = self.server.room.state_vector();
            assert!(
                !self.server.room.document().lacks(&promised),
                "something acknowledged is missing: {:?}, the server has {:?}",
                client.promised,
                StateVector::decode_v1(&has)
            );
        }
    }

    /// Everybody comes back and talks until there is nothing left to say.
    fn settle(mut self) -> String {
        self.admission = Admission::Open;
        for at in 0..self.clients.len() {
            if self.clients[at].connection.is_none() || self.random.bool() {
                self.reconnect(at);
            }
        }
        for round in 0.. {
            assert!(round < 1_000, "they never come to rest");
            self.turn();
            self.tick();
            for at in 0..self.clients.len() {
                self.clients[at].read();
            }
            self.commit(usize::MAX);
            if self.clients.iter().all(Client::is_quiet) && self.server.pending() == 0 {
                break;
            }
        }
        self.check_promises();
        assert!(self.clients.iter().all(Client::counts_nothing), "everybody who counts comes to zero");
        let state = self.server.room.document().difference(&[]);
        for client in &self.clients {
            assert_eq!(client.clocks(), self.clients[0].clocks());
            assert_eq!(client.notes(), self.clients[0].notes());
        }
        assert_eq!(digest(&state), digest(&self.clients[0].state()), "the server says what the clients say");
        self.server.compact();
        self.server.kill();
        let reopened = self.server.room.document().difference(&[]);
        // What waited in vain may be possible after a restart: its parent was deleted, and so it is, too.
        if self.waited {
            assert!(!self.server.room.document().lacks(&self.clients[0].vector()));
            return self.clients[0].notes();
        }
        assert_eq!(digest(&reopened), digest(&state), "and a restart changes nothing");
        self.clients[0].notes()
    }
}

fn digest(state: &[u8]) -> triproom::room::content::Digest {
    let rows = [Bytes::copy_from_slice(state)];
    triproom::room::fold::open(None, &rows, usize::MAX).expect("valid").document.digest()
}
