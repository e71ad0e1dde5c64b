//! The log of events of a room on several nodes: one order for all, and nothing missed or doubled by whoever goes from one node
//! to another, or whose node dies.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::house::{DEADLINE, House, LOOK};
use super::listener::Listener;
use super::receiver::{Receiver, SECRET, texts};

const MANY: &[&str] = &["--max-events", "10000", "--max-event-requests", "1000"];

fn id(event: &Value) -> u64 {
    event["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn everybody_hears_all_of_it_in_one_order_by_whatever_node() {
    let house = House::open(3, MANY).await;
    let mut speakers = Vec::new();
    for (node, name) in ["ada", "bob"].into_iter().enumerate() {
        speakers.push(Listener::join(house.nodes[node].address, "lisbon", &format!("name={name}")).await.0);
    }
    let (mut cleo, _) = Listener::join(house.nodes[2].address, "lisbon", "name=cleo").await;
    for number in 0..100 {
        for speaker in &mut speakers {
            speaker.say("chat.message", json!({"text": number.to_string(), "client_id": number.to_string()})).await;
        }
    }
    for listener in speakers.iter_mut().chain([&mut cleo]) {
        for number in 1..=200 {
            assert_eq!(id(&listener.until("chat.message", |_| true).await), number);
        }
    }
    // The same again by another node is nothing new.
    let (mut ada, _) = Listener::join(house.nodes[2].address, "lisbon", "name=ada").await;
    let me = ada.ask("chat.message", json!({"text": "x"}), "ack").await;
    assert_eq!(me["data"]["id"], "201");
}

#[tokio::test]
async fn whoever_comes_back_by_another_node_after_a_kill_misses_nothing_that_was_acknowledged() {
    let mut house = House::open(2, MANY).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut ada, _) = Listener::join(house.nodes[0].address, "lisbon", "name=ada").await;
    let mut acknowledged = 0;
    for number in 1..=40 {
        let text = json!({"text": number.to_string(), "client_id": number.to_string()});
        if number <= 30 {
            acknowledged = id(&ada.ask("chat.message", text, "ack").await["data"]);
        } else {
            ada.say("chat.message", text).await;
        }
    }
    house.nodes.remove(0).kill().await;
    let (mut back, welcome) = Listener::join(house.nodes[0].address, "lisbon", "name=ada&cursor=10").await;
    assert_eq!(welcome["cursor"], "10");
    for number in 11..=acknowledged {
        let event = back.until("chat.message", |_| true).await;
        assert_eq!((id(&event), &event["data"]["text"]), (number, &json!(number.to_string())));
    }
    // Those who stayed hear what the dead node could not say any more, before what is new.
    back.ask("chat.message", json!({"text": "again"}), "ack").await;
    let mut last = 0;
    loop {
        let event = bob.until("chat.message", |_| true).await;
        assert_eq!(id(&event), last + 1);
        last += 1;
        if event["data"]["text"] == "again" {
            break;
        }
    }
    assert!(last > acknowledged);
}

#[tokio::test]
async fn a_suggestion_is_decided_once_by_whatever_node() {
    let house = House::open(2, &[]).await;
    let [first, second] = &house.nodes[..] else { panic!("there are two") };
    first.create("lisbon").await;
    let (mut ada, _) = Listener::join(second.address, "lisbon", "name=ada").await;
    let title = json!([{"op": "replace", "path": "/trip/title", "value": "Porto"}]);
    let suggest = "/v1/rooms/lisbon/document?suggest=true&name=agent:planner";
    let (status, made) = first.send(Method::PATCH, suggest, Some(&title)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{made}");
    let told = ada.until("suggestion.made", |_| true).await;
    assert_eq!((&told["id"], &told["data"]["operations"]), (&made["id"], &title));
    ada.ask("suggestion.accept", json!({"id": made["id"]}), "ack").await;
    let decide = format!("/v1/rooms/lisbon/suggestions/{}/reject", id(&made));
    let (status, problem) = first.send(Method::POST, &decide, None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("already_decided")));
    first.until_document("lisbon", "the change is made", |document| document["trip"]["title"] == "Porto").await;
}

#[tokio::test]
async fn a_room_that_another_node_looks_after_is_not_opened_again_for_a_webhook() {
    let (_receiver, address) = Receiver::open().await;
    let url = format!("http://{address}/events");
    let options = ["--webhook", &url, "--webhook-secret", SECRET, "--room-idle", "300ms"];
    let house = House::open(2, &[&options, MANY].concat()).await;
    for (leaves, stays) in [(0, 1), (1, 0)] {
        let (mut gone, _) = Listener::join(house.nodes[leaves].address, "lisbon", "name=ada").await;
        let (mut here, _) = Listener::join(house.nodes[stays].address, "lisbon", "name=bob").await;
        gone.ask("chat.message", json!({"text": "hello"}), "ack").await;
        gone.socket.close(None).await.unwrap();
        drop(gone);
        let node = &house.nodes[leaves];
        let closing = async {
            while node.metric("triproom_rooms").await > 0.0 {
                sleep(LOOK).await;
            }
        };
        timeout(DEADLINE, closing).await.expect("the room is closed there");
        // Long enough to open and close it some times more.
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            here.ask("chat.message", json!({"text": "still here"}), "ack").await;
            assert!(node.metric("triproom_rooms").await < 1.0, "it is open again");
            sleep(LOOK).await;
        }
        here.socket.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn a_webhook_is_told_by_one_node_and_by_another_when_that_one_is_dead() {
    let (receiver, address) = Receiver::open().await;
    let url = format!("http://{address}/events");
    let options = ["--webhook", &url, "--webhook-secret", SECRET, "--webhook-digest", "50ms"];
    let mut house = House::open(2, &options).await;
    let mut speakers = Vec::new();
    for node in 0..2 {
        speakers.push(Listener::join(house.nodes[node].address, "lisbon", "name=ada").await.0);
    }
    for number in 0..20 {
        for speaker in &mut speakers {
            speaker.ask("chat.message", json!({"text": number.to_string()}), "ack").await;
        }
    }
    receiver.until("all is posted", |receiver| receiver.taken("chat.message").len() >= 40).await;
    let ids: Vec<u64> = receiver.taken("chat.message").iter().map(id).collect();
    assert_eq!(ids, (1..=40).collect::<Vec<_>>(), "each once and in order");
    house.nodes.remove(0).kill().await;
    speakers[1].ask("chat.message", json!({"text": "later"}), "ack").await;
    receiver
        .until("the other one posts it", |receiver| texts(&receiver.taken("chat.message")).contains(&"later"))
        .await;
}
