//! What the suite needs of an implementation: nodes on one wire, and to break it.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use triproom::bus::local::Exchange;
use triproom::bus::redis::RedisOptions;
use triproom::bus::{Bus, ClusterId, Heard, Seat};
use triproom::room::id::RoomId;
use triproom::room::node::{NodeId, NodeMessage, NodeNews};

use crate::redis_server::RedisServer;

/// The cluster of all nodes but strangers.
pub const CLUSTER: ClusterId = ClusterId([1; 8]);
/// What no test should ever need.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks at something that nobody announces.
const LOOK: Duration = Duration::from_millis(10);

/// A wire.
pub trait House: Sized {
    async fn build() -> Self;

    /// One more node.
    fn bus(&self) -> Bus {
        self.bus_of(CLUSTER)
    }

    /// One more node, of this cluster.
    fn bus_of(&self, cluster: ClusterId) -> Bus;

    /// So many nodes that hear each other.
    async fn nodes<const COUNT: usize>(&self) -> [Bus; COUNT] {
        let nodes = std::array::from_fn(|_| self.bus());
        settle(&nodes).await;
        nodes
    }
}

/// A wire that can be broken.
pub trait BreakableHouse: House {
    /// Breaks the wire under every node once.
    async fn part(&self);
}

pub struct LocalHouse(pub Exchange);

impl House for LocalHouse {
    async fn build() -> Self {
        Self(Exchange::default())
    }

    fn bus_of(&self, cluster: ClusterId) -> Bus {
        Bus::local(&self.0, cluster, None)
    }
}

impl BreakableHouse for LocalHouse {
    async fn part(&self) {
        self.0.part();
    }
}

/// One Redis server.
pub struct ServerHouse(pub RedisServer);

impl House for ServerHouse {
    async fn build() -> Self {
        Self(RedisServer::start(&[]).await)
    }

    fn bus_of(&self, cluster: ClusterId) -> Bus {
        Bus::redis(RedisOptions::new(&self.0.url()).unwrap(), cluster, Some("eu".parse().unwrap()))
    }
}

impl BreakableHouse for ServerHouse {
    async fn part(&self) {
        kill_hearers(&mut connect(&self.0).await).await;
    }
}

/// The server that somebody names, who uses it for something else, too; otherwise one as in any other test.
pub struct NamedHouse {
    options: RedisOptions,
    _own: Option<RedisServer>,
}

/// Names that server.
const NAMED: &str = "TRIPROOM_TEST_REDIS_URL";

impl House for NamedHouse {
    async fn build() -> Self {
        let own = if std::env::var(NAMED).is_err() { Some(RedisServer::start(&[]).await) } else { None };
        let url = own.as_ref().map_or_else(|| std::env::var(NAMED).unwrap(), RedisServer::url);
        let mut options = RedisOptions::new(&url).unwrap();
        options.prefix = format!("triproom-test-{:016x}:", fastrand::u64(..));
        Self { options, _own: own }
    }

    fn bus_of(&self, cluster: ClusterId) -> Bus {
        Bus::redis(self.options.clone(), cluster, None)
    }
}

/// A Redis cluster of one server.
pub struct ClusterHouse(pub RedisServer);

impl House for ClusterHouse {
    async fn build() -> Self {
        let server = start_cluster_server().await;
        let mut operator = connect(&server).await;
        run(&mut operator, "CLUSTER ADDSLOTSRANGE 0 16383").await;
        until_cluster_is_ok(&mut operator).await;
        Self(server)
    }

    fn bus_of(&self, cluster: ClusterId) -> Bus {
        Bus::redis(RedisOptions::new(&self.0.url()).unwrap(), cluster, None)
    }
}

impl BreakableHouse for ClusterHouse {
    async fn part(&self) {
        kill_hearers(&mut connect(&self.0).await).await;
    }
}

/// A server that can be part of a cluster.
pub async fn start_cluster_server() -> RedisServer {
    let options = |_, port| {
        let options = format!(
            "--cluster-enabled yes --cluster-port {port} --cluster-node-timeout 1000 --cluster-require-full-coverage no"
        );
        options.split(' ').map(str::to_owned).collect()
    };
    RedisServer::start_with(options).await
}

pub async fn until_cluster_is_ok(operator: &mut MultiplexedConnection) {
    until("the cluster is ready", async || {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut operator.clone()).await.unwrap();
        info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
    })
    .await;
}

/// A connection of whoever operates the server.
pub async fn connect(server: &RedisServer) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Runs a command as one types it.
pub async fn run(operator: &mut MultiplexedConnection, line: &str) -> redis::Value {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| _ = command.arg(word));
    command.query_async(operator).await.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The channels that somebody hears: `CHANNELS` or `SHARDCHANNELS`.
pub async fn channels(operator: &mut MultiplexedConnection, kind: &str) -> Vec<String> {
    let mut channels: Vec<String> = redis::cmd("PUBSUB").arg(kind).query_async(operator).await.unwrap();
    channels.sort();
    channels
}

async fn kill_hearers(operator: &mut MultiplexedConnection) {
    let killed: u32 = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async(operator).await.unwrap();
    assert!(killed > 0, "nodes hear");
}

pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = tokio::time::Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until every node hears every other one.
pub async fn settle(nodes: &[Bus]) {
    for node in nodes {
        until("every node hears every other one", async || node.others().len() == nodes.len() - 1).await;
    }
}

pub fn room(name: &str) -> RoomId {
    RoomId::parse(name, 1_000).unwrap()
}

pub fn text(text: impl Into<Vec<u8>>) -> NodeMessage {
    NodeMessage::Text(Bytes::from(text.into()))
}

pub fn said(from: NodeId, what: impl Into<Vec<u8>>) -> NodeNews {
    NodeNews::Said { from, message: text(what) }
}

pub async fn hear(seat: &mut Seat) -> NodeNews {
    tokio::time::timeout(DEADLINE, seat.hear()).await.expect("something is heard")
}

/// Hears on until that comes.
pub async fn hear_until(seat: &mut Seat, news: &NodeNews) -> Vec<NodeNews> {
    let mut before = Vec::new();
    loop {
        let heard = hear(seat).await;
        if heard == *news {
            return before;
        }
        before.push(heard);
    }
}

pub async fn announced(announcements: &mut tokio::sync::broadcast::Receiver<Heard>) -> Heard {
    tokio::time::timeout(DEADLINE, announcements.recv()).await.expect("something is announced").unwrap()
}
