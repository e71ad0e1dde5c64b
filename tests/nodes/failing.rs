//! A node, Redis or the wire to it fails: clients notice as little as can be, and everything is healed in time.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::client::{Client, presence};
use super::house::{DEADLINE, House};
use super::proxy::{Server, Way};
use super::redis::RedisServer;
use super::together::heard;

/// Both clients read until they have the same notes.
pub async fn until_equal(ada: &mut Client, bob: &mut Client, length: usize) {
    ada.until("everything", |ada| ada.notes().chars().count() >= length).await;
    bob.until("everything", |bob| bob.notes().chars().count() >= length).await;
    assert_eq!(ada.notes(), bob.notes());
}

#[tokio::test]
async fn what_was_saved_on_both_nodes_survives_kill_9_of_both() {
    let mut house = House::open(2, &[]).await;
    for round in 0..5u8 {
        let mut ada = house.join(0, "lisbon", 10 + u64::from(round)).await;
        let mut bob = house.join(1, "lisbon", 20 + u64::from(round)).await;
        ada.write("a").await;
        bob.write("b").await;
        ada.settle(round).await;
        bob.settle(round).await;
        let (first, second) = (house.nodes.remove(0), house.nodes.remove(0));
        tokio::join!(first.kill(), second.kill());
        house.add(&[]).await;
        house.add(&[]).await;
        let reader = house.join(0, "lisbon", 30 + u64::from(round)).await;
        assert_eq!(reader.notes().len(), 2 * (usize::from(round) + 1), "{:?}", reader.notes());
    }
}

#[tokio::test]
async fn what_a_dead_node_saved_and_could_not_say_is_shown_by_the_others() {
    let mut house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    ada.write("a").await;
    bob.until("the first letter", |bob| bob.notes() == "a").await;
    house.nodes[0].redis.set(Way::Frozen);
    ada.write("b").await;
    ada.settle(1).await;
    assert!(ada.was_answered(1) && bob.notes() == "a", "saved without Redis");
    house.nodes.remove(0).kill().await;
    bob.until("what was saved", |bob| bob.notes().len() == 2).await;
}

#[tokio::test]
async fn a_dead_nodes_presence_is_gone_within_six_seconds() {
    let mut house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    bob.send(&presence(2, 1, r#"{"name":"bob"}"#)).await;
    ada.until("bob is here", |ada| heard(ada, "bob")).await;
    ada.others.clear();
    let killed = Instant::now();
    house.nodes.remove(1).kill().await;
    ada.until("bob is gone", |ada| heard(ada, "null")).await;
    assert!(killed.elapsed() < Duration::from_secs(6), "{:?}", killed.elapsed());
    let view = house.nodes[0].get("/v1/rooms/lisbon").await;
    assert_eq!(view["present"].as_array().unwrap().len(), 1, "{view}");
}

#[tokio::test]
async fn a_node_that_was_stopped_comes_back_with_its_clients() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    bob.send(&presence(2, 1, r#"{"name":"bob"}"#)).await;
    ada.until("bob is here", |ada| heard(ada, "bob")).await;
    ada.others.clear();
    house.nodes[1].signal("STOP");
    ada.until("bob is gone", |ada| heard(ada, "null")).await;
    ada.write("while you were away").await;
    ada.settle(1).await;
    house.nodes[1].signal("CONT");
    bob.until("what was written", |bob| bob.notes() == "while you were away").await;
    bob.until("it is asked to show itself", |bob| heard(bob, "null")).await;
    bob.send(&presence(2, 3, r#"{"name":"bob again"}"#)).await;
    ada.until("bob is back", |ada| heard(ada, "bob again")).await;
}

#[tokio::test]
async fn redis_restarts_under_the_hands_of_people_who_type() {
    let mut house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    ada.write("0").await;
    bob.until("the first letter", |bob| bob.notes() == "0").await;
    house.redis.kill().await;
    for _ in 0..10 {
        ada.write("a").await;
        bob.write("b").await;
    }
    ada.settle(1).await;
    bob.settle(1).await;
    assert!(ada.was_answered(1) && bob.was_answered(1), "saved without Redis");
    house.redis.start_again().await;
    let back = Instant::now();
    until_equal(&mut ada, &mut bob, 21).await;
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    house.settle().await;
}

#[tokio::test]
async fn a_wire_that_takes_everything_and_delivers_nothing_turns_red_and_is_replaced() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    let is_red = |ready: &serde_json::Value| ready["ready"] == false;
    house.nodes[1].redis.set(Way::Mute);
    ada.write("a").await;
    bob.write("b").await;
    assert!(house.nodes[1].until("it is red", is_red).await < Duration::from_secs(5));
    // A new connection looks healthy until it has been silent for as long.
    let says_so = async { while house.nodes[1].metric("triproom_bus_healthy").await >= 1.0 {} };
    timeout(DEADLINE, says_so).await.expect("the metric says so, too");
    house.nodes[1].redis.set(Way::Open);
    until_equal(&mut ada, &mut bob, 2).await;
    house.settle().await;
}

#[tokio::test]
async fn a_database_that_is_killed_and_comes_back_has_everything() {
    let mut house = House::open_with_postgres(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    for round in 1..=3 {
        ada.write("a").await;
        bob.write("b").await;
        ada.settle(2 * round).await;
        bob.settle(2 * round).await;
        let postgres = house.postgres.as_mut().expect("it has its own");
        postgres.kill().await;
        // Nobody is told "saved" now, and everybody sees each other all the same.
        ada.write("a").await;
        bob.write("b").await;
        until_equal(&mut ada, &mut bob, 4 * usize::from(round)).await;
        postgres.start_again().await;
        ada.settle(2 * round + 1).await;
        bob.settle(2 * round + 1).await;
    }
    let everything = ada.notes();
    drop((ada, bob));
    for node in std::mem::take(&mut house.nodes) {
        node.kill().await;
    }
    house.add(&[]).await;
    assert_eq!(house.join(0, "lisbon", 3).await.notes(), everything);
}

#[tokio::test]
async fn two_nodes_on_two_servers_of_redis_say_so_and_find_together_again() {
    let house = House::open(2, &[]).await;
    let another = RedisServer::start(&[]).await;
    let wire = &house.nodes[1].redis;
    wire.lead_to(Server::Tcp(another.address()));
    wire.set(Way::Cut);
    house.nodes[1].until("it is cut off", |ready| ready["ready"] == false).await;
    wire.set(Way::Open);
    for node in &house.nodes {
        let is_told = |ready: &serde_json::Value| {
            ready["ready"] == false && ready["nodes"]["bus"].to_string().contains("do not hear each other")
        };
        node.until("it says that somebody is not heard", is_told).await;
    }
    // A new connection is tried without anybody's help.
    wire.lead_to(Server::Tcp(house.redis.address()));
    house.settle().await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    ada.write("a").await;
    until_equal(&mut ada, &mut bob, 1).await;
}

#[tokio::test]
async fn those_on_one_node_see_each_other_at_once_while_its_database_is_frozen() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let (mut bob, mut cleo) = (house.join(1, "lisbon", 2).await, house.join(1, "lisbon", 3).await);
    house.nodes[1].postgres.set(Way::Frozen);
    let started = Instant::now();
    for round in 0..10 {
        // Her node has made the room, of which his knows nothing and cannot ask.
        ada.write("a").await;
        bob.write("b").await;
        cleo.until("bob's letter", |cleo| cleo.notes().matches('b').count() > round).await;
    }
    // Of three that the database is given to answer.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    house.nodes[1].postgres.set(Way::Open);
    until_equal(&mut ada, &mut cleo, 20).await;
    bob.settle(1).await;
}

#[tokio::test]
async fn an_idle_node_says_that_its_database_is_away() {
    let house = House::open(1, &[]).await;
    let node = &house.nodes[0];
    let is_red = |ready: &serde_json::Value| ready["ready"] == false && ready["store"]["failing"].is_string();
    for way in [Way::Mute, Way::Frozen, Way::Cut] {
        node.postgres.set(way);
        let told = node.until("it is red", is_red).await;
        assert!(told < Duration::from_secs(5), "{way:?} {told:?}");
        assert!(node.metric("triproom_store_healthy").await < 1.0);
        node.postgres.set(Way::Open);
        node.until("it is ready again", |ready| ready["ready"] == true).await;
        assert!(node.metric("triproom_store_healthy").await > 0.0);
    }
    let mut operator = house.database.connect().await;
    // As after a switch to a standby: it answers, and takes nothing.
    let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    sqlx::raw_sql(set).execute(&mut operator).await.unwrap();
    node.postgres.set(Way::Cut);
    node.until("it is red", is_red).await;
    node.postgres.set(Way::Open);
    let is_told = |ready: &serde_json::Value| ready["store"]["failing"].to_string().contains("read-only");
    node.until("it says why", is_told).await;
}

#[tokio::test]
async fn one_node_cut_off_from_redis_serves_on_and_is_healed() {
    let house = House::open(2, &["--without-redis", "ready"]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    for round in 1..=3 {
        house.nodes[1].redis.set(Way::Cut);
        let down = |ready: &serde_json::Value| ready["ready"] == true && ready["nodes"]["bus"] != "healthy";
        house.nodes[1].until("it says so, and is ready as configured", down).await;
        ada.write("a").await;
        bob.write("b").await;
        ada.settle(round).await;
        bob.settle(round).await;
        house.nodes[1].redis.set(Way::Open);
        until_equal(&mut ada, &mut bob, 2 * usize::from(round)).await;
    }
}

#[tokio::test]
async fn a_slow_wire_makes_others_late_and_nothing_wrong() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    house.nodes[0].redis.set(Way::Slow(Duration::from_millis(50)));
    for _ in 0..10 {
        ada.write("a").await;
        bob.write("b").await;
    }
    until_equal(&mut ada, &mut bob, 20).await;
}
