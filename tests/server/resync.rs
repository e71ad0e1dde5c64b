//! A program at a JSON socket that does not read: what passes by is lost to it, and it is told how things are now; what is
//! kept comes all the same, each event once.

use serde_json::{Value, json};

use super::house::House;
use super::listener::Listener;

/// Together more than the system buffers on its way, so that the outbox must overflow.
const TEXTS: usize = 300;
const BYTES: usize = 30_000;

/// The numbers of the kept events among these, as they came.
fn kept(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event["id"].as_str()).map(|id| id.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_did_not_read_is_told_how_things_are_and_misses_nothing_that_is_kept() {
    let house = House::open(&[
        "--outbox",
        "64KiB",
        "--slow-client",
        "10m",
        "--ping",
        "10m",
        "--max-events",
        "10000",
        "--keep-events",
        "100000",
    ])
    .await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", "name=agent:Planner").await;
    let (mut sleepy, _) = Listener::join(house.address, "lisbon", "name=sleepy").await;
    agent.until("member.joined", |event| event["data"]["name"] == "sleepy").await;
    let text = "x".repeat(BYTES);
    let mut said = Vec::new();
    for number in 0..TEXTS {
        let whole = json!({"message": number.to_string(), "chunk": text, "done": true});
        said.push(agent.ask("agent.output", whole, "ack").await["data"]["id"].clone());
    }
    // All of this it misses, too.
    agent.say("agent.status", json!({"state": "waiting", "message": "Is anybody there?"})).await;
    let (mut carl, _) = Listener::join(house.address, "lisbon", "name=carl").await;
    let late = json!({"operations": [
        {"op": "trip.update", "trip": {"start_date": "2026-05-01", "end_date": "2026-05-03"}},
        {"op": "item.add", "item": {"kind": "meal", "title": "Dinner", "day": "2026-06-01"}},
    ]});
    let version = agent.ask("doc.patch", late, "doc.patched").await["data"]["version"].clone();
    let warnings = carl.until("trip.warning", |event| event["data"]["warnings"] != json!([])).await["data"].clone();
    let last = agent.ask("chat.message", json!({"text": "the last"}), "ack").await["data"]["id"].clone();

    let mut heard = Vec::new();
    while !heard.iter().any(|event: &Value| event["id"] == last) {
        heard.push(sleepy.next().await);
    }
    let at =
        heard.iter().position(|event| event["type"] == "room.resync").expect("it is told that it missed something");
    let told = heard.iter().filter(|event| event["type"] == "agent.output").count();
    assert!(told < TEXTS, "something was left out");
    let resync = &heard[at]["data"];
    assert_eq!(resync["version"], version);
    let members: Vec<&str> =
        resync["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap()).collect();
    assert_eq!(members.len(), 3, "{members:?}");
    assert!(["Planner", "sleepy", "carl"].iter().all(|name| members.contains(name)), "{members:?}");
    assert_eq!(resync["agents"].as_array().map(Vec::len), Some(1));
    assert_eq!(resync["agents"][0]["status"], json!({"state": "waiting", "message": "Is anybody there?"}));
    let (before, after) = heard.split_at(at + 1);
    let passing = after.iter().find(|event| event["id"].is_null()).expect("more follows");
    assert_eq!((&passing["type"], &passing["data"]), (&json!("trip.warning"), &warnings));
    // What is kept came by number: some while it slept, the rest behind that.
    let (before, after) = (kept(before), kept(after));
    assert!(!before.is_empty() && after.len() > 10, "{} and {}", before.len(), after.len());
    let numbers = [before, after].concat();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let said = said.iter().map(|id| id.as_str().unwrap().parse().unwrap());
    let missed: Vec<u64> = said.filter(|id| numbers.binary_search(id).is_err()).collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert_eq!(heard.iter().filter(|event| event["type"] == "doc.edited").count(), 1);
    let texts = heard.iter().filter(|event| event["type"] == "chat.message");
    assert_eq!(texts.count(), TEXTS + 1);
    // And it hears what comes now.
    agent.say("agent.status", json!({"state": "completed"})).await;
    sleepy.until("agent.status", |event| event["data"]["state"] == "completed").await;
    house.stop().await.0.unwrap();
}
