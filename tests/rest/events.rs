//! A room's events over HTTP: said, read in pages, waited for, and streamed.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::house::{DEADLINE, House};
use super::http::Caller;
use super::people::{lisbon, person};

const EVENTS: &str = "/v1/rooms/lisbon/events";

fn chat(text: &str) -> Value {
    json!({"type": "chat.message", "data": {"text": text}})
}

async fn open() -> (House, Caller) {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    (house, ada)
}

/// A stream of server-sent events, as far as it was read.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(house: &House, query: &str, last: Option<&str>) -> Self {
        let url = format!("http://{}{EVENTS}?name=cleo&{query}", house.address);
        let mut request = reqwest::Client::new().get(url).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { response, text: String::new() }
    }

    /// The next event and its id; nothing at the end.
    async fn next(&mut self) -> Option<(Option<String>, Value)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let (id, data) = (field("id: "), field("data: "));
                self.text = rest.into();
                if let Some(data) = data {
                    return Some((id, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = timeout(DEADLINE, self.response.chunk()).await.expect("something comes").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn until(&mut self, kind: &str) -> (Option<String>, Value) {
        loop {
            let (id, event) = self.next().await.expect("it goes on");
            if event["type"] == kind {
                return (id, event);
            }
        }
    }
}

#[tokio::test]
async fn what_is_said_is_found_in_pages_both_ways() {
    let (_house, ada) = open().await;
    for number in 1..=25 {
        let posted = ada.post(EVENTS, chat(&number.to_string())).await.expect(201).json();
        assert_eq!(posted["id"], number.to_string());
    }
    let page = async |query: &str| ada.get(&format!("{EVENTS}?{query}")).await.expect(200).json();
    let ids = |page: &Value| {
        let events = page["events"].as_array().unwrap().iter();
        events.map(|event| event["id"].as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>()
    };
    let newest = page("limit=10").await;
    assert_eq!((ids(&newest), &newest["cursor"], &newest["last"]), ((16..=25).collect(), &json!("16"), &json!("25")));
    let older = page("limit=10&before=16").await;
    assert_eq!(ids(&older), (6..=15).collect::<Vec<_>>());
    let next = page("limit=10&after=20").await;
    assert_eq!((ids(&next), &next["cursor"]), ((21..=25).collect(), &json!("25")));
    assert_eq!(next["events"][0]["data"]["text"], "21");
    assert_eq!(ids(&page("after=25&wait=0").await), Vec::<u64>::new());
    assert_eq!(ids(&page("after=0&type=agent.task").await), Vec::<u64>::new());
    let none = page("after=3&type=agent.task").await;
    assert_eq!(none["cursor"], "25", "all were looked through");
    for wrong in ["after=x", "limit=0", "wait=61", "after=1&before=3", "type=", "odd=1"] {
        ada.get(&format!("{EVENTS}?{wrong}")).await.problem(400, "bad_query");
    }
    let nonsense = ada.get(&format!("{EVENTS}?type=chat.message,nonsense")).await.problem(400, "bad_query");
    assert_eq!((&nonsense["field"], &nonsense["received"]), (&json!("type"), &json!("nonsense")));
    assert!(nonsense["expected"].as_str().unwrap().contains("agent.task, agent.command"), "{nonsense}");
}

#[tokio::test]
async fn agents_speak_over_http_and_are_here_for_a_while() {
    let (house, ada) = open().await;
    let planner = "/v1/rooms/lisbon/events?name=agent:Planner";
    let say = async |kind: &str, data: Value| ada.post(planner, json!({"type": kind, "data": data})).await;
    say("agent.status", json!({"state": "thinking", "progress": 0.5})).await.expect(204);
    let here = ada.get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!(here["agents"][0]["status"]["state"], "thinking", "{here}");
    let mut stream = Stream::open(&house, "", None).await;
    say("agent.status", json!({"state": "executing"})).await.expect(204);
    let (id, status) = stream.until("agent.status").await;
    assert_eq!(
        (id, &status["data"]["state"], &status["from"]["id"]),
        (None, &json!("executing"), &json!("agent:Planner"))
    );
    say("agent.task", json!({"task": "t", "state": "running"})).await.expect(201);
    say("agent.output", json!({"message": "m", "chunk": "Hel"})).await.expect(204);
    assert_eq!(stream.until("agent.output").await.1["data"]["chunk"], "Hel");
    let done = say("agent.output", json!({"message": "m", "chunk": "lo", "done": true})).await.expect(201).json();
    let (id, message) = stream.until("chat.message").await;
    assert_eq!((id.as_deref(), &message["data"]["text"]), (done["id"].as_str(), &json!("Hello")));
    // The same client_id is the same message.
    let once = json!({"type": "chat.message", "data": {"text": "x", "client_id": "c"}});
    let first = ada.post(planner, once.clone()).await.expect(201).json();
    assert!(first.get("repeated").is_none(), "{first}");
    let again = ada.post(planner, once).await.expect(201).json();
    assert_eq!((&again["id"], &again["repeated"]), (&first["id"], &json!(true)));
    let timeline = ada.get(&format!("{EVENTS}?type=agent.status")).await.expect(200).json();
    assert_eq!(timeline["events"].as_array().unwrap().len(), 1, "states are kept, and not too many");
    assert_eq!(timeline["events"][0]["data"]["state"], "thinking");
    // People are told what is wrong.
    let status = json!({"type": "agent.status", "data": {"state": "active"}});
    ada.post(EVENTS, status).await.problem(403, "permission_denied");
    let wrong = ada.post(EVENTS, chat("")).await.problem(422, "invalid_field");
    assert_eq!(wrong["field"], "/data/text");
    for body in [
        json!({"type": "ping"}),
        json!({"type": "doc.read"}),
        json!([]),
        json!({"type": "chat.message", "data": {"txt": 1}}),
    ] {
        ada.post(EVENTS, body).await.problem(422, "invalid_field");
    }
    ada.send(Method::POST, EVENTS, &[("content-type", "text/plain")], "x").await.problem(415, "unsupported_media_type");
    let long = json!({"type": "chat.message", "data": {"text": "x".repeat(70_000)}});
    ada.post(EVENTS, long).await.problem(413, "message_too_large");
}

#[tokio::test]
async fn whoever_waits_is_answered_when_something_comes() {
    let (_house, ada) = open().await;
    let nothing = ada.get(&format!("{EVENTS}?wait=1")).await.expect(200).json();
    assert_eq!((&nothing["events"], &nothing["cursor"]), (&json!([]), &json!("0")), "the first one is still to come");
    let waiting = {
        let ada = ada.clone();
        tokio::spawn(
            async move { ada.get(&format!("{EVENTS}?after=0&wait=60&type=chat.message")).await.expect(200).json() },
        )
    };
    let task = json!({"type": "agent.task", "data": {"task": "t", "state": "running"}});
    ada.post(&format!("{EVENTS}?name=agent:Planner"), task).await.expect(201);
    ada.post(EVENTS, chat("here")).await.expect(201);
    let page = timeout(DEADLINE, waiting).await.expect("it is answered").unwrap();
    assert_eq!((&page["events"][0]["data"]["text"], &page["cursor"]), (&json!("here"), &json!("2")));
    let none = ada.get(&format!("{EVENTS}?after=2&wait=1")).await.expect(200).json();
    assert_eq!((&none["events"], &none["cursor"]), (&json!([]), &json!("2")));
}

#[tokio::test]
async fn a_stream_has_everything_and_goes_on_where_it_was() {
    let (house, ada) = open().await;
    let mut stream = Stream::open(&house, "", None).await;
    for text in ["a", "b"] {
        ada.post(EVENTS, chat(text)).await.expect(201);
    }
    assert_eq!(stream.until("chat.message").await.0.as_deref(), Some("1"));
    assert_eq!(stream.until("chat.message").await.0.as_deref(), Some("2"));
    ada.edit("lisbon", json!([{"op": "add", "path": "/items/x", "value": {"kind": "meal", "title": "x"}}]))
        .await
        .expect(200);
    let (id, changed) = stream.until("doc.changed").await;
    assert_eq!((id, &changed["data"]["pointers"]), (None, &json!(["/items/x"])));
    drop(stream);
    for text in ["c", "d"] {
        ada.post(EVENTS, chat(text)).await.expect(201);
    }
    // What the client says by itself counts more than the address.
    let mut stream = Stream::open(&house, "after=0&type=chat.message", Some("2")).await;
    for (id, text) in [("3", "c"), ("4", "d")] {
        let (found, event) = stream.next().await.unwrap();
        assert_eq!((found.as_deref(), &event["data"]["text"]), (Some(id), &json!(text)));
    }
    let stopping = tokio::spawn(house.stop());
    assert!(stream.next().await.is_none(), "it ends when the server goes away");
    stopping.await.unwrap().0.unwrap();
}

#[tokio::test]
async fn each_role_says_what_it_may_and_strangers_hear_nothing() {
    let house = lisbon().await;
    let command = |agent: Option<&str>| json!({"type": "agent.command", "data": {"agent": agent, "action": "cancel"}});
    let nobody = json!({"type": "agent.command", "data": {"agent": "", "action": "cancel"}});
    person(&house, "editor").post(EVENTS, nobody).await.problem(422, "invalid_field");
    for (role, may_chat, may_command, may_stop_all) in [
        ("viewer", 403, 403, 403),
        ("commenter", 201, 403, 403),
        ("editor", 201, 201, 403),
        ("admin", 201, 201, 201),
        ("owner", 201, 201, 201),
    ] {
        let caller = person(&house, role);
        assert_eq!(caller.post(EVENTS, chat("x")).await.status, may_chat, "{role}");
        assert_eq!(caller.post(EVENTS, command(Some("agent:x"))).await.status, may_command, "{role}");
        assert_eq!(caller.post(EVENTS, command(None)).await.status, may_stop_all, "{role}");
        caller.get(EVENTS).await.expect(200);
    }
    let stranger = person(&house, "stranger");
    stranger.get(EVENTS).await.problem(404, "room_not_found");
    stranger.post(EVENTS, chat("x")).await.problem(404, "room_not_found");
    // Whoever is shown out hears no more.
    let url = format!("http://{}{EVENTS}", house.address);
    let request = reqwest::Client::new().get(url).header("accept", "text/event-stream");
    let response = request.bearer_auth(super::people::token("viewer")).send().await.unwrap();
    let mut stream = Stream { response, text: String::new() };
    person(&house, "owner").delete("/v1/rooms/lisbon/members/viewer").await.expect(204);
    timeout(DEADLINE, async { while stream.next().await.is_some() {} }).await.expect("it ends");
}

#[tokio::test]
async fn nobody_says_more_than_they_may() {
    let house = House::open(&["--max-events", "1"]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let said = async || ada.post(EVENTS, chat("x")).await;
    for _ in 0..5 {
        said().await.expect(201);
    }
    let refused = said().await;
    assert!(refused.problem(429, "rate_limited")["retry_after_ms"].as_u64().unwrap() > 0);
    ada.post(&format!("{EVENTS}?name=bob"), chat("x")).await.expect(201);
}

#[tokio::test]
async fn a_page_has_its_bounds_in_bytes() {
    let (_house, ada) = open().await;
    for _ in 0..40 {
        ada.post(EVENTS, chat(&"x".repeat(32_000))).await.expect(201);
    }
    let page = ada.get(&format!("{EVENTS}?after=0&limit=200")).await.expect(200);
    assert!(page.body.len() < 1_100_000);
    let mut seen = page.json()["events"].as_array().unwrap().len();
    let cursor = page.json()["cursor"].as_str().unwrap().to_owned();
    assert_eq!(cursor, seen.to_string());
    seen += ada.get(&format!("{EVENTS}?after={cursor}&limit=200")).await.expect(200).json()["events"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(seen, 40);
    let newest = ada.get(&format!("{EVENTS}?limit=200")).await.expect(200).json();
    assert_eq!(newest["events"].as_array().unwrap().last().unwrap()["id"], "40");
}
