//! What every route does alike: methods, media types, sizes, headers, compression.

use reqwest::Method;
use serde_json::json;

use super::house::House;
use super::http::{Caller, PATCH};

#[tokio::test]
async fn methods_that_an_address_does_not_know_are_named() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    for (method, path, allow) in [
        (Method::PUT, "/v1/rooms", "GET,HEAD,POST"),
        (Method::POST, "/v1/rooms/lisbon", "GET,HEAD,PATCH,DELETE"),
        (Method::DELETE, "/v1/rooms/lisbon/document", "GET,HEAD,PATCH,POST"),
        (Method::GET, "/v1/rooms/lisbon/tickets", "POST"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
    ] {
        let answer = ada.send(method, path, &[], "").await;
        answer.problem(405, "method_not_allowed");
        let sorted = |list: &str| {
            let mut methods: Vec<String> = list.split(',').map(|method| method.trim().to_owned()).collect();
            methods.sort();
            methods
        };
        assert_eq!(sorted(answer.header("allow")), sorted(allow), "{path}");
    }
    for (method, path, allow) in [
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::DELETE, "/readyz", "GET,HEAD"),
        (Method::POST, "/", "GET,HEAD"),
        (Method::PUT, "/trip/lisbon", "GET,HEAD"),
        (Method::POST, "/index.html", "GET,HEAD"),
        (Method::GET, "/doc/new", "POST"),
        (Method::GET, "/doc/lisbon/auth", "POST"),
        (Method::POST, "/d/lisbon/as-update", "GET,HEAD"),
        (Method::PATCH, "/docs/", "GET,HEAD"),
    ] {
        let answer = ada.send(method, path, &[], "").await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    for (method, path) in [
        (Method::GET, "/nothing"),
        (Method::POST, "/nothing"),
        (Method::GET, "/d/lisbon"),
        (Method::GET, "/doc/"),
        (Method::GET, "/metrics"),
    ] {
        ada.send(method, path, &[], "").await.problem(404, "not_found");
    }
    ada.get("/v1/nothing").await.problem(404, "not_found");
    ada.get("/v1/rooms/lisbon/nothing").await.problem(404, "not_found");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    for path in ["/v1/rooms", "/v1/rooms/lisbon/document", "/v1/rooms/lisbon/members", "/openapi.json"] {
        let (get, head) = (ada.get(path).await.expect(200), ada.send(Method::HEAD, path, &[], "").await.expect(200));
        assert_eq!(
            (head.header("etag"), head.header("content-length")),
            (get.header("etag"), get.header("content-length"))
        );
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn bodies_are_json_and_bounded() {
    let house = House::open(&["--max-request", "1KiB"]).await;
    let ada = Caller::new(&house);
    let post = async |kind: &str, body: &str| {
        ada.send(Method::POST, "/v1/rooms", &[("content-type", kind)], body.to_owned()).await
    };
    post("application/json", "{").await.problem(400, "malformed_body");
    post("application/json", "{} x").await.problem(400, "malformed_body");
    post("application/json", "\u{feff}{}").await.problem(400, "malformed_body");
    post("text/plain", "{}").await.problem(415, "unsupported_media_type");
    post("application/json", &format!(r#"{{"title":"{}"}}"#, "x".repeat(1024))).await.problem(413, "message_too_large");
    post("application/json", &"[".repeat(1000)).await.problem(400, "malformed_body");
    post("application/json; charset=utf-8", r#"{"title":"Lisbon"}"#).await.expect(201);
    ada.get_with("/v1/rooms", &[("accept", "text/html")]).await.problem(406, "not_acceptable");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn answers_are_nobodys_to_run_or_keep() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    for path in ["/v1/rooms", "/v1/rooms/lisbon", "/v1/rooms/nowhere", "/openapi.json"] {
        let answer = ada.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let keeping = if path == "/v1/rooms/lisbon" { "no-store" } else { "private, no-cache" };
        assert_eq!(answer.header("cache-control"), keeping, "{path}");
    }
    let ticket = ada.send(Method::POST, "/v1/rooms/lisbon/tickets", &[], "").await.expect(201);
    assert_eq!(ticket.header("cache-control"), "no-store");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn long_answers_are_packed_and_short_ones_are_not() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    let description = "Lisbon in May. ".repeat(100);
    ada.post("/v1/rooms", json!({ "id": "long", "description": description })).await.expect(201);
    ada.post("/v1/rooms", json!({ "id": "short" })).await.expect(201);
    let plain = ada.get("/v1/rooms/long/document").await.expect(200);
    for encoding in ["br", "gzip"] {
        let packed = ada.get_with("/v1/rooms/long/document", &[("accept-encoding", encoding)]).await.expect(200);
        assert_eq!(packed.header("content-encoding"), encoding);
        assert!(packed.body.len() < plain.body.len() / 2);
        // Other bytes of the same: the tag is weak, and as good as the strong one.
        let tag = packed.header("etag");
        assert_eq!(tag, format!("W/{}", plain.header("etag")));
        for known in [tag, plain.header("etag")] {
            let headers = [("accept-encoding", encoding), ("if-none-match", known)];
            ada.get_with("/v1/rooms/long/document", &headers).await.expect(304);
        }
        let patch = [("content-type", PATCH), ("if-match", tag)];
        ada.send(Method::PATCH, "/v1/rooms/long/document", &patch, "[]").await.expect(200);
    }
    ada.edit("long", json!([{ "op": "add", "path": "/trip/title", "value": "Lisbon" }])).await.expect(200);
    let weak = format!("W/{}", plain.header("etag"));
    let patch = [("content-type", PATCH), ("if-match", &*weak)];
    ada.send(Method::PATCH, "/v1/rooms/long/document", &patch, "[]").await.problem(412, "version_mismatch");
    let mut tags = Vec::new();
    for encoding in ["identity", "gzip", "br"] {
        let page = ada.get_with("/sw.js", &[("accept-encoding", encoding)]).await.expect(200);
        let tag = page.header("etag").to_owned();
        let known = format!("\"x\", W/{tag}");
        ada.get_with("/sw.js", &[("accept-encoding", encoding), ("if-none-match", &known)]).await.expect(304);
        assert!(!tags.contains(&tag));
        tags.push(tag);
    }
    let short = ada.get_with("/v1/rooms/short/document", &[("accept-encoding", "br, gzip")]).await.expect(200);
    assert_eq!(short.header("content-encoding"), "");
    house.stop().await.0.unwrap();
}
