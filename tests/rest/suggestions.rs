//! Changes that are put forward over HTTP, and decided on.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::house::House;
use super::http::{Answer, Caller, PATCH};

const DOCUMENT: &str = "/v1/rooms/lisbon/document";

/// An agent puts something forward.
async fn suggest(caller: &Caller, operations: &Value, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[(CONTENT_TYPE.as_str(), PATCH)], headers].concat();
    let path = format!("{DOCUMENT}?suggest=true&run=evening&name=agent:planner");
    caller.send(Method::PATCH, &path, &headers, operations.to_string()).await
}

async fn decide(caller: &Caller, id: &str, how: &str) -> Answer {
    caller.send(Method::POST, &format!("/v1/rooms/lisbon/suggestions/{id}/{how}?name=ada"), &[], "").await
}

async fn lisbon() -> (House, Caller) {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    (house, ada)
}

#[tokio::test]
async fn a_suggestion_is_made_when_it_is_accepted_and_decided_once() {
    let (house, ada) = lisbon().await;
    let title = |title: &str| json!([{ "op": "replace", "path": "/trip/title", "value": title }]);
    let made = suggest(&ada, &title("Porto"), &[]).await.expect(202).json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(ada.document("lisbon").await["trip"]["title"], "Lisbon", "nothing was changed");
    let decided = decide(&ada, id, "accept").await.expect(200).json();
    assert_eq!(ada.document("lisbon").await["trip"]["title"], "Porto");
    for how in ["accept", "reject"] {
        decide(&ada, id, how).await.problem(409, "already_decided");
    }
    let other = suggest(&ada, &title("Faro"), &[]).await.expect(202).json();
    let other = other["id"].as_str().unwrap();
    let rejected = decide(&ada, other, "reject").await.expect(200).json();
    decide(&ada, other, "accept").await.problem(409, "already_decided");
    assert_eq!(ada.document("lisbon").await["trip"]["title"], "Porto");
    let events = ada.get("/v1/rooms/lisbon/events").await.expect(200).json()["events"].clone();
    let told: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let field = |name: &str| event[name].as_str().unwrap().to_owned();
            (field("id"), field("type"), event["from"]["id"].as_str().unwrap().starts_with("agent:"))
        })
        .collect();
    let text = |id: &Value| id.as_str().unwrap().to_owned();
    assert_eq!(
        told,
        [
            (text(&made["id"]), "suggestion.made".to_owned(), true),
            (text(&decided["id"]), "suggestion.accepted".to_owned(), false),
            (other.to_owned(), "suggestion.made".to_owned(), true),
            (text(&rejected["id"]), "suggestion.rejected".to_owned(), false),
        ]
    );
    assert_eq!((&events[0]["data"]["run"], &events[0]["data"]["operations"]), (&json!("evening"), &title("Porto")));
    assert_eq!(events[1]["data"], json!({ "id": made["id"], "suggested_by": "agent:planner" }));
    // What names no suggestion: one of nobody, no number, an event of another kind.
    for nothing in ["1000", "x", "-1", text(&decided["id"]).as_str()] {
        decide(&ada, nothing, "accept").await.problem(404, "not_found");
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_like_a_patch() {
    let (house, ada) = lisbon().await;
    let nothing = json!([{ "op": "remove", "path": "/items/none" }]);
    let problem = suggest(&ada, &nothing, &[]).await.problem(409, "patch_conflict");
    assert_eq!((&problem["operation"], &problem["reason"]), (&json!(0), &json!("not_found")));
    let old = ada.get(DOCUMENT).await.header("etag").to_owned();
    let item = json!([{ "op": "add", "path": "/items/fado", "value": { "kind": "event", "title": "Fado" } }]);
    ada.edit("lisbon", item).await.expect(200);
    let remove = json!([{ "op": "remove", "path": "/items/fado" }]);
    suggest(&ada, &remove, &[("if-match", &old)]).await.problem(412, "version_mismatch");
    let long = json!([{ "op": "add", "path": "/notes", "value": "x".repeat(70_000) }]);
    assert_eq!(suggest(&ada, &long, &[]).await.problem(413, "message_too_large")["field"], "");
    let wrong = format!("{DOCUMENT}?suggest=maybe");
    let wrong = ada.send(Method::PATCH, &wrong, &[(CONTENT_TYPE.as_str(), PATCH)], "[]").await;
    assert_eq!(wrong.problem(400, "bad_query")["field"], "suggest");
    // What no longer can be done stays open, and can be rejected.
    let made = suggest(&ada, &remove, &[]).await.expect(202).json();
    ada.edit("lisbon", remove).await.expect(200);
    let id = made["id"].as_str().unwrap();
    decide(&ada, id, "accept").await.problem(409, "patch_conflict");
    decide(&ada, id, "reject").await.expect(200);
    house.stop().await.0.unwrap();
}
