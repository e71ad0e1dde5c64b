//! Agents on JSON sockets: how each is crosses nodes, and is gone with its node.

use std::time::{Duration, Instant};

use serde_json::json;

use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";

#[tokio::test]
async fn how_an_agent_is_crosses_nodes_within_a_second_and_goes_with_its_node() {
    let mut house = House::open(3, &[]).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.nodes[0].address, "lisbon", PLANNER).await;
    bob.until("member.joined", |event| event["data"]["id"] == "agent:Planner").await;
    for step in 1..=5 {
        let said = Instant::now();
        agent.say("agent.status", json!({"state": "executing", "steps": step})).await;
        let heard = bob.until("agent.status", |event| event["data"]["steps"] == step).await;
        assert!(said.elapsed() < Duration::from_secs(1), "{:?}", said.elapsed());
        assert_eq!(heard["from"]["id"], "agent:Planner");
    }
    // Whoever comes later, by another node, is told at once.
    let (_, welcome) = Listener::join(house.nodes[2].address, "lisbon", "name=cleo").await;
    assert_eq!(welcome["agents"][0]["status"]["steps"], 5);
    // It is one agent by however many nodes.
    let (mut twin, _) = Listener::join(house.nodes[2].address, "lisbon", PLANNER).await;
    twin.say("agent.status", json!({"state": "waiting"})).await;
    bob.until("agent.status", |event| event["data"]["state"] == "waiting").await;
    twin.socket.close(None).await.unwrap();
    let killed = Instant::now();
    house.nodes.remove(0).kill().await;
    bob.until("agent.status", |event| event["data"]["state"] == "offline").await;
    assert!(killed.elapsed() < Duration::from_secs(6), "{:?}", killed.elapsed());
}

#[tokio::test]
async fn what_an_agent_writes_on_one_node_is_told_on_the_other() {
    let house = House::open(2, &[]).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.nodes[0].address, "lisbon", PLANNER).await;
    let meal = json!({"operations": [{"op": "item.add", "id": "a", "item": {"kind": "meal", "title": "x"}}]});
    agent.ask("doc.patch", meal, "doc.patched").await;
    bob.until("doc.changed", |event| event["data"]["pointers"] == json!(["/items/a"])).await;
    let title = bob.ask("doc.read", json!({"pointer": "/items/a/title"}), "doc.content").await;
    assert_eq!(title["data"]["value"], "x");
}

#[tokio::test]
async fn what_an_agent_did_on_one_node_is_taken_back_on_the_other_once() {
    let house = House::open(2, &[]).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.nodes[0].address, "lisbon", PLANNER).await;
    let start = json!({"operations": [{"op": "note.append", "text": "We fly. We sing."}]});
    bob.ask("doc.patch", start, "doc.patched").await;
    agent.until("doc.changed", |event| event["data"]["pointers"] == json!(["/notes"])).await;
    let quiet = json!({"operations": [{"op": "replace", "path": "/notes", "value": "We fly."}], "run": "quiet"});
    agent.ask("doc.patch", quiet, "doc.patched").await;
    bob.until("doc.edited", |event| event["data"]["run"] == "quiet").await;
    let notes = json!({"pointer": "/notes"});
    while bob.ask("doc.read", notes.clone(), "doc.content").await["data"]["value"] != "We fly." {}
    let wanted = json!({"agent": "agent:Planner", "run": "quiet"});
    let undone = bob.ask("doc.undo", wanted.clone(), "doc.undone").await;
    assert_eq!((&undone["data"]["edits"], &undone["data"]["undone"]), (&json!(1), &json!(["/notes"])));
    agent.until("doc.undone", |event| event["data"]["run"] == "quiet").await;
    let (mut cleo, _) = Listener::join(house.nodes[0].address, "lisbon", "name=cleo").await;
    let again = cleo.ask("doc.undo", wanted, "doc.undone").await;
    assert_eq!(again["data"]["edits"], 0, "the other node reads the same log");
    for listener in [&mut bob, &mut cleo] {
        let notes = listener.ask("doc.read", json!({"pointer": "/notes"}), "doc.content").await;
        assert_eq!(notes["data"]["value"], "We fly. We sing.");
    }
}
