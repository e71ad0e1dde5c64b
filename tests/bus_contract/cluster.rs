//! A Redis cluster: sharded channels, a server of it that dies and comes back, slots that move.

use triproom::bus::redis::RedisOptions;
use triproom::bus::{Bus, Seat};
use triproom::room::node::{NodeNews, Recipient};

use crate::house::{
    CLUSTER, ClusterHouse, House, channels, connect, hear, hear_until, room, run, said, settle, start_cluster_server,
    text, until, until_cluster_is_ok,
};
use crate::redis_server::RedisServer;

/// Of three servers, each with a third of the slots.
struct Three {
    servers: [RedisServer; 3],
    ids: Vec<String>,
}

impl Three {
    async fn start() -> Self {
        let servers = [start_cluster_server().await, start_cluster_server().await, start_cluster_server().await];
        let mut three = Self { servers, ids: Vec::new() };
        let ports: Vec<String> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("cluster-port")
            .query_async(&mut connect(&three.servers[2]).await)
            .await
            .unwrap();
        let last = format!("{} {}", three.servers[2].address().replace(':', " "), ports[1]);
        for (number, slots) in ["0 5460", "5461 10922", "10923 16383"].iter().enumerate() {
            let mut operator = connect(&three.servers[number]).await;
            let id: String = redis::cmd("CLUSTER").arg("MYID").query_async(&mut operator).await.unwrap();
            three.ids.push(id);
            run(&mut operator, &format!("CLUSTER ADDSLOTSRANGE {slots}")).await;
            run(&mut operator, &format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)).await;
        }
        for server in &three.servers[..2] {
            run(&mut connect(server).await, &format!("CLUSTER MEET {last}")).await;
        }
        three.settle().await;
        three
    }

    async fn settle(&self) {
        for server in &self.servers {
            until_cluster_is_ok(&mut connect(server).await).await;
        }
    }

    /// Two nodes, each of which is told another server.
    async fn nodes(&self) -> [Bus; 2] {
        let nodes =
            [0, 1].map(|server| Bus::redis(RedisOptions::new(&self.servers[server].url()).unwrap(), CLUSTER, None));
        settle(&nodes).await;
        nodes
    }
}

/// Both say something in every room, and the other one hears it.
async fn talk(nodes: &[Bus; 2], seats: &mut [[Seat; 2]], what: &str) {
    for [ada, bob] in seats {
        tell(ada, bob, &said(nodes[0].node(), what), what).await;
        tell(bob, ada, &said(nodes[1].node(), what), what).await;
    }
}

/// Says it once more whenever one of them was parted, as rooms do.
async fn tell(from: &mut Seat, to: &mut Seat, expected: &NodeNews, what: &str) {
    from.say(Recipient::All, text(what));
    loop {
        let news = tokio::select! {
            news = hear(from) => news,
            news = hear(to) => news,
        };
        if news == *expected {
            return;
        }
        if news == NodeNews::Parted {
            from.say(Recipient::All, text(what));
        }
    }
}

async fn sit(nodes: &[Bus; 2], rooms: usize) -> Vec<[Seat; 2]> {
    let mut seats = Vec::new();
    for number in 0..rooms {
        let room = room(&format!("room {number}"));
        seats.push([nodes[0].sit(&room).await, nodes[1].sit(&room).await]);
    }
    seats
}

#[tokio::test]
async fn channels_are_sharded() {
    let house = ClusterHouse::build().await;
    let nodes = house.nodes::<2>().await;
    let mut operator = connect(&house.0).await;
    let seat = nodes[0].sit(&room("lisbon")).await;
    assert_eq!(channels(&mut operator, "SHARDCHANNELS").await, ["triproom:nodes", "triproom:room:lisbon"]);
    assert!(channels(&mut operator, "CHANNELS").await.is_empty());
    drop(seat);
    let only = async || channels(&mut operator.clone(), "SHARDCHANNELS").await == ["triproom:nodes"];
    until("the room is closed", only).await;
}

#[tokio::test]
async fn rooms_are_spread_over_the_servers() {
    let three = Three::start().await;
    let nodes = three.nodes().await;
    let mut seats = sit(&nodes, 60).await;
    talk(&nodes, &mut seats, "hello").await;
    let mut all = 0;
    for server in &three.servers {
        let here = channels(&mut connect(server).await, "SHARDCHANNELS").await.len();
        assert!(here > 5, "{here}");
        all += here;
    }
    assert_eq!(all, 61);
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back() {
    let mut three = Three::start().await;
    let nodes = three.nodes().await;
    let mut seats = sit(&nodes, 30).await;
    // The first is the one that the first node was told.
    for server in [2, 0] {
        talk(&nodes, &mut seats, "before").await;
        three.servers[server].kill().await;
        three.servers[server].start_again().await;
        three.settle().await;
        for seat in seats.iter_mut().flatten() {
            hear_until(seat, &NodeNews::Parted).await;
        }
        settle(&nodes).await;
        talk(&nodes, &mut seats, "after").await;
    }
}

#[tokio::test]
async fn a_slot_that_moves_takes_its_rooms_along() {
    let three = Three::start().await;
    let nodes = three.nodes().await;
    let mut seats = sit(&nodes, 1).await;
    talk(&nodes, &mut seats, "before").await;
    let mut operator = connect(&three.servers[0]).await;
    let mut slot = redis::cmd("CLUSTER");
    let slot: u32 = slot.arg("KEYSLOT").arg("triproom:room:room 0").query_async(&mut operator).await.unwrap();
    let mut owner = 0;
    for (number, server) in three.servers.iter().enumerate() {
        if channels(&mut connect(server).await, "SHARDCHANNELS").await.contains(&"triproom:room:room 0".to_owned()) {
            owner = number;
        }
    }
    for _ in 0..3 {
        owner = (owner + 1) % 3;
        for server in [owner, (owner + 1) % 3, (owner + 2) % 3] {
            let mut operator = connect(&three.servers[server]).await;
            run(&mut operator, &format!("CLUSTER SETSLOT {slot} NODE {}", three.ids[owner])).await;
        }
        for seat in seats.iter_mut().flatten() {
            hear_until(seat, &NodeNews::Parted).await;
        }
        talk(&nodes, &mut seats, "after").await;
    }
}
