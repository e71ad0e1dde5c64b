//! One random session, from a seed to convergence.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use triproom::room::client::Receipt;
use triproom::room::content::Digest;
use triproom::room::effects::Effects;
use triproom::room::fold;
use triproom::room::id::ConnectionId;
use triproom::room::input::Input;
use triproom::room::node::{NodeId, NodeMessage, NodeNews, Recipient};
use triproom::room::row;
use triproom::wire::ServerMessage;
use yrs::updates::encoder::Encode;

use super::client::Client;
use super::node::{LIMITS, Node};

pub struct Cluster {
    random: Rng,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    /// Which node each client is connected to.
    places: Vec<usize>,
    snapshot: Option<Bytes>,
    /// Rows in the store, of all nodes, in the order in which they came there.
    rows: Vec<Bytes>,
    store_is_down: bool,
    /// Of a hundred messages between nodes so many are lost.
    loss: u32,
    connections: u64,
    started: u64,
    now: Instant,
}

impl Cluster {
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let (nodes, clients) = (random.u64(2..4), random.u64(2..7));
        let receipts = [Receipt::Echo, Receipt::Status];
        let clients: Vec<Client> =
            (1..=clients).map(|id| Client::new(id * 100, receipts[random.usize(0..2)])).collect();
        let mut cluster = Self {
            places: vec![0; clients.len()],
            loss: [0, 5, 30][random.usize(0..3)],
            random,
            nodes: Vec::new(),
            clients,
            snapshot: None,
            rows: Vec::new(),
            store_is_down: false,
            connections: 0,
            started: 0,
            now: Instant::now(),
        };
        for _ in 0..nodes {
            let node = cluster.open();
            cluster.nodes.push(node);
        }
        cluster
    }

    /// Runs so many random steps and then lets everybody settle. Returns what the notes say.
    pub fn run(mut self, steps: usize) -> String {
        for _ in 0..steps {
            self.step();
        }
        self.settle()
    }

    fn open(&mut self) -> Node {
        self.started += 1;
        Node::open(NodeId(self.started), self.now, self.stored())
    }

    fn stored(&self) -> triproom::room::document::Document {
        let opened = fold::open(self.snapshot.as_ref(), &self.rows, LIMITS.document_bytes).expect("a good log");
        assert!(opened.unusable.is_empty());
        opened.document
    }

    fn step(&mut self) {
        let at = self.random.usize(0..self.clients.len());
        let node = self.random.usize(0..self.nodes.len());
        match self.random.u32(0..100) {
            0..35 => self.clients[at].edit(&mut self.random),
            35..45 => self.clients[at].probe(),
            45..58 => self.clients[at].read(),
            58..78 => self.turn(node, usize::MAX),
            78..88 => {
                let rows = self.random.usize(0..4);
                self.commit(node, rows);
            }
            88..91 => self.connect(at, node),
            91 => self.disconnect(at),
            92 => self.compact(),
            93 => self.clients[at].begin_anew(),
            94 => self.store_is_down = !self.store_is_down,
            95 | 96 => {
                let time = Duration::from_millis(self.random.u64(1..4_000));
                self.pass(node, time);
            }
            97 => self.part(node),
            _ => self.kill(node),
        }
    }

    /// A turn of some of what clients and other nodes have said, each in its order.
    fn turn(&mut self, at: usize, most: usize) {
        let mut inputs = VecDeque::new();
        for (client, place) in self.clients.iter_mut().zip(&self.places) {
            let Some(connection) = client.connection.as_mut().filter(|_| *place == at) else { continue };
            let count = self.random.usize(0..=connection.up.len());
            inputs.extend(connection.up.drain(..count));
        }
        let node = &mut self.nodes[at];
        let count = self.random.usize(0..=node.heard.len()).min(most);
        inputs.extend(node.heard.drain(..count).map(Input::Node));
        self.take(at, inputs);
    }

    fn take(&mut self, at: usize, mut inputs: VecDeque<Input>) {
        loop {
            let effects = self.nodes[at].turn(&mut inputs);
            assert!(effects.closes.is_empty() && !effects.document_lost, "nobody does harm here");
            let fetch = effects.fetch;
            self.carry_out(at, effects);
            if fetch {
                self.look(at);
            }
            if inputs.is_empty() {
                break;
            }
        }
        if let Some(here) = self.nodes[at].room.take_here() {
            self.say(at, Recipient::All, &here);
        }
        for (to, messages) in self.nodes[at].room.answer() {
            if let Some(client) = self.client(to) {
                client.answer(messages);
            }
        }
        while let Some(effects) = self.nodes[at].serve() {
            self.carry_out(at, effects);
        }
    }

    fn carry_out(&mut self, at: usize, effects: Effects) {
        for fanout in &effects.fanouts {
            for (client, place) in self.clients.iter_mut().zip(&self.places).filter(|(_, place)| **place == at) {
                debug_assert_eq!(*place, at);
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
        for (to, message) in effects.replies {
            if let Some(client) = self.client(to) {
                client.send(message);
            }
        }
        for (to, message) in effects.shares {
            self.say(at, to, &message);
        }
    }

    /// A message goes to other nodes, or is lost; then its receiver notices with the next one of the same sender.
    fn say(&mut self, at: usize, to: Recipient, message: &NodeMessage) {
        let from = self.nodes[at].id;
        for node in self.nodes.iter_mut().filter(|node| node.id != from) {
            if self.random.u32(0..100) < self.loss {
                node.gaps.insert(from);
                continue;
            }
            if node.gaps.remove(&from) {
                node.heard.push_back(NodeNews::Missed(from));
            }
            if to == Recipient::All || to == Recipient::One(node.id) {
                node.heard.push_back(NodeNews::Said { from, message: message.clone() });
            }
        }
    }

    fn client(&mut self, id: ConnectionId) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.connection.as_ref().is_some_and(|open| open.id == id))
    }

    fn commit(&mut self, at: usize, rows: usize) {
        if self.store_is_down {
            return;
        }
        let (rows, effects) = self.nodes[at].commit(rows);
        self.rows.extend(rows);
        self.carry_out(at, effects);
    }

    fn pass(&mut self, at: usize, time: Duration) {
        let effects = self.nodes[at].pass(time);
        let fetch = effects.fetch;
        self.carry_out(at, effects);
        if fetch {
            self.look(at);
        }
        self.take(at, VecDeque::new());
    }

    /// A node takes what is in the store.
    fn look(&mut self, at: usize) {
        let updates = self.snapshot.iter().cloned().chain(self.rows.iter().flat_map(row::updates)).collect();
        let effects = self.nodes[at].look(updates);
        assert!(!effects.document_lost, "nobody does harm here");
        self.carry_out(at, effects);
    }

    fn connect(&mut self, at: usize, node: usize) {
        self.disconnect(at);
        self.connections += 1;
        self.places[at] = node;
        self.clients[at].connect(ConnectionId(self.connections));
    }

    fn disconnect(&mut self, at: usize) {
        // What was under way in either direction is lost.
        if let Some(connection) = self.clients[at].connection.take() {
            self.take(self.places[at], VecDeque::from([Input::Leave(connection.id)]));
        }
    }

    /// Any node folds the rows that are in the store.
    fn compact(&mut self) {
        let folded = fold::fold(self.snapshot.as_ref(), &self.rows).expect("a good log");
        self.snapshot = Some(folded.snapshot);
        for at in folded.superfluous.into_iter().rev() {
            self.rows.remove(at);
        }
    }

    /// The wire breaks for one node: what was under way is lost, and it is told.
    fn part(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.heard.clear();
        node.gaps.clear();
        node.heard.push_back(NodeNews::Parted);
    }

    /// A node dies and another one is started in its place. The others hear of it sooner or later.
    fn kill(&mut self, at: usize) {
        let dead = self.nodes[at].id;
        for (client, place) in self.clients.iter_mut().zip(&self.places) {
            if *place == at {
                client.connection = None;
            }
        }
        let node = self.open();
        self.nodes[at] = node;
        for node in &mut self.nodes {
            node.gaps.remove(&dead);
            node.heard.push_back(NodeNews::Gone(dead));
        }
        self.check_promises();
        self.take(at, VecDeque::new());
    }

    /// Whatever any client was told to be saved is in the store, with all that the client had seen of others.
    fn check_promises(&self) {
        let stored = self.stored();
        for client in &self.clients {
            assert!(!stored.lacks(&client.promised.encode_v1()), "something acknowledged is missing");
        }
    }

    /// Everything works again, and everybody talks until there is nothing left to say.
    fn settle(mut self) -> String {
        (self.loss, self.store_is_down) = (0, false);
        for at in 0..self.nodes.len() {
            self.part(at);
        }
        for at in 0..self.clients.len() {
            if self.clients[at].connection.is_none() || self.random.bool() {
                let node = self.random.usize(0..self.nodes.len());
                self.connect(at, node);
            }
        }
        for round in 0.. {
            assert!(round < 2_000, "they never come to rest");
            for at in 0..self.nodes.len() {
                self.turn(at, usize::MAX);
                self.pass(at, Duration::from_millis(if round < 200 { 300 } else { 1 }));
                self.commit(at, usize::MAX);
            }
            for client in &mut self.clients {
                client.read();
            }
            let at_rest = |node: &Node| node.pending.is_empty() && node.heard.is_empty();
            if round > 200 && self.clients.iter().all(Client::is_quiet) && self.nodes.iter().all(at_rest) {
                break;
            }
        }
        self.check_promises();
        assert!(self.clients.iter().all(Client::counts_nothing), "everybody who counts comes to zero");
        let stored = self.stored().digest();
        for node in &self.nodes {
            assert_eq!(node.room.document().digest(), stored, "node {:?} says what the store says", node.id);
        }
        for client in &self.clients {
            let state = [Bytes::from(client.state())];
            assert_eq!(digest(&state), stored, "clients say what the store says");
        }
        let people: Vec<usize> = self.nodes.iter_mut().map(|node| node.room.present()).collect();
        assert!(people.iter().all(|count| *count == 0), "nobody ever spoke of presence: {people:?}");
        self.clients[0].notes()
    }
}

fn digest(state: &[Bytes]) -> Digest {
    fold::open(None, state, usize::MAX).expect("valid").document.digest()
}
