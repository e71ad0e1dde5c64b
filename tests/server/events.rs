//! JSON sockets: what they are told, what they may say, and what becomes of what is wrong.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use yrs::{Doc, Map, ReadTxn, Transact};

use super::client::{presence, sync};
use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";

fn meal(title: &str) -> Value {
    json!({"kind": "meal", "title": title})
}

fn add(path: &str, value: &Value) -> Value {
    json!({"operations": [{"op": "add", "path": path, "value": value}]})
}

#[tokio::test]
async fn an_agent_is_welcomed_first_and_reads_and_writes_the_trip() {
    let house = House::open(&[]).await;
    let (mut agent, welcome) = Listener::join(house.address, "lisbon", PLANNER).await;
    assert_eq!((&welcome["consumer"], &welcome["me"]["id"]), (&json!("agent"), &json!("agent:Planner")));
    assert_eq!(welcome["members"].as_array().unwrap().len(), 1);
    let patched = agent.ask("doc.patch", add("/items/a", &meal("Pastéis")), "doc.patched").await;
    let read = agent.ask("doc.read", json!({"pointer": "/items/a/title"}), "doc.content").await;
    assert_eq!(read["data"]["value"], "Pastéis");
    assert_eq!(read["data"]["version"], patched["data"]["version"]);
    let stale = json!({"operations": [], "if_version": welcome["version"]});
    let rejected = agent.ask("doc.patch", stale, "doc.rejected").await;
    assert_eq!(
        (&rejected["data"]["code"], &rejected["data"]["version"]),
        (&json!("version_mismatch"), &patched["data"]["version"])
    );
    let missing = json!({"operations": [{"op": "replace", "path": "/items/b/title", "value": "x"}]});
    let rejected = agent.ask("doc.patch", missing, "doc.rejected").await;
    assert_eq!(
        (&rejected["data"]["code"], &rejected["data"]["field"]),
        (&json!("not_found"), &json!("/items/b/title"))
    );
    assert!(rejected["data"]["hint"].is_string());
    let mut ada = house.join("lisbon", 1).await;
    ada.until("the trip is there", |ada| ada.has_root("items")).await;
}

#[tokio::test]
async fn verbs_need_no_ids_and_a_dry_run_says_what_would_follow() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let dates = json!({"operations": [
        {"op": "trip.update", "trip": {"title": "Lisbon", "start_date": "2026-05-01", "end_date": "2026-05-03"}},
        {"op": "item.add", "item": {"kind": "meal", "title": "Pastéis", "day": "2026-05-02"}},
        {"op": "note.append", "text": "Bring sunscreen"},
    ]});
    let patched = agent.ask("doc.patch", dates, "doc.patched").await;
    assert_eq!(patched["data"]["added"][0]["operation"], 1);
    let item = patched["data"]["added"][0]["id"].as_str().unwrap().to_owned();
    let beyond = json!({"operations": [{"op": "item.move", "id": item, "day": "2026-06-01"}], "dry_run": true});
    let previewed = agent.ask("doc.patch", beyond.clone(), "doc.previewed").await["data"].clone();
    assert_eq!(previewed["changes"][0]["pointer"], format!("/items/{item}/day"));
    assert_eq!(previewed["warnings"][0]["code"], "outside_dates");
    assert_eq!(previewed["version"], patched["data"]["version"], "nothing has changed");
    let done = json!({"operations": beyond["operations"]});
    agent.ask("doc.patch", done, "doc.patched").await;
    let warned = agent.until("trip.warning", |event| event["data"]["warnings"] != json!([])).await;
    assert_eq!(warned["data"]["warnings"][0]["pointers"][0].as_str().unwrap().split('/').nth(2), Some(&*item));
    // Whoever comes later hears of it at once, and everybody when it is mended.
    let (mut late, _) = Listener::join(house.address, "lisbon", "name=late").await;
    late.until("trip.warning", |event| event["data"]["warnings"] != json!([])).await;
    let back = json!({"operations": [{"op": "item.move", "id": item, "day": "2026-05-03"}]});
    agent.ask("doc.patch", back, "doc.patched").await;
    late.until("trip.warning", |event| event["data"]["warnings"] == json!([])).await;
    let unknown = json!({"operations": [{"op": "item.remove", "id": "item-nothing"}]});
    assert_eq!(agent.ask("doc.patch", unknown, "doc.rejected").await["data"]["code"], "not_found");
}

#[tokio::test]
async fn what_is_wrong_is_answered_and_the_socket_stays() {
    let house = House::open(&["--max-event", "2KiB", "--max-request", "4KiB"]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    for (frame, code, field) in [
        ("{".to_owned(), "invalid_message", Value::Null),
        ("[1]".to_owned(), "invalid_message", Value::Null),
        (json!({"type": "chat.mesage"}).to_string(), "unknown_type", json!("/type")),
        (json!({"type": "ping", "v": 2}).to_string(), "invalid_message", json!("/v")),
        (json!({"type": "doc.read", "data": {"pointer": 7}}).to_string(), "invalid_message", json!("/data/pointer")),
        (json!({"type": "doc.read", "data": {"pointer": "/none"}}).to_string(), "not_found", json!("/data/pointer")),
        (
            json!({"type": "agent.status", "data": {"state": "happy"}}).to_string(),
            "invalid_message",
            json!("/data/state"),
        ),
        (
            json!({"type": "agent.status", "data": {"state": "active", "progress": 40}}).to_string(),
            "invalid_message",
            json!("/data/progress"),
        ),
        (
            json!({"type": "doc.subscribe", "data": {"pointers": ["items"]}}).to_string(),
            "invalid_message",
            json!("/data/pointers/0"),
        ),
        (
            json!({"type": "agent.status", "data": {"state": "active", "message": "x".repeat(2_100)}}).to_string(),
            "message_too_large",
            Value::Null,
        ),
        (
            json!({"type": "doc.read", "data": {"pointer": "x".repeat(5_000)}}).to_string(),
            "message_too_large",
            Value::Null,
        ),
    ] {
        agent.send(&frame).await;
        let error = agent.until("error", |_| true).await;
        assert_eq!((&error["data"]["code"], &error["data"]["field"]), (&json!(code), &field), "{frame} {error}");
    }
    agent.ask("ping", json!({}), "pong").await;
}

#[tokio::test]
async fn whoever_floods_is_warned_and_then_closed() {
    let house = House::open(&["--max-events", "1"]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    for _ in 0..40 {
        agent.send(r#"{"type":"ping"}"#).await;
    }
    let error = agent.until("error", |_| true).await;
    assert_eq!((&error["data"]["code"], &error["data"]["retryable"]), (&json!("rate_limited"), &json!(true)));
    assert!(error["data"]["retry_after_ms"].as_u64().unwrap() > 0);
    for _ in 0..120 {
        agent.send(r#"{"type":"ping"}"#).await;
    }
    assert_eq!(agent.closed().await, 4529);
}

#[tokio::test]
async fn everybody_sees_how_an_agent_is_until_it_is_gone() {
    let house = House::open(&[]).await;
    let mut ada = house.join("lisbon", 1).await;
    let (mut bob, _) = Listener::join(house.address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    assert_eq!(bob.until("member.joined", |_| true).await["data"]["id"], "agent:Planner");
    let status = json!({"state": "thinking", "progress": 0.25, "message": "Comparing hotels"});
    agent.say("agent.status", status.clone()).await;
    let heard = bob.until("agent.status", |event| event["data"]["state"] == "thinking").await;
    assert_eq!((&heard["data"], &heard["from"]["name"]), (&status, &json!("Planner")));
    // Browsers see it as a client like any other.
    let says = |text: &str| {
        let text = text.to_owned();
        move |ada: &super::client::Client| {
            ada.others.iter().any(|message| String::from_utf8_lossy(message).contains(&text))
        }
    };
    ada.until("the agent is shown", says("Comparing hotels")).await;
    // A second socket of the same agent is the same agent.
    let (mut twin, welcome) = Listener::join(house.address, "lisbon", PLANNER).await;
    assert_eq!(welcome["agents"][0]["status"], status);
    drop(agent);
    twin.say("agent.status", json!({"state": "waiting"})).await;
    bob.until("agent.status", |event| event["data"]["state"] == "waiting").await;
    drop(twin);
    bob.until("agent.status", |event| event["data"]["state"] == "offline").await;
    assert_eq!(bob.until("member.left", |_| true).await["data"]["id"], "agent:Planner");
    bob.say("agent.status", json!({"state": "active"})).await;
    assert_eq!(bob.until("error", |_| true).await["data"]["code"], "permission_denied");
}

#[tokio::test]
async fn nobody_takes_the_client_id_of_an_agent() {
    let house = House::open(&[]).await;
    let hash = Sha256::digest("agent:Planner");
    let id = u64::from(u32::from_le_bytes(hash[..4].try_into().unwrap()));
    let (mut bob, _) = Listener::join(house.address, "lisbon", "name=bob").await;
    // Somebody has written under it, and speaks under it, before the agent comes.
    let mut eve = house.join("lisbon", id).await;
    eve.write("x").await;
    let forged = |clock| presence(id, clock, r#"{"agent":{"at":"","status":{"state":"error"}}}"#);
    eve.send(&forged(5)).await;
    eve.settle(1).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    for (round, state) in (2..).zip(["thinking", "waiting", "executing"]) {
        agent.say("agent.status", json!({"state": state})).await;
        bob.until("agent.status", |event| event["data"]["state"] == state).await;
        eve.send(&forged(4_000_000_000 + u64::from(round))).await;
        eve.write("y").await;
        eve.settle(round).await;
    }
    let (_, welcome) = Listener::join(house.address, "lisbon", "name=late").await;
    assert_eq!(welcome["agents"][0]["status"]["state"], "executing");
    drop(agent);
    bob.until("agent.status", |event| event["data"]["state"] == "offline").await;
}

#[tokio::test]
async fn a_long_answer_is_read_by_whoever_goes_on_asking() {
    let house = House::open(&["--outbox", "64KiB", "--max-event-requests", "16"]).await;
    let mut ada = house.join("lisbon", 1).await;
    ada.write_much(100, 40_000).await;
    ada.settle(1).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    for _ in 0..3 {
        agent.say("doc.read", json!({"pointer": "/notes"})).await;
        agent.say("ping", json!({})).await;
    }
    for _ in 0..3 {
        let read = agent.until("doc.content", |_| true).await;
        assert_eq!(read["data"]["value"].as_str().unwrap().len(), 4_000_000);
        agent.until("pong", |_| true).await;
    }
}

#[tokio::test]
async fn changes_are_told_as_pointers_with_who_made_them_and_not_too_often() {
    let house = House::open(&[]).await;
    let (mut bob, _) = Listener::join(house.address, "lisbon", "name=bob").await;
    let (mut notes, _) = Listener::join(house.address, "lisbon", "name=carl").await;
    notes.say("doc.subscribe", json!({"pointers": ["/notes"], "interval_ms": 250})).await;
    notes.ask("ping", json!({}), "pong").await;
    let mut ada = house.join("lisbon", 1).await;
    for word in ["a", "b", "c"] {
        ada.write(word).await;
    }
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    agent.ask("doc.patch", add("/items/a", &meal("x")), "doc.patched").await;
    let mut found = std::collections::BTreeSet::new();
    let mut authors = std::collections::BTreeSet::new();
    while !(found.contains("/items/a") && found.contains("/notes")) {
        let changed = bob.until("doc.changed", |_| true).await;
        let texts = |field: &str| {
            let list = changed["data"][field].as_array().unwrap().iter();
            list.map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        found.extend(texts("pointers"));
        authors.extend(texts("by"));
        assert_eq!(changed["data"]["more"], false);
    }
    assert!(authors.contains("agent:Planner") && authors.len() == 2, "{authors:?}");
    let heard = notes.until("doc.changed", |_| true).await;
    assert_eq!(heard["data"]["pointers"], json!(["/notes"]), "and nothing beside it");
    // Whoever wants to hear nothing hears nothing.
    notes.say("doc.subscribe", json!({"interval_ms": 0})).await;
    notes.ask("ping", json!({}), "pong").await;
    agent.ask("doc.patch", add("/items/b", &meal("y")), "doc.patched").await;
    bob.until("doc.changed", |event| event["data"]["pointers"] == json!(["/items/b"])).await;
    let version = bob.ask("doc.read", json!({}), "doc.content").await["data"]["version"].clone();
    let last = notes.ask("doc.read", json!({}), "doc.content").await;
    assert_eq!(last["data"]["version"], version);
}

#[tokio::test]
async fn patches_and_typing_in_any_order_leave_the_same_trip_everywhere() {
    let seed = fastrand::u64(..10_000);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let house = House::open(&[]).await;
    let mut ada = house.join("lisbon", 1).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let other = Doc::with_client_id(77);
    for round in 0..40 {
        match random.u8(0..3) {
            0 => drop(ada.write("n").await),
            1 => {
                let path = format!("/items/{}", random.u8(0..5));
                agent.ask("doc.patch", add(&path, &meal(&round.to_string())), "doc.patched").await;
            }
            _ => {
                let before = other.transact().state_vector();
                let key = random.u8(0..5).to_string();
                other.get_or_insert_map("destinations").insert(&mut other.transact_mut(), key, round);
                let update = other.transact().encode_state_as_update_v1(&before);
                ada.send(&sync(2, &update)).await;
            }
        }
    }
    ada.settle(1).await;
    let read = agent.ask("doc.read", json!({}), "doc.content").await;
    let (mut late, welcome) = Listener::join(house.address, "lisbon", "name=late").await;
    assert_eq!(welcome["version"], read["data"]["version"]);
    let shown = late.ask("doc.read", json!({}), "doc.content").await;
    assert_eq!(shown["data"], read["data"]);
    let body = read["data"]["value"].clone();
    assert_eq!(body["notes"].as_str().unwrap(), ada.notes());
}

#[tokio::test]
async fn the_other_kind_of_frames_is_refused_and_a_drain_says_when_to_come_back() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::protocol::Message;
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    agent.socket.send(Message::Binary(vec![0, 0, 1, 0].into())).await.unwrap();
    assert_eq!(agent.closed().await, 1003);
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let stopping = tokio::spawn(house.stop());
    let closing = agent.until("room.closing", |_| true).await;
    assert_eq!((&closing["data"]["code"], &closing["data"]["reason"]), (&json!(1012), &json!("restart")));
    assert!(closing["data"]["reconnect_after_ms"].is_u64());
    assert_eq!(agent.closed().await, 1012);
    stopping.await.unwrap().0.unwrap();
}
