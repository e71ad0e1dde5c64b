//! A request that is repeated with its key is done once and answered as it was.

use reqwest::Method;
use serde_json::{Value, json};
use triproom::store::Fault;

use super::document::writes;
use super::house::{House, eventually};
use super::http::{Answer, Caller, JSON, UPDATE};
use super::people::{JWT, lisbon, person};

async fn post(caller: &Caller, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", JSON), ("idempotency-key", key)];
    caller.send(Method::POST, path, &headers, body.to_string()).await
}

#[tokio::test]
async fn the_answer_is_the_first_one_even_after_a_restart() {
    let house = House::open(&JWT).await;
    let ada = person(&house, "ada");
    let body = json!({ "title": "Lisbon" });
    let first = post(&ada, "/v1/rooms", "k1", &body).await.expect(201);
    let again = post(&ada, "/v1/rooms", "k1", &body).await.expect(201);
    assert_eq!((first.json(), first.header("location")), (again.json(), again.header("location")));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(ada.get("/v1/rooms").await.json()["items"].as_array().unwrap().len(), 1);
    // Of somebody else it is another key.
    let other = post(&person(&house, "bob"), "/v1/rooms", "k1", &body).await.expect(201);
    assert_ne!(other.json()["id"], first.json()["id"]);
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &JWT).await;
    let later = post(&person(&house, "ada"), "/v1/rooms", "k1", &body).await.expect(201);
    assert_eq!(later.json(), first.json());
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    post(&ada, "/v1/rooms", "k1", &json!({ "id": "lisbon" })).await.expect(201);
    for (path, body) in [("/v1/rooms", json!({ "id": "porto" })), ("/v1/rooms/lisbon/tickets", json!({}))] {
        let problem = post(&ada, path, "k1", &body).await.problem(422, "idempotency_mismatch");
        assert_eq!(problem["field"], "idempotency-key");
    }
    for key in ["", &"x".repeat(256), "é"] {
        let problem = post(&ada, "/v1/rooms", key, &json!({})).await.problem(400, "bad_header");
        assert_eq!(problem["field"], "idempotency-key");
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again_under_its_key() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    post(&ada, "/v1/rooms", "k1", &json!({ "id": "lisbon" })).await.problem(409, "room_exists");
    ada.delete("/v1/rooms/lisbon").await.expect(204);
    post(&ada, "/v1/rooms", "k1", &json!({ "id": "lisbon" })).await.expect(201);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn an_answer_comes_again_only_to_who_may_still_have_it() {
    let house = lisbon().await;
    let (owner, admin) = (person(&house, "owner"), person(&house, "admin"));
    let (ticket, invitation) = (json!({ "role": "admin" }), json!({ "principal": "zoe", "role": "viewer" }));
    let (tickets, members) = ("/v1/rooms/lisbon/tickets", "/v1/rooms/lisbon/members");
    let first = post(&admin, tickets, "k1", &ticket).await.expect(201);
    let again = post(&admin, tickets, "k1", &ticket).await.expect(201);
    assert_eq!((first.json(), "no-store"), (again.json(), again.header("cache-control")));
    post(&admin, members, "k2", &invitation).await.expect(201);
    owner.patch("/v1/rooms/lisbon/members/admin", json!({ "role": "editor" })).await.expect(200);
    post(&admin, tickets, "k1", &ticket).await.problem(403, "permission_denied");
    post(&admin, members, "k2", &invitation).await.problem(403, "permission_denied");
    owner.delete("/v1/rooms/lisbon/members/admin").await.expect(204);
    post(&admin, tickets, "k1", &ticket).await.problem(404, "room_not_found");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_room_that_was_made_and_not_answered_for_is_completed_and_not_made_again() {
    // The server gives up between the room and its document, as one that is killed does.
    let house = House::open(&[&JWT[..], &["--max-document", "40B"]].concat()).await;
    let body = json!({ "title": "Lisbon", "description": "Sun and sea, and all of that for a week in May." });
    post(&person(&house, "ada"), "/v1/rooms", "k1", &body).await.problem(413, "document_too_large");
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &JWT).await;
    let ada = person(&house, "ada");
    let list = async || ada.get("/v1/rooms").await.json()["items"].as_array().unwrap().clone();
    let made = list().await;
    assert_eq!(made.len(), 1);
    let room = made[0]["id"].as_str().unwrap().to_owned();
    // Others write meanwhile, and what they wrote stays.
    ada.edit(&room, json!([{ "op": "add", "path": "/trip/title", "value": "Lisboa" }])).await.expect(200);
    post(&ada, "/v1/rooms", "k1", &json!({})).await.problem(422, "idempotency_mismatch");
    let answer = post(&ada, "/v1/rooms", "k1", &body).await.expect(201);
    assert_eq!((answer.json()["id"].as_str(), answer.header("idempotency-replayed")), (Some(&*room), ""));
    let trip = ada.document(&room).await["trip"].clone();
    assert_eq!((&trip["title"], &trip["description"]), (&json!("Lisboa"), &body["description"]));
    let again = post(&ada, "/v1/rooms", "k1", &body).await.expect(201);
    assert_eq!((again.json(), again.header("idempotency-replayed")), (answer.json(), "true"));
    assert_eq!(list().await.len(), 1);
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_of_which_it_is_open_whether_it_was_made_is_found_again() {
    let house = House::open(&JWT).await;
    let ada = person(&house, "ada");
    let body = json!({ "title": "Lisbon" });
    house.fault.set(Fault::AfterCommit);
    post(&ada, "/v1/rooms", "k1", &body).await.problem(503, "store_unavailable");
    house.fault.set(Fault::None);
    let room = post(&ada, "/v1/rooms", "k1", &body).await.expect(201).json();
    assert_eq!(ada.document(room["id"].as_str().unwrap()).await["trip"]["title"], "Lisbon");
    assert_eq!(ada.get("/v1/rooms").await.json()["items"].as_array().unwrap().len(), 1);
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_request_is_under_way_its_key_is_held_whether_or_not_its_caller_waits() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let mut struck = house.fault.struck();
    house.fault.set(Fault::Stall);
    let headers = [("content-type", UPDATE), ("idempotency-key", "k1")];
    let path = "/v1/rooms/lisbon/document";
    let sent = ada.clone();
    let first = tokio::spawn(async move { sent.send(Method::POST, path, &headers, writes(1, "hello")).await });
    struck.changed().await.unwrap();
    ada.send(Method::POST, path, &headers, writes(1, "hello")).await.problem(409, "idempotency_in_flight");
    // The caller hangs up; what has begun is finished.
    first.abort();
    let _ = first.await;
    house.fault.set(Fault::None);
    let again = loop {
        let again = ada.send(Method::POST, path, &headers, writes(1, "hello")).await;
        if again.status != 409 {
            break again.expect(200);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(again.header("idempotency-replayed"), "true");
    eventually("nothing is unsaved", || house.store.unsaved_bytes() == 0).await;
    house.stop().await.0.unwrap();
}
