//! A request that is repeated with its key is done once and answered as it was.

use reqwest::Method;
use serde_json::{Value, json};
use triproom::store::Fault;

use super::document::writes;
use super::house::{House, eventually};
use super::http::{Answer, Caller, JSON, UPDATE};
use super::people::{JWT, person};

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
    for (path, body) in
        [("/v1/rooms", json!({ "id": "porto" })), ("/v1/rooms/lisbon/tickets", json!({ "id": "lisbon" }))]
    {
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
