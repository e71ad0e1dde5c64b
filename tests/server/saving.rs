//! A disk that fails: rooms go on, nobody is told "saved", and all is written when it is back.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use triproom::store::Fault;

use super::client::sync;
use super::house::{House, eventually};
use super::listener::Listener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_hears_its_own_update_only_after_it_is_durable() {
    let house = House::open(&[]).await;
    let mut ada = house.join("a", 1).await;
    house.fault.set(Fault::Stall);
    let mut bob = house.join("a", 2).await;
    let update = ada.write("hello").await;
    ada.probe(7).await;
    bob.until("the update", |bob| bob.notes() == "hello").await;
    // Bob's question is answered behind anything that Ada could have been sent before it.
    ada.send(&[3]).await;
    ada.until("the answer to a query", |ada| ada.others.iter().any(|message| message[0] == 1)).await;
    assert!(!ada.updates.contains(&update) && !ada.was_answered(7));
    house.fault.set(Fault::None);
    ada.until("the echo and the probe", |ada| ada.updates.contains(&update) && ada.was_answered(7)).await;
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_several_write_each_hears_its_own_updates_too_and_only_after_they_are_durable() {
    let house = House::open(&[]).await;
    let (mut ada, mut bob) = (house.join("a", 1).await, house.join("a", 2).await);
    for round in 1..=20 {
        house.fault.set(if round == 20 { Fault::Stall } else { Fault::None });
        ada.write("a").await;
        bob.until("the update", |bob| bob.notes().len() == 2 * round - 1).await;
        bob.write("b").await;
        ada.until("the update", |ada| ada.notes().len() == 2 * round).await;
    }
    // What goes out with what is said next is durable.
    let mut cleo = house.join("a", 3).await;
    cleo.write("c").await;
    for (client, id) in [(&mut ada, 1), (&mut bob, 2)] {
        client.until("the update", |client| client.notes().len() == 41).await;
        assert!(client.letters_heard_of(id) < 20);
    }
    house.fault.set(Fault::None);
    for (client, id) in [(&mut ada, 1), (&mut bob, 2), (&mut cleo, 3)] {
        client.until("all of its own", |client| client.letters_heard_of(id) == if id == 3 { 1 } else { 20 }).await;
    }
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_fails_rooms_go_on_and_readiness_says_no() {
    let house = House::open(&[]).await;
    let mut health = house.store.health();
    let mut ada = house.join("a", 1).await;
    let mut bob = house.join("a", 2).await;
    house.fault.set(Fault::BeforeCommit);
    ada.write("one ").await;
    ada.probe(1).await;
    health.changed().await.unwrap();
    bob.until("the update", |bob| bob.notes() == "one ").await;
    bob.write("two").await;
    ada.until("the update", |ada| ada.notes() == "one two").await;
    assert!(house.get("/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(house.get("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(!ada.was_answered(1));
    // Somebody who joins now gets what is only in memory.
    assert_eq!(house.join("a", 3).await.notes(), "one two");
    house.fault.set(Fault::None);
    ada.until("the probe's answer", |ada| ada.was_answered(1)).await;
    assert!(house.get("/readyz").await.starts_with("HTTP/1.1 200"));
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &[]).await;
    assert_eq!(house.join("a", 4).await.notes(), "one two");
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_budget_changes_are_refused_and_asked_for_again() {
    let house = House::open(&["--unsaved-budget", "4KiB"]).await;
    let mut ada = house.join("a", 1).await;
    let mut bob = house.join("a", 2).await;
    let (mut agent, _) = Listener::join(house.address, "a", "name=agent:planner").await;
    house.fault.set(Fault::BeforeCommit);
    let mut written = String::new();
    let denied = |client: &super::client::Client| client.others.iter().any(|message| message[0] == 2);
    // One turn may pass the budget, so some turns are needed; each query is answered in one.
    for number in 0..100 {
        let text = format!("{number:0>100}");
        ada.write(&text).await;
        written += &text;
        let answers = ada.others.len();
        ada.send(&[3]).await;
        ada.until("the answer to a query", |ada| ada.others.len() > answers).await;
    }
    assert!(denied(&ada), "the client was warned");
    ada.probe(9).await;
    let seen = bob.notes().len();
    assert!(seen < written.len());
    agent.until("room.notice", |notice| notice["data"]["level"] == "warning").await;
    // However much is said meanwhile.
    let mut cleo = house.join("a", 3).await;
    let noise = tokio::spawn(async move {
        loop {
            cleo.send(&[3]).await;
            sleep(Duration::from_millis(50)).await;
        }
    });
    house.fault.set(Fault::None);
    let healed = async {
        agent.until("room.notice", |notice| notice["data"]["level"] == "info").await;
        ada.until("the probe's answer", |ada| ada.was_answered(9)).await;
        bob.until("everything", |bob| bob.notes() == written).await;
    };
    timeout(Duration::from_secs(5), healed).await.expect("those who were refused are asked soon");
    noise.abort();
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_unknown_outcome_writes_nothing_twice() {
    let house = House::open(&[]).await;
    let mut ada = house.join("a", 1).await;
    house.fault.set(Fault::AfterCommit);
    let mut struck = house.fault.struck();
    ada.write("once").await;
    struck.changed().await.unwrap();
    house.fault.set(Fault::None);
    ada.settle(1).await;
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &[]).await;
    assert_eq!(house.join("a", 2).await.notes(), "once");
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impossible_update_costs_its_sender_the_socket_and_nobody_else_notices() {
    let house = House::open(&[]).await;
    let mut ada = house.join("a", 1).await;
    ada.write("fine").await;
    ada.settle(0).await;
    let mut mallory = house.join("a", 9).await;
    // A text inside a text's block, which can hold nothing.
    let update = [1, 1, 9, 0, 4, 0, 1, 0, 1, b'x', 0];
    mallory.send(&sync(2, &update)).await;
    assert_eq!(mallory.closed().await, 4400);
    ada.write(" still").await;
    ada.settle(1).await;
    assert_eq!(house.join("a", 3).await.notes(), "fine still");
    eventually("mallory is gone", || house.hub.connections() <= 2).await;
    house.stop().await.0.unwrap();
}
