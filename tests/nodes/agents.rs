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
