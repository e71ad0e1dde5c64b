//! Agents on JSON sockets: how each is crosses nodes, and is gone with its node.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::house::{DEADLINE, House, LOOK};
use super::listener::Listener;
use super::proxy::Way;

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
async fn an_agent_that_moves_from_node_to_node_is_as_it_said() {
    let house = House::open(3, &[]).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.nodes[0].address, "lisbon", PLANNER).await;
    for step in 1..=4 {
        agent.say("agent.status", json!({"state": "executing", "steps": step})).await;
        loop {
            let event = bob.next().await;
            // It was idle when it came first. Where it was, it is gone for a moment.
            assert!(step == 1 || event["data"]["state"] != "idle", "{event}");
            if event["type"] == "agent.status" && event["data"]["steps"] == step {
                break;
            }
        }
        let node = &house.nodes[if step % 2 == 0 { 0 } else { 2 }];
        let (twin, welcome) = Listener::join(node.address, "lisbon", PLANNER).await;
        assert_eq!(welcome["agents"][0]["status"]["steps"], step, "{welcome}");
        house.nodes[1].until_present("lisbon", PLANNER, 2).await;
        agent.socket.close(None).await.unwrap();
        house.nodes[1].until_present("lisbon", PLANNER, 1).await;
        let moved = Instant::now();
        let shown = async || house.nodes[1].get("/v1/rooms/lisbon").await["agents"][0]["status"]["steps"] == step;
        while !shown().await {
            assert!(moved.elapsed() < Duration::from_secs(5), "it is shown by the other node at once");
            sleep(LOOK).await;
        }
        agent = twin;
    }
}

#[tokio::test]
async fn a_text_that_grows_is_told_to_a_node_that_opens_the_room_and_ends_with_its_agents_node() {
    let mut house = House::open(3, &[]).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.nodes[0].address, "lisbon", PLANNER).await;
    agent.say("agent.output", json!({"message": "m", "chunk": "First "})).await;
    bob.until("agent.output", |event| event["data"]["chunk"] == "First ").await;
    // The node opens the room for Cleo; when others have said what there is, Dora is told the text so far.
    let (mut cleo, _) = Listener::join(house.nodes[2].address, "lisbon", "name=cleo").await;
    cleo.until("agent.output", |event| event["data"]["offset"] == 0 && event["data"]["chunk"] == "First ").await;
    let (mut dora, _) = Listener::join(house.nodes[2].address, "lisbon", "name=dora").await;
    dora.until("agent.output", |event| event["data"]["offset"] == 0 && event["data"]["chunk"] == "First ").await;
    agent.say("agent.output", json!({"message": "m", "offset": 6, "chunk": "second."})).await;
    dora.until("agent.output", |event| event["data"]["offset"] == 6).await;
    house.nodes.remove(0).kill().await;
    for listener in [&mut bob, &mut dora] {
        listener.until("agent.output", |event| event["data"]["done"] == true).await;
    }
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

#[tokio::test]
async fn what_an_agent_did_is_taken_back_on_a_node_that_has_not_heard_of_it() {
    let house = House::open(2, &[]).await;
    let (mut bob, _) = Listener::join(house.nodes[1].address, "lisbon", "name=bob").await;
    let (mut agent, _) = Listener::join(house.nodes[0].address, "lisbon", PLANNER).await;
    house.nodes[0].redis.set(Way::Frozen);
    let song = json!({"operations": [{"op": "note.append", "text": "We sing."}], "run": "song"});
    agent.ask("doc.patch", song, "doc.patched").await;
    let notes = bob.ask("doc.read", json!({"pointer": "/notes"}), "doc.content").await;
    assert_eq!(notes["data"]["value"], "", "nobody has told this node");
    let undone = bob.ask("doc.undo", json!({"agent": "agent:Planner", "run": "song"}), "doc.undone").await;
    assert_eq!((&undone["data"]["edits"], &undone["data"]["kept"]), (&json!(1), &json!([])), "{undone}");
    house.nodes[0].redis.set(Way::Open);
    agent.until("doc.undone", |event| event["data"]["run"] == "song").await;
    for listener in [&mut bob, &mut agent] {
        let mut read = async || {
            while listener.ask("doc.read", json!({"pointer": "/notes"}), "doc.content").await["data"]["value"] != "" {}
        };
        timeout(DEADLINE, read()).await.expect("it is gone on both");
    }
}
