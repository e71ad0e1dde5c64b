//! Two people set one field, neither knowing of the other: the room says what is hidden.

use serde_json::{Value, json};

use super::client::Client;
use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";

async fn named(house: &House, name: &str, id: u64) -> Client {
    Client::join(house.address, &format!("lisbon?name={name}"), id).await
}

async fn title(agent: &mut Listener) -> Value {
    agent.ask("doc.read", json!({"pointer": "/items/a/title"}), "doc.content").await["data"]["value"].clone()
}

#[tokio::test]
async fn the_value_that_is_hidden_is_named_whichever_wins_and_kept_once() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let item = json!({"operations": [{"op": "item.add", "id": "a", "item": {"kind": "meal", "title": "Dinner"}}]});
    agent.ask("doc.patch", item, "doc.patched").await;
    // Of two values at one place Yjs keeps that of the higher client id: one time it comes last, one time first.
    for (first, second) in [(1, 2), (4, 3)] {
        let (mut ada, mut bob) = (named(&house, "ada", first).await, named(&house, "bob", second).await);
        ada.set("a", "title", "Fado").await;
        ada.set("a", "title", "Fado night").await;
        ada.settle(1).await;
        bob.set("a", "title", "Jazz").await;
        bob.settle(1).await;
        let told = agent.until("trip.conflict", |_| true).await;
        assert!(told["id"].is_string() && told.get("from").is_none(), "{told}");
        let (winner, loser) = if second > first { ("bob", "ada") } else { ("ada", "bob") };
        let value = |who: &str| if who == "ada" { "\"Fado night\"" } else { "\"Jazz\"" };
        assert_eq!(told["data"]["pointer"], "/items/a/title");
        assert_eq!(told["data"]["winner"], json!({"by": winner, "value": value(winner)}));
        let losers = told["data"]["losers"].as_array().unwrap();
        assert_eq!((losers.len(), &losers[0]["by"], &losers[0]["value"]), (1, &json!(loser), &json!(value(loser))));
        assert_eq!(title(&mut agent).await.to_string(), value(winner));
    }
}

#[tokio::test]
async fn one_after_the_other_is_no_conflict_nor_is_one_person_alone_nor_the_same_value() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let item = json!({"operations": [{"op": "item.add", "id": "a", "item": {"kind": "meal", "title": "Dinner"}}]});
    agent.ask("doc.patch", item, "doc.patched").await;
    let (mut ada, mut bob) = (named(&house, "ada", 1).await, named(&house, "bob", 2).await);
    let mut tablet = named(&house, "ada", 3).await;
    ada.set("a", "title", "Fado").await;
    tablet.set("a", "title", "Jazz").await;
    for client in [&mut ada, &mut tablet] {
        client.settle(1).await;
    }
    bob.settle(1).await;
    bob.set("a", "title", "Rock").await;
    bob.settle(2).await;
    ada.set("a", "start", "same").await;
    bob.set("a", "start", "same").await;
    ada.settle(3).await;
    bob.settle(3).await;
    // Everything comes in one order, so nothing comes behind this.
    agent.ask("chat.message", json!({"text": "done"}), "ack").await;
    loop {
        let event = agent.next().await;
        assert_ne!(event["type"], "trip.conflict", "{event}");
        if event["type"] == "chat.message" {
            break;
        }
    }
}
