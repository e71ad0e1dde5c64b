//! The agent in `examples/agent.rs`, as it stands.

use serde_json::json;

use super::house::House;
use super::listener::Listener;

#[path = "../../examples/agent.rs"]
#[expect(dead_code, reason = "its main waits for ever")]
mod agent;

#[tokio::test]
async fn it_plans_a_day_and_stops_when_it_is_told_to() {
    let house = House::open(&[]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let server = format!("ws://{}", house.address);
    let visit = tokio::spawn(async move { agent::visit(&server, "lisbon").await });
    ada.until("chat.message", |event| event["data"]["text"] == "2026-05-01 is planned.").await;
    let trip = ada.ask("doc.read", json!({"pointer": "/items"}), "doc.content").await["data"]["value"].clone();
    assert_eq!(trip.as_object().unwrap().len(), 3);
    ada.until("agent.status", |event| event["data"]["state"] == "completed").await;
    ada.ask("agent.command", json!({"agent": "agent:Scout", "action": "cancel"}), "ack").await;
    ada.until("agent.status", |event| event["data"]["state"] == "paused").await;
    house.stop().await.0.unwrap();
    visit.await.unwrap().unwrap_err();
}
