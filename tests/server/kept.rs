//! What stays in a room's log: told to everybody in order, once, with a number; found again by whoever was away.

use serde_json::{Value, json};

use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";

fn id(event: &Value) -> u64 {
    event["id"].as_str().unwrap_or_else(|| panic!("a kept event has a number: {event}")).parse().unwrap()
}

#[tokio::test]
async fn a_message_is_acknowledged_and_heard_by_everybody_once() {
    let house = House::open(&[]).await;
    let (mut agent, welcome) = Listener::join(house.address, "lisbon", PLANNER).await;
    assert_eq!(welcome["cursor"], "0");
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let hello = json!({"text": "Find us a hotel", "mentions": ["agent:Planner"], "client_id": "m1"});
    let ack = ada.ask("chat.message", hello.clone(), "ack").await;
    assert_eq!(ack["data"], json!({"id": "1", "client_id": "m1"}));
    let again = ada.ask("chat.message", hello, "ack").await;
    let same = json!({"id": "1", "client_id": "m1", "repeated": true});
    assert_eq!(again["data"], same, "the same id is the same message");
    ada.ask("chat.message", json!({"text": "By the river"}), "ack").await;
    for listener in [&mut ada, &mut agent] {
        let first = listener.until("chat.message", |_| true).await;
        assert_eq!((id(&first), &first["room"], &first["from"]["name"]), (1, &json!("lisbon"), &json!("ada")));
        assert_eq!((&first["data"]["role"], &first["data"]["text"]), (&json!("user"), &json!("Find us a hotel")));
        let second = listener.until("chat.message", |_| true).await;
        assert_eq!((id(&second), &second["data"]["text"]), (2, &json!("By the river")));
    }
    let task = json!({"task": "hotels", "title": "Find hotels", "state": "in_progress", "progress": 0.5});
    agent.ask("agent.task", task, "ack").await;
    let heard = ada.until("agent.task", |_| true).await;
    assert_eq!((&heard["data"]["state"], &heard["data"]["kind"]), (&json!("running"), &json!("task")));
    agent.ask("chat.message", json!({"text": "Three"}), "ack").await;
    assert_eq!(ada.until("chat.message", |_| true).await["data"]["role"], "assistant");
    agent.ask("agent.handoff", json!({"to": "agent:booker", "task": "hotels"}), "ack").await;
    ada.until("agent.handoff", |event| event["data"]["to"] == "agent:booker").await;
}

#[tokio::test]
async fn a_person_stops_an_agent_and_agents_alone_report() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    ada.ask("agent.command", json!({"agent": "agent:Planner", "action": "cancel", "task": "hotels"}), "ack").await;
    let told = agent.until("agent.command", |_| true).await;
    assert_eq!(
        (&told["data"]["action"], &told["data"]["task"], &told["from"]["id"]),
        (&json!("cancel"), &json!("hotels"), &ada_id(&mut ada).await)
    );
    for (kind, data) in [
        ("agent.task", json!({"task": "t", "state": "running"})),
        ("agent.handoff", json!({"to": "agent:x"})),
        ("agent.output", json!({"message": "m", "chunk": "x"})),
    ] {
        assert_eq!(ada.ask(kind, data, "error").await["data"]["code"], "permission_denied", "{kind}");
    }
    let wrong = ada.ask("chat.message", json!({"text": ""}), "error").await;
    assert_eq!((&wrong["data"]["code"], &wrong["data"]["field"]), (&json!("invalid_message"), &json!("/data/text")));
}

async fn ada_id(ada: &mut Listener) -> Value {
    ada.until("agent.command", |_| true).await["from"]["id"].clone()
}

#[tokio::test]
async fn whoever_comes_back_hears_what_they_missed_once_and_in_order() {
    let house = House::open(&["--max-events", "10000", "--max-event-requests", "1000"]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let (away, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    ada.ask("chat.message", json!({"text": "0"}), "ack").await;
    drop(away);
    // More than a page of the log, and some while the other one comes back.
    for number in 1..=250 {
        ada.say("chat.message", json!({"text": number.to_string()})).await;
    }
    ada.until("ack", |event| event["data"]["id"] == "251").await;
    for number in 251..=300 {
        ada.say("chat.message", json!({"text": number.to_string()})).await;
    }
    let (mut back, welcome) = Listener::join(house.address, "lisbon", &format!("{PLANNER}&cursor=1")).await;
    assert_eq!(welcome["cursor"], "1");
    for number in 1..=300 {
        let event = back.until("chat.message", |_| true).await;
        assert_eq!((id(&event), &event["data"]["text"]), (number + 1, &json!(number.to_string())));
    }
    ada.ask("chat.message", json!({"text": "now"}), "ack").await;
    assert_eq!(back.until("chat.message", |_| true).await["data"]["text"], "now");
    // Whoever says nothing hears what is new alone.
    let (mut late, welcome) = Listener::join(house.address, "lisbon", "name=late").await;
    assert_eq!(welcome["cursor"], "302");
    ada.ask("chat.message", json!({"text": "newer"}), "ack").await;
    assert_eq!(id(&late.until("chat.message", |_| true).await), 303);
}

#[tokio::test]
async fn the_log_outlives_the_server_and_a_foreign_cursor_is_a_gap() {
    let house = House::open(&[]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    for text in ["a", "b"] {
        ada.ask("chat.message", json!({"text": text}), "ack").await;
    }
    let (stopped, folder) = house.stop().await;
    stopped.unwrap();
    let house = House::open_in(folder, &[]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada&cursor=1").await;
    assert_eq!(ada.until("chat.message", |_| true).await["data"]["text"], "b");
    // A cursor of another room of the name, or none at all: everything is new.
    for cursor in ["17", "nonsense"] {
        let (mut odd, _) = Listener::join(house.address, "lisbon", &format!("name=bob&cursor={cursor}")).await;
        let gap = odd.until("room.gap", |_| true).await;
        assert_eq!(gap["data"]["next"], "1");
        ada.ask("chat.message", json!({"text": cursor}), "ack").await;
        for number in 1..=3 {
            assert_eq!(id(&odd.until("chat.message", |_| true).await), number);
        }
    }
}

#[tokio::test]
async fn the_oldest_go_and_whoever_wanted_them_is_told() {
    let house = House::open(&["--keep-events", "300", "--max-events", "10000", "--max-event-requests", "1000"]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    for number in 0..900 {
        ada.say("chat.message", json!({"text": number.to_string()})).await;
        if number % 50 == 49 {
            let last = (number + 1).to_string();
            ada.until("ack", |event| event["data"]["id"] == *last).await;
        }
    }
    loop {
        let (mut late, _) = Listener::join(house.address, "lisbon", "name=late&cursor=0").await;
        let first = late.next().await;
        if first["type"] == "room.gap" {
            let next: u64 = first["data"]["next"].as_str().unwrap().parse().unwrap();
            assert_eq!(id(&late.until("chat.message", |_| true).await), next);
            break;
        }
    }
}

#[tokio::test]
async fn a_text_grows_before_everybody_and_becomes_a_message() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let chunk = |text: &str| json!({"message": "answer", "task": "hotels", "chunk": text});
    agent.say("agent.output", chunk("Nëar ")).await;
    let mut text = String::new();
    text += ada.until("agent.output", |_| true).await["data"]["chunk"].as_str().unwrap();
    for word in ["the ", "river 😀 ", "there "] {
        agent.say("agent.output", chunk(word)).await;
    }
    while text != "Nëar the river 😀 there " {
        let grown = ada.until("agent.output", |_| true).await;
        assert_eq!(grown["data"]["offset"], text.encode_utf16().count());
        text += grown["data"]["chunk"].as_str().unwrap();
    }
    // A piece that does not fit is refused, and says where to go on.
    let lost = json!({"message": "answer", "offset": 3, "chunk": "x"});
    let fault = agent.ask("agent.output", lost, "error").await["data"].clone();
    assert_eq!(
        (&fault["code"], &fault["expected"]),
        (&json!("output_gap"), &json!(text.encode_utf16().count().to_string()))
    );
    // Whoever comes now is told all of it.
    let (mut late, _) = Listener::join(house.address, "lisbon", "name=late").await;
    let so_far = late.until("agent.output", |_| true).await;
    assert_eq!((&so_far["data"]["offset"], &so_far["data"]["chunk"]), (&json!(0), &json!(text)));
    let offset = text.encode_utf16().count();
    let done = json!({"message": "answer", "offset": offset, "chunk": "is one.", "done": true});
    let ack = agent.ask("agent.output", done, "ack").await;
    assert_eq!(ack["data"]["client_id"], "answer");
    for listener in [&mut ada, &mut late] {
        listener.until("agent.output", |event| event["data"]["done"] == true).await;
        let message = listener.until("chat.message", |_| true).await;
        assert_eq!(message["data"]["text"], "Nëar the river 😀 there is one.");
        assert_eq!((&message["data"]["role"], &message["id"]), (&json!("assistant"), &ack["data"]["id"]));
    }
    // An agent that goes takes with it what is not whole.
    agent.say("agent.output", chunk("Half a")).await;
    late.until("agent.output", |event| event["data"]["chunk"] == "Half a").await;
    drop(agent);
    late.until("agent.output", |event| event["data"]["done"] == true).await;
    // What is said at once under the same id is another message than the text.
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let said = agent.ask("chat.message", json!({"text": "y", "client_id": "answer"}), "ack").await;
    assert_ne!(said["data"]["id"], ack["data"]["id"]);
    agent.ask("agent.output", json!({"message": "empty", "done": true}), "error").await;
    let too_long = "x".repeat(20_000);
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    agent.say("agent.output", json!({"message": "long", "chunk": too_long})).await;
    let fault = agent.ask("agent.output", json!({"message": "long", "chunk": too_long}), "error").await;
    assert_eq!(fault["data"]["code"], "message_too_large");
}
