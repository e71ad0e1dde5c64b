//! The document: read as JSON or as a Yjs update, and changed by a Yjs update.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::json;
use triproom::store::Fault;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, GetString, Map, ReadTxn, StateVector, Text, Transact, Update, WriteTxn};

use super::house::House;
use super::http::{Caller, PATCH, UPDATE};

/// An update that writes into the notes.
pub fn writes(client: u64, text: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(client);
    let mut txn = doc.transact_mut();
    let notes = txn.get_or_insert_text("notes");
    notes.insert(&mut txn, 0, text);
    txn.encode_update_v1()
}

#[tokio::test]
async fn it_comes_as_json_or_as_an_update() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    let path = "/v1/rooms/lisbon/document";
    let json = ada.get(path).await.expect(200);
    assert_eq!(
        (json.header("content-type"), json.json()["trip"]["title"].as_str()),
        ("application/json", Some("Lisbon"))
    );
    let update = ada.get_with(path, &[("accept", UPDATE)]).await.expect(200);
    assert_eq!(update.header("content-type"), UPDATE);
    assert_ne!(update.header("etag"), json.header("etag"));
    let doc = Doc::new();
    doc.transact_mut().apply_update(Update::decode_v1(&update.body).unwrap()).unwrap();
    let trip = doc.get_or_insert_map("trip");
    assert_eq!(trip.get(&doc.transact(), "title").unwrap().to_string(&doc.transact()), "Lisbon");
    for (accept, status) in
        [("*/*", 200), ("text/html", 406), ("application/json;q=0.1, application/vnd.yjs.update", 200)]
    {
        ada.get_with(path, &[("accept", accept)]).await.expect(status);
    }
    for tag in [json.header("etag"), update.header("etag")] {
        let accept = if tag == json.header("etag") { "application/json" } else { UPDATE };
        ada.get_with(path, &[("accept", accept), ("if-none-match", tag)]).await.expect(304);
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn who_takes_no_answer_that_there_is_changes_nothing_and_others_may_take_anything() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let path = "/v1/rooms/lisbon/document";
    let send = async |accept: &str| {
        let headers = [("content-type", UPDATE), ("accept", accept)];
        ada.send(Method::POST, path, &headers, writes(1, "hello")).await
    };
    send(UPDATE).await.problem(406, "not_acceptable");
    let html = [("content-type", PATCH), ("accept", "text/html")];
    ada.send(Method::PATCH, path, &html, "[]").await.problem(406, "not_acceptable");
    assert_eq!(ada.document("lisbon").await["notes"], "");
    for accept in ["*/*", "", "application/*", "application/vnd.yjs.update, */*;q=0.1"] {
        send(accept).await.expect(200);
    }
    // y-sweet's clients have one form of the document and may ask for it by its name.
    for accept in ["application/octet-stream", "*/*", "application/json"] {
        let update = ada.get_with("/d/lisbon/as-update", &[("accept", accept)]).await.expect(200);
        assert_eq!(update.header("content-type"), "application/octet-stream");
        let octets = [("content-type", "application/octet-stream"), ("accept", accept)];
        ada.send(Method::POST, "/d/lisbon/update", &octets, update.body).await.expect(200);
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_state_vector_asks_for_what_one_lacks() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    let doc = Doc::with_client_id(7);
    let first = {
        let mut txn = doc.transact_mut();
        let notes = txn.get_or_insert_text("notes");
        notes.insert(&mut txn, 0, "x".repeat(1000).as_str());
        txn.encode_update_v1()
    };
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    ada.update("lisbon", first).await.expect(200);
    let known = BASE64_URL_SAFE_NO_PAD.encode(doc.transact().state_vector().encode_v1());
    ada.update("lisbon", writes(8, "hello ")).await.expect(200);
    let path = format!("/v1/rooms/lisbon/document?state_vector={known}");
    let difference = ada.get(&path).await.expect(200);
    assert_eq!(difference.header("content-type"), UPDATE);
    assert!(difference.body.len() < 100, "not the thousand letters again");
    doc.transact_mut().apply_update(Update::decode_v1(&difference.body).unwrap()).unwrap();
    let notes = doc.get_or_insert_text("notes");
    assert!(notes.get_string(&doc.transact()).contains("hello "));
    ada.get_with(&path, &[("accept", "application/json")]).await.problem(406, "not_acceptable");
    for wrong in ["", "!", "AQ", "AAAA"] {
        let path = format!("/v1/rooms/lisbon/document?state_vector={wrong}");
        assert_eq!(ada.get(&path).await.problem(400, "bad_query")["field"], "state_vector");
    }
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_is_told_to_everybody_and_durable_when_it_is_answered() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let mut bob = house.join("lisbon", 1).await;
    let saved = ada.update("lisbon", writes(7, "hello")).await.expect(200);
    assert_eq!(saved.header("etag"), format!("\"{}\"", saved.json()["version"].as_str().unwrap()));
    assert_eq!(ada.get("/v1/rooms/lisbon/document").await.header("etag"), saved.header("etag"));
    bob.until("the update", |bob| bob.notes() == "hello").await;
    drop(bob);
    let again = ada.update("lisbon", writes(7, "hello")).await.expect(200);
    assert_eq!(again.json(), saved.json(), "the same again changes nothing");
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &[]).await;
    let after = Caller::new(&house).get("/v1/rooms/lisbon/document").await.expect(200);
    assert_eq!((after.json()["notes"].as_str(), after.header("etag")), (Some("hello"), saved.header("etag")));
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn what_is_no_update_is_refused_and_harms_nothing() {
    let house = House::open(&["--max-message", "64KiB"]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    ada.update("lisbon", writes(1, "fine")).await.expect(200);
    // The last one would put a text inside a text's block, which can hold nothing.
    for garbage in [vec![], vec![1], b"hello".to_vec(), vec![1, 1, 9, 0, 4, 0, 1, 0, 1, b'x', 0]] {
        let answer = ada.update("lisbon", garbage.clone()).await;
        assert_eq!(answer.status, 400, "{garbage:?}");
        answer.problem(400, "malformed_update");
    }
    let path = "/v1/rooms/lisbon/document";
    ada.update("lisbon", vec![0; 65 * 1024]).await.problem(413, "message_too_large");
    let json = [("content-type", "application/json")];
    ada.send(Method::POST, path, &json, "[]").await.problem(415, "unsupported_media_type");
    ada.send(Method::POST, path, &[], vec![0, 0]).await.problem(415, "unsupported_media_type");
    ada.update("nowhere", writes(1, "x")).await.problem(404, "room_not_found");
    ada.update("lisbon", vec![0, 0]).await.expect(200);
    let document = ada.document("lisbon").await;
    assert_eq!((&document["trip"]["title"], &document["notes"]), (&json!("Lisbon"), &json!("fine")));
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_document_that_would_be_too_large_is_refused() {
    let house = House::open(&["--max-document", "4KiB"]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let long = "x".repeat(5_000);
    ada.update("lisbon", writes(1, &long)).await.problem(413, "document_too_large");
    let patch = json!([{ "op": "add", "path": "/trip/description", "value": long }]);
    ada.edit("lisbon", patch).await.problem(422, "invalid_field");
    let patch = json!([{ "op": "add", "path": "/trip/story", "value": long }]);
    ada.edit("lisbon", patch).await.problem(413, "document_too_large");
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_does_not_save_nobody_is_told_that_it_did() {
    let house = House::open(&["--request-timeout", "50ms", "--unsaved-budget", "4KiB"]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    house.fault.set(Fault::Stall);
    let problem = ada.update("lisbon", writes(1, "hello")).await.problem(503, "store_unavailable");
    assert!(problem["hint"].as_str().unwrap().contains("may still be done"));
    house.fault.set(Fault::BeforeCommit);
    let mut code = String::new();
    for client in 2..100 {
        let answer = ada.update("lisbon", writes(client, &"x".repeat(500))).await.expect(503);
        code = answer.json()["code"].as_str().unwrap().to_owned();
        if code == "read_only" {
            assert!(!answer.header("retry-after").is_empty());
            break;
        }
    }
    assert_eq!(code, "read_only");
    house.fault.set(Fault::None);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn state_vectors_are_those_of_the_library() {
    let vector = StateVector::default().encode_v1();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(vector), "AA", "the example in the docs is the empty one");
}
