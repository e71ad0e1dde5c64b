//! Changes that are put forward: nothing happens until somebody decides, and then once.

use serde_json::json;

use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";

#[tokio::test]
async fn a_suggestion_is_made_when_somebody_accepts_it_and_not_before() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let operations = json!([
        {"op": "item.add", "item": {"kind": "event", "title": "Fado"}},
        {"op": "comment.add", "text": "Booked out on Fridays."},
    ]);
    let wanted = json!({"operations": operations, "suggest": true, "run": "evening"});
    let ack = agent.ask("doc.patch", wanted.clone(), "ack").await["data"].clone();
    let made = ada.until("suggestion.made", |_| true).await;
    assert_eq!((&made["id"], &made["data"]["operations"]), (&ack["id"], &operations));
    assert_eq!((&made["data"]["summary"], &made["data"]["run"]), (&json!("item.add, comment.add"), &json!("evening")));
    assert_eq!(made["data"]["changes"].as_array().map(Vec::len), Some(2));
    assert_eq!(ada.ask("doc.read", json!({"pointer": "/items"}), "doc.content").await["data"]["value"], json!({}));
    let (stopped, folder) = house.stop().await;
    stopped.unwrap();

    let house = House::open_in(folder, &[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let accept = json!({"id": made["id"]});
    let decided = ada.ask("suggestion.accept", accept.clone(), "ack").await["data"]["id"].clone();
    let told = agent.until("suggestion.accepted", |_| true).await;
    assert_eq!((&told["id"], &told["data"]["id"], &told["from"]["name"]), (&decided, &made["id"], &json!("ada")));
    assert_eq!(told["data"]["suggested_by"], "agent:Planner");
    let trip = ada.ask("doc.read", json!({}), "doc.content").await["data"]["value"].clone();
    assert_eq!(trip["items"].as_object().map(serde_json::Map::len), Some(1));
    let comment = trip["comments"].as_object().and_then(|all| all.values().next()).unwrap().clone();
    assert_eq!(comment["by"], told["from"]["id"], "whoever accepts it does it");
    for again in ["suggestion.accept", "suggestion.reject"] {
        assert_eq!(ada.ask(again, accept.clone(), "error").await["data"]["code"], "already_decided");
    }
    let other = agent.ask("doc.patch", wanted, "ack").await["data"]["id"].clone();
    ada.ask("suggestion.reject", json!({"id": other}), "ack").await;
    assert_eq!(agent.until("suggestion.rejected", |_| true).await["data"]["id"], other);
    let now = ada.ask("doc.read", json!({}), "doc.content").await["data"]["value"].clone();
    assert_eq!(now, trip, "nothing was made twice");
    for (wrong, code) in [("1000", "not_found"), ("x", "invalid_message"), (decided.as_str().unwrap(), "not_found")] {
        assert_eq!(ada.ask("suggestion.accept", json!({"id": wrong}), "error").await["data"]["code"], code);
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_not_put_forward_and_what_no_longer_can_stays_open() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let missing = json!({"operations": [{"op": "item.remove", "id": "none"}], "suggest": true});
    assert_eq!(agent.ask("doc.patch", missing, "doc.rejected").await["data"]["code"], "not_found");
    let stale = json!({"operations": [], "suggest": true, "if_version": "0".repeat(32)});
    assert_eq!(agent.ask("doc.patch", stale, "doc.rejected").await["data"]["code"], "version_mismatch");
    let long = json!({"operations": [{"op": "note.append", "text": "x".repeat(70_000)}], "suggest": true});
    assert_eq!(agent.ask("doc.patch", long, "doc.rejected").await["data"]["code"], "message_too_large");
    let add = json!([{"op": "item.add", "id": "fado", "item": {"kind": "event", "title": "Fado"}}]);
    ada.ask("doc.patch", json!({"operations": add}), "doc.patched").await;
    let remove = json!({"operations": [{"op": "item.remove", "id": "fado"}], "suggest": true});
    let id = agent.ask("doc.patch", remove.clone(), "ack").await["data"]["id"].clone();
    let away = json!({"operations": remove["operations"]});
    ada.ask("doc.patch", away, "doc.patched").await;
    let accept = json!({"id": id});
    assert_eq!(ada.ask("suggestion.accept", accept.clone(), "error").await["data"]["code"], "not_found");
    ada.ask("doc.patch", json!({"operations": add}), "doc.patched").await;
    ada.ask("suggestion.accept", accept, "ack").await;
    assert_eq!(ada.ask("doc.read", json!({"pointer": "/items"}), "doc.content").await["data"]["value"], json!({}));
}
