//! Everything fails, from a seed: nodes are killed and stopped, Redis and Postgres are killed and come back, wires to Redis and Postgres are slow,
//! frozen, cut or deliver nothing, while people type and move from node to node. When all is well again everybody agrees,
//! everything that was acknowledged is there, and nobody and nothing is left over.
//! `SEED=7 cargo test --test nodes chaos` replays the same plan; what the machine makes of it is its own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use triproom::wire::lib0::Reader;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update, WriteTxn};

use super::client::{presence, sync};
use super::house::{DEADLINE, House};
use super::proxy::Way;

/// How long things go wrong.
const STORM: Duration = Duration::from_secs(15);
const OPTIONS: &[&str] = &["--room-idle", "1s", "--drain", "3s"];

/// Somebody who types into one room, by whichever node answers.
struct Typist {
    id: u64,
    doc: Doc,
    random: Rng,
    nodes: Arc<Mutex<Vec<SocketAddr>>>,
    written: u64,
    /// So much was acknowledged.
    saved: u64,
    clock: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Type.
    Storm,
    /// Type no more; stay until all of this many words are there.
    Calm,
    /// Go.
    Over,
}

impl Typist {
    /// Types until told otherwise; gives what it has in the end and how much of its own was acknowledged.
    async fn run(mut self, mut phase: watch::Receiver<Phase>) -> Self {
        while *phase.borrow() != Phase::Over {
            let address = {
                let nodes = self.nodes.lock().unwrap();
                nodes[self.random.usize(0..nodes.len())]
            };
            let Ok(Ok(stream)) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let url = format!("ws://{address}/yjs/lisbon?name=t{}", self.id);
            let opening = tokio_tungstenite::client_async(url, stream);
            if let Ok(Ok((mut socket, _))) = timeout(Duration::from_secs(2), opening).await {
                let _ = self.talk(&mut socket, &mut phase).await;
            }
        }
        self
    }

    async fn talk(
        &mut self,
        socket: &mut WebSocketStream<TcpStream>,
        phase: &mut watch::Receiver<Phase>,
    ) -> Option<()> {
        let vector = self.doc.transact().state_vector().encode_v1();
        say(socket, sync(0, &vector)).await?;
        self.clock += 1;
        say(socket, presence(self.id, self.clock, &json!({ "t": self.id }).to_string())).await?;
        let (mut answered, mut probed) = (false, None);
        let mut stay = self.random.u32(20..200);
        loop {
            let pause = Duration::from_millis(self.random.u64(1..40));
            tokio::select! {
                message = socket.next() => match message?.ok()? {
                    Message::Binary(bytes) => self.hear(socket, &bytes, &mut answered, &mut probed).await?,
                    Message::Close(_) => return None,
                    _ => {}
                },
                changed = phase.changed() => {
                    changed.ok()?;
                    if *phase.borrow() == Phase::Over {
                        return None;
                    }
                }
                () = sleep(pause), if *phase.borrow() == Phase::Storm => {
                    stay -= 1;
                    if stay == 0 {
                        return None;
                    }
                    self.write(socket).await?;
                    if answered && probed.is_none() {
                        probed = Some(self.written);
                        say(socket, vec![102, 1, 7]).await?;
                    }
                }
                // A node that is stopped answers nothing; browsers leave it, too.
                () = sleep(Duration::from_secs(4)) => return None,
            }
        }
    }

    async fn write(&mut self, socket: &mut WebSocketStream<TcpStream>) -> Option<()> {
        self.written += 1;
        let word = format!("{}-{};", self.id, self.written);
        let update = {
            let mut txn = self.doc.transact_mut();
            let notes = txn.get_or_insert_text("notes");
            let end = notes.len(&txn);
            notes.insert(&mut txn, end, &word);
            txn.encode_update_v1()
        };
        say(socket, sync(2, &update)).await
    }

    async fn hear(
        &mut self,
        socket: &mut WebSocketStream<TcpStream>,
        bytes: &[u8],
        answered: &mut bool,
        probed: &mut Option<u64>,
    ) -> Option<()> {
        if bytes == [102, 1, 7] {
            self.saved = probed.take().expect("it was asked");
            return Some(());
        }
        let mut reader = Reader::new(bytes);
        if reader.number() != Ok(0) {
            return Some(());
        }
        let (kind, body) = (reader.number().unwrap(), reader.byte_string().unwrap());
        if kind == 0 {
            let vector = StateVector::decode_v1(body).unwrap();
            let update = self.doc.transact().encode_state_as_update_v1(&vector);
            say(socket, sync(1, &update)).await?;
            *answered = true;
        } else {
            self.doc.transact_mut().apply_update(Update::decode_v1(body).unwrap()).unwrap();
        }
        Some(())
    }

    fn words(&self) -> BTreeSet<String> {
        let txn = self.doc.transact();
        words(&txn.get_text("notes").map(|text| text.get_string(&txn)).unwrap_or_default())
    }
}

fn words(notes: &str) -> BTreeSet<String> {
    notes.split_terminator(';').map(str::to_owned).collect()
}

async fn say(socket: &mut WebSocketStream<TcpStream>, bytes: Vec<u8>) -> Option<()> {
    timeout(Duration::from_secs(4), socket.send(Message::Binary(bytes.into()))).await.ok()?.ok()
}

async fn go_wrong(house: &mut House, random: &mut Rng, nodes: &Mutex<Vec<SocketAddr>>) {
    let at = random.usize(0..house.nodes.len());
    let pause = Duration::from_millis(random.u64(100..3_000));
    let ways = [Way::Slow(Duration::from_millis(30)), Way::Mute, Way::Frozen, Way::Cut];
    let way = ways[random.usize(0..ways.len())];
    match random.u32(0..7) {
        0 => {
            house.nodes.remove(at).kill().await;
            house.add(OPTIONS).await;
        }
        1 => {
            house.nodes[at].signal("STOP");
            sleep(pause * 2).await;
            house.nodes[at].signal("CONT");
        }
        2 => {
            house.redis.kill().await;
            sleep(pause).await;
            house.redis.start_again().await;
        }
        3 => {
            house.nodes[at].redis.set(way);
            sleep(pause * 2).await;
            house.nodes[at].redis.set(Way::Open);
        }
        4 => {
            house.nodes[at].postgres.set(way);
            sleep(pause).await;
            house.nodes[at].postgres.set(Way::Open);
        }
        5 => {
            let postgres = house.postgres.as_mut().expect("it has its own");
            postgres.kill().await;
            sleep(pause).await;
            postgres.start_again().await;
        }
        _ => {
            let leaving = house.nodes.remove(at);
            *nodes.lock().unwrap() = house.nodes.iter().map(|node| node.address).collect();
            leaving.terminate().await;
            house.add(OPTIONS).await;
        }
    }
    *nodes.lock().unwrap() = house.nodes.iter().map(|node| node.address).collect();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_nothing_acknowledged_is_lost_and_everybody_agrees_in_the_end() {
    let seed = std::env::var("SEED").map_or_else(|_| fastrand::u64(..10_000), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut house = House::open_with_postgres(3, OPTIONS).await;
    let nodes = Arc::new(Mutex::new(house.nodes.iter().map(|node| node.address).collect::<Vec<_>>()));
    let (phase, phases) = watch::channel(Phase::Storm);
    let typists: Vec<_> = (1..=6)
        .map(|id| {
            let (doc, nodes) = (Doc::with_client_id(id), Arc::clone(&nodes));
            let typist = Typist { id, doc, random: random.fork(), nodes, written: 0, saved: 0, clock: 0 };
            tokio::spawn(typist.run(phases.clone()))
        })
        .collect();
    let started = Instant::now();
    while started.elapsed() < STORM {
        go_wrong(&mut house, &mut random, &nodes).await;
    }
    phase.send_replace(Phase::Calm);
    house.settle().await;
    // Whoever types has all that it wrote; when every node has the same, everybody was heard.
    let agree = async {
        loop {
            let mut found = Vec::new();
            for node in &house.nodes {
                let document = node.get("/v1/rooms/lisbon/document").await;
                found.push(words(document["notes"].as_str().unwrap_or_default()));
            }
            let present = house.nodes[0].get("/v1/rooms/lisbon").await["present"].as_array().map_or(0, Vec::len);
            if found.iter().all(|words| *words == found[0]) && present == 6 {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(DEADLINE, agree).await.expect("all nodes agree");
    phase.send_replace(Phase::Over);
    let mut typists_done = Vec::new();
    for typist in typists {
        typists_done.push(timeout(DEADLINE, typist).await.unwrap().unwrap());
    }
    let document = house.nodes[0].get("/v1/rooms/lisbon/document").await;
    let everything = words(document["notes"].as_str().unwrap());
    let mut saved = 0;
    for typist in &typists_done {
        saved += typist.saved;
        for word in (1..=typist.saved).map(|number| format!("{}-{number}", typist.id)) {
            assert!(everything.contains(&word), "{word} was acknowledged and is gone");
        }
        assert_eq!(typist.words(), everything, "typist {} sees what the nodes see", typist.id);
    }
    assert!(saved > 50, "they were heard at all: {saved}");
    nothing_is_left(&house).await;
    // And the store alone has it, too.
    for node in std::mem::take(&mut house.nodes) {
        node.kill().await;
    }
    house.add(OPTIONS).await;
    let document = house.nodes[0].get("/v1/rooms/lisbon/document").await;
    assert_eq!(words(document["notes"].as_str().unwrap()), everything);
}

/// No presence, no room, no subscription.
async fn nothing_is_left(house: &House) {
    let gone = async {
        for node in &house.nodes {
            while node.metric("triproom_rooms").await > 0.0 || node.metric("triproom_connections").await > 0.0 {
                sleep(Duration::from_millis(100)).await;
            }
        }
        while house.redis.channels().await != ["triproom:nodes"] {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("rooms are closed and their channels left");
}
