//! Where somebody looks, heard by everybody over every protocol; and what is said of the document when nobody asked.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::presence;
use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";

fn from(who: &str) -> impl Fn(&Value) -> bool {
    move |event| event["from"]["name"] == who
}

#[tokio::test]
async fn programs_and_browsers_hear_where_others_look() {
    let house = House::open(&[]).await;
    let (mut agent, welcome) = Listener::join(house.address, "lisbon", PLANNER).await;
    assert!(welcome["features"].as_array().unwrap().contains(&json!("presence.changed")));
    let mut browser = house.join("lisbon", 7).await;
    browser
        .send(&presence(7, 1, r##"{"user":{"name":"Ada","color":"#123456"},"focus":"/items/a/title","typing":true}"##))
        .await;
    let told = agent.until("presence.changed", |event| event["data"]["active"] == true).await;
    assert_eq!(
        (&told["data"]["focus"], &told["data"]["typing"], &told["data"]["color"]),
        (&json!("/items/a/title"), &json!(true), &json!("#123456"))
    );
    assert!(told["data"]["last_seen"].is_string() && told.get("id").is_none() && told["from"]["kind"] == "user");

    let (mut bob, _) = Listener::join(house.address, "lisbon", "name=bob").await;
    let there = json!({"focus": "/notes", "cursor": {"line": 3}, "typing": true});
    bob.say("presence.changed", there).await;
    let told = agent.until("presence.changed", from("bob")).await;
    assert_eq!((&told["data"]["focus"], &told["data"]["cursor"]["line"]), (&json!("/notes"), &json!(3)));
    let shows = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains(r#""focus":"/notes""#);
    browser.until("a browser sees where bob looks", |browser| browser.others.iter().any(shows)).await;
    agent.say("presence.changed", json!({"focus": "/items/a"})).await;
    let told = bob.until("presence.changed", from("Planner")).await;
    assert_eq!((&told["data"]["focus"], &told["data"]["active"]), (&json!("/items/a"), &json!(true)));
    assert!(agent.ask("presence.changed", json!({"focus": "items"}), "error").await["data"]["field"] == "/data/focus");
    // Whoever is gone looks nowhere.
    drop(bob);
    let told = agent.until("presence.changed", |event| from("bob")(event) && event["data"]["active"] == false).await;
    assert_eq!(told["data"]["focus"], json!(null));
}

#[tokio::test]
async fn whoever_asks_is_told_values() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    agent.say("doc.subscribe", json!({"pointers": ["/trip"], "interval_ms": 250, "values": true})).await;
    for title in ["Lisbon", "Porto"] {
        let patch = json!({"operations": [{"op": "trip.update", "trip": {"title": title}}]});
        let patched = ada.ask("doc.patch", patch, "doc.patched").await;
        let told = agent.until("doc.changed", |event| event["data"]["version"] == patched["data"]["version"]).await;
        let before = if title == "Lisbon" { json!(null) } else { json!("\"Lisbon\"") };
        let change = json!({"pointer": "/trip/title", "before": before, "after": format!("{title:?}")});
        assert_eq!(told["data"]["changes"], json!([change]));
        let told = ada.until("doc.changed", |event| event["data"]["version"] == patched["data"]["version"]).await;
        assert!(told["data"].get("changes").is_none());
    }
    let saved = agent.until("doc.saved", |_| true).await;
    assert!(saved["data"]["version"].is_string());
}

#[tokio::test]
async fn comments_are_written_by_themselves_and_heard_of() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let said = json!({"text": "Is the tram running?", "anchor": "/items/tram"});
    let added = ada.ask("comment.add", said, "comment.changed").await["data"].clone();
    let id = added["id"].as_str().unwrap().to_owned();
    assert_eq!((&added["comment"]["text"], &added["comment"]["by"]), (&json!("Is the tram running?"), &json!("ada")));
    let of_it = |event: &Value| event["data"]["id"] == json!(id);
    assert_eq!(agent.until("comment.changed", of_it).await["data"]["comment"], added["comment"]);
    let edited = ada.ask("comment.edit", json!({"id": id, "text": "And on Sunday?"}), "comment.changed").await;
    assert_eq!(edited["data"]["comment"]["text"], "And on Sunday?");
    let resolved = agent.ask("comment.resolve", json!({"id": id}), "comment.changed").await;
    assert_eq!(resolved["data"]["comment"]["resolved"], true);
    let others = agent.ask("comment.edit", json!({"id": id, "text": "x"}), "doc.rejected").await;
    assert_eq!(others["data"]["code"], "not_allowed");
    let wrong = agent.ask("comment.add", json!({"txt": "x"}), "error").await;
    assert_eq!((&wrong["data"]["code"], &wrong["data"]["field"]), (&json!("invalid_message"), &json!("/data/txt")));
    let patch = json!({"operations": [{"op": "remove", "path": format!("/comments/{id}")}]});
    ada.ask("doc.patch", patch, "doc.patched").await;
    let gone = agent.until("comment.changed", |event| of_it(event) && event["data"]["comment"].is_null()).await;
    assert_eq!(gone["data"]["comment"], json!(null));
}

async fn append(listener: &mut Listener, key: &str, text: &str, answer: &str) -> Value {
    let patch = json!({"operations": [{"op": "note.append", "text": text}], "idempotency_key": key});
    listener.ask("doc.patch", patch, answer).await["data"].clone()
}

async fn notes(listener: &mut Listener) -> Value {
    listener.ask("doc.read", json!({"pointer": "/notes"}), "doc.content").await["data"]["value"].clone()
}

#[tokio::test]
async fn a_patch_with_a_key_is_done_once_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let house = House::open_in(folder, &[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let first = append(&mut agent, "k1", "Bring water", "doc.patched").await;
    append(&mut agent, "k2", "Bring sunscreen", "doc.patched").await;
    assert_eq!(append(&mut agent, "k1", "Bring water", "doc.patched").await, first, "as it was answered then");
    let other = append(&mut agent, "k1", "Bring wine", "doc.rejected").await;
    assert_eq!((&other["code"], &other["field"]), (&json!("idempotency_mismatch"), &json!("/data/idempotency_key")));
    // Keys are of whoever uses them.
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    append(&mut ada, "k1", "Bring cards", "doc.patched").await;
    drop((agent, ada));
    let (stopped, folder) = house.stop().await;
    stopped.unwrap();
    let house = House::open_in(folder, &[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    assert_eq!(append(&mut agent, "k1", "Bring water", "doc.patched").await, first);
    assert_eq!(notes(&mut agent).await, "Bring water\nBring sunscreen\nBring cards");
    assert_eq!(append(&mut agent, "", "x", "doc.rejected").await["field"], "/data/idempotency_key");
}
