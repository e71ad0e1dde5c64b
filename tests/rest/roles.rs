//! Every path that writes, tried with every role: what the table says and nothing more.

use reqwest::Method;
use serde_json::json;

use super::document::writes;
use super::house::House;
use super::http::{Answer, Caller, JSON, PATCH, UPDATE};
use super::people::{lisbon, person};

const SUGGEST: &str = "/v1/rooms/lisbon/document?suggest=true";
const ROLES: [&str; 5] = ["viewer", "commenter", "editor", "admin", "owner"];

/// One request that changes something: its name, the least role that may, and how it is sent.
struct Try {
    what: &'static str,
    least: &'static str,
    method: Method,
    path: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

fn of(
    what: &'static str,
    least: &'static str,
    method: Method,
    path: &'static str,
    kind: &'static str,
    body: impl Into<Vec<u8>>,
) -> Try {
    Try { what, least, method, path, kind, body: body.into() }
}

fn tries() -> Vec<Try> {
    let member = |role: &str| json!({ "principal": "new", "role": role }).to_string();
    let role = |role: &str| json!({ "role": role }).to_string();
    let patch = |path: &str| json!([{ "op": "add", "path": path, "value": { "text": "x" } }]).to_string();
    let document = "/v1/rooms/lisbon/document";
    let members = "/v1/rooms/lisbon/members";
    let tickets = "/v1/rooms/lisbon/tickets";
    vec![
        of("patch a comment", "commenter", Method::PATCH, document, PATCH, patch("/comments/c")),
        of("patch the plan", "editor", Method::PATCH, document, PATCH, patch("/items/i")),
        of("patch an unknown root", "editor", Method::PATCH, document, PATCH, patch("/anything")),
        of("update the notes", "editor", Method::POST, document, UPDATE, writes(77, "x")),
        of("suggest a change", "commenter", Method::PATCH, SUGGEST, PATCH, patch("/items/i")),
        of("accept a suggestion", "editor", Method::POST, "/v1/rooms/lisbon/suggestions/7/accept", JSON, ""),
        of("reject a suggestion", "editor", Method::POST, "/v1/rooms/lisbon/suggestions/7/reject", JSON, ""),
        of(
            "take back an agent's work",
            "editor",
            Method::POST,
            "/v1/rooms/lisbon/undo",
            JSON,
            r#"{"agent":"agent:x"}"#,
        ),
        of("invite a viewer", "admin", Method::POST, members, JSON, member("viewer")),
        of("invite an editor", "admin", Method::POST, members, JSON, member("editor")),
        of("invite an admin", "owner", Method::POST, members, JSON, member("admin")),
        of("invite an owner", "owner", Method::POST, members, JSON, member("owner")),
        of("lower an editor", "admin", Method::PATCH, "/v1/rooms/lisbon/members/bystander", JSON, role("viewer")),
        of("make an admin", "owner", Method::PATCH, "/v1/rooms/lisbon/members/bystander", JSON, role("admin")),
        of("make an owner", "owner", Method::PATCH, "/v1/rooms/lisbon/members/bystander", JSON, role("owner")),
        of("remove an editor", "admin", Method::DELETE, "/v1/rooms/lisbon/members/bystander", JSON, ""),
        of("remove another admin", "owner", Method::DELETE, "/v1/rooms/lisbon/members/second", JSON, ""),
        of("share as a viewer", "admin", Method::POST, tickets, JSON, json!({ "share": true }).to_string()),
        of("an editor's ticket", "editor", Method::POST, tickets, JSON, role("editor")),
        of("an owner's ticket", "owner", Method::POST, tickets, JSON, role("owner")),
        of("configure", "admin", Method::PATCH, "/v1/rooms/lisbon", JSON, r#"{"visibility":"shared"}"#),
        of("delete the room", "owner", Method::DELETE, "/v1/rooms/lisbon", JSON, ""),
    ]
}

/// The room with two more members, and something to decide on.
async fn prepared() -> House {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    for (name, role) in [("bystander", "editor"), ("second", "admin")] {
        owner.post("/v1/rooms/lisbon/members", json!({ "principal": name, "role": role })).await.expect(201);
    }
    let change = json!([{ "op": "add", "path": "/trip/title", "value": "Porto" }]).to_string();
    let made = owner.send(Method::PATCH, SUGGEST, &[("content-type", PATCH)], change).await.expect(202);
    assert_eq!(made.json()["id"], "7", "behind six members");
    house
}

async fn send(caller: &Caller, one: &Try) -> Answer {
    let headers: &[_] = if one.body.is_empty() { &[] } else { &[("content-type", one.kind)] };
    caller.send(one.method.clone(), one.path, headers, one.body.clone()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lesser_role_is_refused_on_every_path_and_changes_nothing() {
    let house = prepared().await;
    let owner = person(&house, "owner");
    let state = async || {
        let room = owner.get("/v1/rooms/lisbon").await.expect(200).json();
        (room["version"].clone(), room["settings"].clone(), room["members"].clone())
    };
    let before = state().await;
    let rank = |role: &str| ROLES.iter().position(|known| *known == role).unwrap();
    let mut refused = 0;
    for one in tries() {
        for role in &ROLES[..rank(one.least)] {
            let answer = send(&person(&house, role), &one).await;
            assert_eq!(answer.status, 403, "{} as {role}: {}", one.what, String::from_utf8_lossy(&answer.body));
            answer.problem(403, "permission_denied");
            refused += 1;
        }
        for stranger in [person(&house, "stranger"), Caller::new(&house)] {
            let status = send(&stranger, &one).await.status;
            assert!(status == 404 || status == 401, "{} as a stranger: {status}", one.what);
        }
    }
    assert!(refused > 40);
    assert_eq!(state().await, before, "nothing was changed by anybody who may not");
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_least_role_that_may_does_it() {
    for one in tries() {
        let house = prepared().await;
        let answer = send(&person(&house, one.least), &one).await;
        assert!((200..300).contains(&answer.status), "{}: {}", one.what, String::from_utf8_lossy(&answer.body));
        house.stop().await.0.unwrap();
    }
}

#[tokio::test]
async fn a_commenters_update_below_comments_is_taken_and_any_other_is_not() {
    use yrs::{Doc, Map, Transact};
    let house = lisbon().await;
    let commenter = person(&house, "commenter");
    let update = |root: &str| {
        let doc = Doc::with_client_id(99);
        let map = doc.get_or_insert_map(root);
        let mut txn = doc.transact_mut();
        map.insert(&mut txn, "c1", "hello");
        txn.encode_update_v1()
    };
    commenter.update("lisbon", update("trip")).await.problem(403, "permission_denied");
    commenter.update("lisbon", update("comments")).await.expect(200);
    let document = commenter.document("lisbon").await;
    assert_eq!((&document["comments"]["c1"], &document["trip"]["c1"]), (&json!("hello"), &json!(null)));
    house.stop().await.0.unwrap();
}
