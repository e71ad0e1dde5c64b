//! JSON Patch on a live document.

use reqwest::Method;
use serde_json::json;

use super::house::House;
use super::http::{Caller, PATCH};
use super::people::{lisbon, person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_is_told_to_everybody_and_leaves_alone_what_others_type() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let mut bob = house.join("lisbon", 1).await;
    bob.write("We fly on Monday.").await;
    bob.settle(1).await;
    let patch = json!([
        { "op": "test", "path": "/notes", "value": "We fly on Monday." },
        { "op": "replace", "path": "/notes", "value": "We both fly on Monday." },
        { "op": "add", "path": "/items/a", "value": { "kind": "flight", "title": "TP 535", "rank": "a0" } },
    ]);
    let saved = ada.edit("lisbon", patch).await.expect(200);
    bob.until("the patch", |bob| bob.notes() == "We both fly on Monday.").await;
    let document = ada.get("/v1/rooms/lisbon/document").await.expect(200);
    assert_eq!(document.header("etag"), saved.header("etag"));
    assert_eq!(document.json()["items"]["a"], json!({ "kind": "flight", "title": "TP 535", "rank": "a0" }));
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn all_operations_are_done_or_none_and_the_error_names_the_one_that_fails() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    let before = ada.get("/v1/rooms/lisbon/document").await;
    let good = json!({ "op": "replace", "path": "/trip/title", "value": "Porto" });
    for (bad, status, code, reason, field) in [
        (
            json!({ "op": "test", "path": "/trip/title", "value": "x" }),
            409,
            "patch_conflict",
            "test_failed",
            "/trip/title",
        ),
        (json!({ "op": "remove", "path": "/items/zz" }), 409, "patch_conflict", "not_found", "/items/zz"),
        (json!({ "op": "add", "path": "trip", "value": 1 }), 422, "invalid_patch", "invalid_pointer", "trip"),
        (json!({ "op": "frobnicate", "path": "/trip" }), 422, "invalid_patch", "invalid_operation", ""),
        (
            json!({ "op": "add", "path": "/trip/currency", "value": "euro" }),
            422,
            "invalid_field",
            "invalid_field",
            "/trip/currency",
        ),
    ] {
        let problem = ada.edit("lisbon", json!([good, bad])).await.problem(status, code);
        assert_eq!((&problem["operation"], &problem["reason"]), (&json!(1), &json!(reason)), "{problem}");
        assert!(problem["field"].as_str().unwrap().starts_with(field), "{problem}");
        assert!(problem["expected"].is_string() && problem["hint"].is_string(), "{problem}");
    }
    ada.edit("lisbon", json!({ "op": "add" })).await.problem(400, "malformed_body");
    let many = vec![json!({ "op": "test", "path": "/trip/title", "value": "Lisbon" }); 1_001];
    ada.edit("lisbon", json!(many)).await.problem(413, "message_too_large");
    let path = "/v1/rooms/lisbon/document";
    let json_type = [("content-type", "application/json")];
    ada.send(Method::PATCH, path, &json_type, "[]").await.problem(415, "unsupported_media_type");
    let after = ada.get(path).await;
    assert_eq!((after.header("etag"), after.json()), (before.header("etag"), before.json()));
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn if_match_holds_a_patch_to_the_document_that_it_was_made_for() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    let path = "/v1/rooms/lisbon/document";
    let old = ada.get(path).await.header("etag").to_owned();
    let edit = async |tag: &str, title: &str| {
        let body = json!([{ "op": "replace", "path": "/trip/title", "value": title }]).to_string();
        ada.send(Method::PATCH, path, &[("content-type", PATCH), ("if-match", tag)], body).await
    };
    let new = edit(&old, "Porto").await.expect(200).header("etag").to_owned();
    let problem = edit(&old, "Faro").await.problem(412, "version_mismatch");
    assert_eq!(format!("\"{}\"", problem["version"].as_str().unwrap()), new);
    for refused in ["\"unknown\"", &format!("W/{old}"), &format!("{old}, \"x\"")] {
        edit(refused, "Faro").await.problem(412, "version_mismatch");
    }
    assert_eq!(ada.document("lisbon").await["trip"]["title"], "Porto");
    let newer = edit(&format!("{old}, {new}"), "Braga").await.expect(200).header("etag").to_owned();
    // Compressed on its way, the tag had become weak.
    edit(&format!("W/{newer}"), "Sines").await.expect(200);
    edit("*", "Faro").await.expect(200);
    assert_eq!(edit("Faro", "x").await.problem(400, "bad_header")["field"], "if-match");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_commenter_writes_comments_and_nothing_else() {
    let house = lisbon().await;
    let commenter = person(&house, "commenter");
    let comment = json!({ "text": "Nice.", "by": "commenter" });
    commenter.edit("lisbon", json!([{ "op": "add", "path": "/comments/c1", "value": comment }])).await.expect(200);
    for operation in [
        json!({ "op": "add", "path": "/trip/title", "value": "Porto" }),
        json!({ "op": "move", "from": "/trip/title", "path": "/comments/c2" }),
        json!({ "op": "remove", "path": "/trip" }),
    ] {
        let problem = commenter.edit("lisbon", json!([operation])).await.problem(403, "permission_denied");
        assert_eq!(problem["operation"], 0);
    }
    let document = commenter.document("lisbon").await;
    assert_eq!((&document["trip"]["title"], &document["comments"]["c1"]), (&json!("Lisbon"), &comment));
    house.stop().await.0.unwrap();
}
