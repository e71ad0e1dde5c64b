//! Members and what becomes of them.

use serde_json::json;

use super::client::Client;
use super::house::House;
use super::http::Caller;
use super::people::{JWT, lisbon, person, token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_added_changed_and_removed_with_effect_on_live_sockets() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    let added = owner.post("/v1/rooms/lisbon/members", json!({ "principal": "zoë@example.org", "role": "edit" })).await;
    let added = added.expect(201);
    assert_eq!(added.header("location"), "/v1/rooms/lisbon/members/zo%C3%AB%40example.org");
    let member = added.json();
    assert_eq!(
        (&member["role"], &member["added_by"], &member["kind"]),
        (&json!("editor"), &json!("owner"), &json!("user"))
    );
    let path = added.header("location").to_owned();
    let mut socket = Client::join(house.address, &format!("lisbon?token={}", token("zoë@example.org")), 1).await;
    owner.patch(&path, json!({ "role": "viewer" })).await.expect(200);
    person(&house, "zoë@example.org").edit("lisbon", json!([])).await.problem(403, "permission_denied");
    owner.delete(&path).await.expect(204);
    assert!((4400..4500).contains(&socket.closed().await));
    let noted = owner.get("/v1/rooms/lisbon/events?type=member.role&limit=3").await.expect(200).json();
    let noted: Vec<_> = noted["events"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect();
    let role = |before, role| json!({ "member": "zoë@example.org", "before": before, "role": role });
    let (editor, viewer, none) = (Some("editor"), Some("viewer"), None::<&str>);
    assert_eq!(noted, [role(none, editor), role(editor, viewer), role(viewer, none)]);
    person(&house, "zoë@example.org").get("/v1/rooms/lisbon").await.problem(404, "room_not_found");
    owner.delete(&path).await.problem(404, "member_not_found");
    owner.patch(&path, json!({ "role": "viewer" })).await.problem(404, "member_not_found");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_room_keeps_an_owner_and_nobody_changes_their_own_role() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    owner.patch("/v1/rooms/lisbon/members/owner", json!({ "role": "viewer" })).await.problem(403, "own_role");
    owner.delete("/v1/rooms/lisbon/members/owner").await.problem(409, "last_owner");
    let twice = json!({ "principal": "admin", "role": "viewer" });
    assert_eq!(
        owner.post("/v1/rooms/lisbon/members", twice).await.problem(409, "already_member")["field"],
        "/principal"
    );
    owner.patch("/v1/rooms/lisbon/members/admin", json!({ "role": "owner" })).await.expect(200);
    owner.delete("/v1/rooms/lisbon/members/owner").await.expect(204);
    owner.get("/v1/rooms/lisbon").await.problem(404, "room_not_found");
    // Everybody may leave.
    person(&house, "viewer").delete("/v1/rooms/lisbon/members/viewer").await.expect(204);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn what_a_member_is_made_of_is_checked() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    let path = "/v1/rooms/lisbon/members";
    for (body, code, field) in [
        (json!({ "principal": "", "role": "viewer" }), "invalid_field", "/principal"),
        (json!({ "principal": "a\nb", "role": "viewer" }), "invalid_field", "/principal"),
        (json!({ "principal": "a", "role": "king" }), "invalid_field", "/role"),
        (json!({ "principal": "a" }), "invalid_field", ""),
        (json!({ "principal": "a", "role": "viewer", "roles": [] }), "unknown_field", "/roles"),
    ] {
        assert_eq!(owner.post(path, body.clone()).await.problem(422, code)["field"], field, "{body}");
    }
    owner.delete("/v1/rooms/lisbon/members/a%0Ab").await.problem(400, "bad_principal");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn the_list_comes_in_parts_and_the_limit_on_members_bites() {
    let house = House::open(&[&JWT[..], &["--max-members", "4"]].concat()).await;
    let ada = person(&house, "ada");
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    for name in ["dora", "bob", "carl"] {
        ada.post("/v1/rooms/lisbon/members", json!({ "principal": name, "role": "viewer" })).await.expect(201);
    }
    let one_more = json!({ "principal": "eve", "role": "viewer" });
    ada.post("/v1/rooms/lisbon/members", one_more).await.problem(409, "too_many_members");
    let first = ada.get("/v1/rooms/lisbon/members?limit=3").await.expect(200).json();
    let names = |page: &serde_json::Value| {
        page["items"].as_array().unwrap().iter().map(|member| member["principal"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["ada", "bob", "carl"]);
    let next = format!("/v1/rooms/lisbon/members?cursor={}", first["next"].as_str().unwrap());
    let second = ada.get(&next).await.expect(200);
    assert_eq!((names(&second.json()), &second.json()["next"]), (vec![json!("dora")], &json!(null)));
    ada.get_with(&next, &[("if-none-match", second.header("etag"))]).await.expect(304);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn without_authentication_there_are_members_too() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms?name=Ada", json!({ "id": "lisbon" })).await.expect(201);
    ada.post("/v1/rooms/lisbon/members?name=Ada", json!({ "principal": "bob", "role": "editor" })).await.expect(201);
    let members = ada.get("/v1/rooms/lisbon/members").await.expect(200).json();
    assert_eq!(members["items"][0]["principal"], "bob");
    ada.get("/v1/rooms/nowhere/members").await.problem(404, "room_not_found");
    house.stop().await.0.unwrap();
}
