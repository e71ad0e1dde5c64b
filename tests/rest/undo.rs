//! Taking back what an agent did, by one request.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::house::House;
use super::http::{Caller, PATCH};

const DOCUMENT: &str = "/v1/rooms/lisbon/document";
const UNDO: &str = "/v1/rooms/lisbon/undo";

#[tokio::test]
async fn a_run_of_an_agent_is_taken_back_once() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    let title = json!([{ "op": "replace", "path": "/trip/title", "value": "Porto" }]);
    let by_agent = format!("{DOCUMENT}?name=agent:planner&run=first");
    let headers = [(CONTENT_TYPE.as_str(), PATCH)];
    ada.send(Method::PATCH, &by_agent, &headers, title.to_string()).await.expect(200);
    let wanted = json!({ "agent": "agent:planner", "run": "first" });
    let undone = ada.post(UNDO, wanted.clone()).await.expect(200).json();
    assert_eq!((&undone["undone"], &undone["edits"]), (&json!(["/trip/title"]), &json!(1)));
    let document = ada.get(DOCUMENT).await.expect(200);
    assert_eq!(document.json()["trip"]["title"], "Lisbon");
    assert_eq!(ada.post(UNDO, wanted).await.expect(200).json()["edits"], 0);
    // Only what everybody is told is in the list of events.
    let events = ada.get("/v1/rooms/lisbon/events").await.expect(200).json();
    let kinds: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["doc.edited", "doc.undone"]);
    let long = format!("{DOCUMENT}?run={}", "x".repeat(101));
    assert_eq!(ada.send(Method::PATCH, &long, &headers, "[]").await.problem(400, "bad_query")["field"], "run");
    assert_eq!(ada.post(UNDO, json!({ "agent": "" })).await.problem(422, "invalid_field")["field"], "/agent");
}
