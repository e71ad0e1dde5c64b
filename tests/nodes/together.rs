//! Nothing fails: whatever happens on one node is seen on the others.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, presence};
use super::house::House;

pub fn heard(client: &Client, text: &str) -> bool {
    client.others.iter().any(|message| String::from_utf8_lossy(message).contains(text))
}

#[tokio::test]
async fn what_is_written_on_one_node_is_read_on_the_other_at_once_and_saved_once() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    for round in 0..20 {
        ada.write("a").await;
        bob.until("ada's letter", |bob| bob.notes().matches('a').count() > round).await;
        bob.write("b").await;
        ada.until("bob's letter", |ada| ada.notes().matches('b').count() > round).await;
    }
    ada.settle(1).await;
    bob.settle(1).await;
    assert_eq!(ada.notes(), bob.notes());
    let mut database = house.database.connect().await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM log").fetch_one(&mut database).await.unwrap();
    assert_eq!(rows, 40, "each node writes what its own clients wrote");
}

#[tokio::test]
async fn presence_crosses_nodes_and_goes_with_its_client() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    ada.send(&presence(1, 1, r#"{"name":"ada"}"#)).await;
    bob.until("ada is here", |bob| heard(bob, "ada")).await;
    bob.send(&presence(2, 1, r#"{"name":"bob"}"#)).await;
    ada.until("bob is here", |ada| heard(ada, "bob")).await;
    // Who comes later hears of both, by whichever node.
    let mut cleo = house.join(1, "lisbon", 3).await;
    cleo.send(&[3]).await;
    cleo.until("both are here", |cleo| heard(cleo, "ada") && heard(cleo, "bob")).await;
    let view = house.nodes[1].get("/v1/rooms/lisbon").await;
    let connections: u64 =
        view["present"].as_array().unwrap().iter().map(|present| present["connections"].as_u64().unwrap()).sum();
    assert_eq!(connections, 3, "{view}");
    bob.others.clear();
    drop(ada);
    bob.until("ada is gone", |bob| heard(bob, "null")).await;
}

#[tokio::test]
async fn a_client_that_moves_to_another_node_is_shown_there_and_not_twice() {
    let house = House::open(2, &[]).await;
    let mut watcher = house.join(1, "lisbon", 9).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    ada.send(&presence(1, 5, r#"{"at":"first"}"#)).await;
    watcher.until("ada is here", |watcher| heard(watcher, "first")).await;
    // Its old socket is not closed yet when it comes back, as browsers do, with the clock that it had.
    let mut moved = house.join(1, "lisbon", 1).await;
    moved.send(&presence(1, 5, r#"{"at":"first"}"#)).await;
    moved.until("it is asked to raise its clock", |moved| heard(moved, "null")).await;
    moved.send(&presence(1, 7, r#"{"at":"second"}"#)).await;
    watcher.until("ada has moved", |watcher| heard(watcher, "second")).await;
    watcher.others.clear();
    drop(ada);
    moved.send(&presence(1, 8, r#"{"at":"third"}"#)).await;
    watcher.until("ada is still here", |watcher| heard(watcher, "third")).await;
    assert!(!heard(&watcher, "null"), "the old socket takes nobody away");
}

#[tokio::test]
async fn patches_and_requests_see_one_document_whichever_node_they_ask() {
    let house = House::open(3, &[]).await;
    house.nodes[0].create("lisbon").await;
    for (number, node) in house.nodes.iter().enumerate() {
        assert!(node.patch("lisbon", &format!("from-{number}")).await.is_success());
    }
    for node in &house.nodes {
        node.until_document("lisbon", "all three", |document| {
            (0..3).all(|number| document["items"][format!("from-{number}")]["title"] == json!(format!("from-{number}")))
        })
        .await;
    }
}

#[tokio::test]
async fn a_room_that_is_opened_while_another_node_writes_lacks_nothing() {
    let house = House::open(2, &["--room-idle", "0s"]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    for round in 1..=30u64 {
        ada.write("x").await;
        let mut late = house.join(1, "lisbon", 100 + round).await;
        ada.write("y").await;
        let expected = usize::try_from(2 * round).unwrap();
        late.until("everything", |late| late.notes().len() == expected).await;
    }
}

#[tokio::test]
async fn a_node_that_drains_hands_its_clients_over() {
    let mut house = House::open(2, &["--drain", "5s"]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    bob.send(&presence(2, 1, r#"{"name":"bob"}"#)).await;
    ada.until("bob is here", |ada| heard(ada, "bob")).await;
    ada.others.clear();
    bob.write("the last words").await;
    let leaving = tokio::spawn(house.nodes.remove(1).terminate());
    assert_eq!(bob.closed().await, 1012);
    let started = Instant::now();
    ada.until("bob is gone", |ada| heard(ada, "null")).await;
    assert!(leaving.await.unwrap(), "it ends well");
    assert!(started.elapsed() < Duration::from_secs(6));
    let moved = house.join(0, "lisbon", 3).await;
    assert_eq!(moved.notes(), "the last words");
    house.nodes[0].until("the node has said goodbye", |ready| ready["nodes"]["others"] == json!([])).await;
}

#[tokio::test]
async fn a_room_is_opened_from_redis_and_is_never_stale() {
    let house = House::open(2, &["--room-idle", "0s"]).await;
    let reads = async |node: usize, tier: &str| {
        house.nodes[node].labelled(&format!("triproom_snapshot_reads_total{{tier=\"{tier}\"}}")).await
    };
    let mut text = String::new();
    for round in 0..6u64 {
        // Whoever writes it, the other one opens it next, and has to see it.
        let writer = usize::try_from(round % 2).unwrap();
        let mut ada = house.join(writer, "lisbon", 10 + round).await;
        assert_eq!(ada.notes(), text, "round {round}");
        ada.write("x").await;
        ada.settle(1).await;
        text.push('x');
        drop(ada);
        for node in &house.nodes {
            node.until("the room is closed", |ready| ready["rooms"] == json!(0)).await;
        }
    }
    assert!(reads(0, "redis").await + reads(1, "redis").await >= 4.0, "Redis had it");
    // Whatever stands there under such a name, only the right bytes count.
    house.redis.spoil("triproom:snapshot:*", "nonsense").await;
    let ada = house.join(0, "lisbon", 1).await;
    assert_eq!(ada.notes(), text);
    assert!(reads(0, "database").await >= 1.0, "it was read where it is true");
}

#[tokio::test]
async fn what_is_too_big_for_the_wire_comes_by_the_store() {
    let house = House::open(2, &[]).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    ada.write("small").await;
    bob.until("the small one", |bob| bob.notes().len() == 5).await;
    ada.write(&"x".repeat(3 << 20)).await;
    bob.until("the big one", |bob| bob.notes().len() == 5 + (3 << 20)).await;
    bob.write("!").await;
    ada.until("the answer", |ada| ada.notes().ends_with('!')).await;
}

#[tokio::test]
async fn who_moves_sees_those_on_a_third_node_at_once() {
    let house = House::open(3, &[]).await;
    let mut bob = house.join(1, "lisbon", 2).await;
    bob.send(&presence(2, 4, r#"{"name":"bob"}"#)).await;
    let mut ada = house.join(0, "lisbon", 1).await;
    ada.send(&presence(1, 5, r#"{"name":"ada"}"#)).await;
    bob.until("ada is here", |bob| heard(bob, "ada")).await;
    bob.others.clear();
    drop(ada);
    let mut moved = house.join(2, "lisbon", 1).await;
    moved.send(&presence(1, 5, r#"{"name":"ada"}"#)).await;
    // She takes nobody back whose clock she knows already.
    let mine = presence(2, 5, "null");
    bob.until("he is asked to raise his clock", |bob| bob.others.contains(&mine)).await;
}
