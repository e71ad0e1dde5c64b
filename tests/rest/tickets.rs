//! Tickets for oneself and to share.

use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::http::Caller;
use super::people::{lisbon, person};

const PATH: &str = "/v1/rooms/lisbon/tickets";

#[tokio::test]
async fn a_ticket_never_gives_more_than_its_maker_has() {
    let house = lisbon().await;
    let editor = person(&house, "editor");
    let own = editor.send(Method::POST, PATH, &[], "").await.expect(201).json();
    assert_eq!(own["role"], "editor");
    let less = editor.post(PATH, json!({ "role": "viewer", "ttl_s": 60 })).await.expect(201).json();
    let holder = Caller::with(&house, less["ticket"].as_str().unwrap());
    let room = holder.get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!((&room["me"]["id"], &room["role"]), (&json!("editor"), &json!("viewer")));
    holder.edit("lisbon", json!([])).await.problem(403, "permission_denied");
    editor.post(PATH, json!({ "role": "admin" })).await.problem(403, "permission_denied");
    // Editors may not invite here, so they may not share either.
    editor.post(PATH, json!({ "share": true })).await.problem(403, "permission_denied");
    // Whoever is removed has a ticket for nothing.
    person(&house, "owner").delete("/v1/rooms/lisbon/members/editor").await.expect(204);
    holder.get("/v1/rooms/lisbon").await.problem(404, "room_not_found");
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_ticket_lets_a_guest_in() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    let shared = owner.post(PATH, json!({ "share": true, "role": "editor" })).await.expect(201).json();
    let ticket = shared["ticket"].as_str().unwrap();
    let mut guest = Client::join(house.address, &format!("lisbon?token={ticket}&name=Gast"), 1).await;
    guest.write("hello").await;
    guest.settle(1).await;
    let room = owner.get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!((&room["document"]["notes"], &room["present"][0]["name"]), (&json!("hello"), &json!("Gast")));
    // A guest lets nobody else in.
    let guest = Caller::with(&house, ticket);
    guest.post(PATH, json!({ "share": true })).await.problem(403, "permission_denied");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_wish_is_checked() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    for (body, code, field) in [
        (json!({ "ttl_s": 0 }), "invalid_field", "/ttl_s"),
        (json!({ "ttl_s": 1.5 }), "invalid_field", "/ttl_s"),
        (json!({ "ttl_s": "1h" }), "invalid_field", "/ttl_s"),
        (json!({ "role": "king" }), "invalid_field", "/role"),
        (json!({ "ttl": 60 }), "unknown_field", "/ttl"),
        (json!([]), "invalid_field", ""),
    ] {
        assert_eq!(owner.post(PATH, body.clone()).await.problem(422, code)["field"], field, "{body}");
    }
    let text = [("content-type", "text/plain")];
    owner.send(Method::POST, PATH, &text, "{}").await.problem(415, "unsupported_media_type");
    owner.post(PATH, json!({ "ttl_s": 60.0 })).await.expect(201);
    house.stop().await.0.unwrap();
}
