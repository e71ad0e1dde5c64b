//! Who gets in, and what a stranger can learn.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::house::House;
use super::http::Caller;
use super::people::{JWT, lisbon, person, seconds, sign, token};

#[tokio::test]
async fn without_a_good_token_nobody_gets_in() {
    let house = lisbon().await;
    let hour = Duration::from_hours(1);
    let expired = sign(&json!({ "sub": "owner", "exp": seconds(SystemTime::now() - hour) }));
    let eve = |token: &str| Caller::with(&house, token);
    for path in ["/v1/rooms", "/v1/rooms/lisbon", "/v1/rooms/lisbon/document", "/v1/rooms/lisbon/members"] {
        let none = Caller::new(&house).get(path).await;
        none.problem(401, "auth_required");
        assert_eq!(none.header("www-authenticate"), r#"Bearer realm="triproom""#);
        let bad = eve("nonsense").get(path).await;
        bad.problem(401, "auth_failed");
        assert_eq!(bad.header("www-authenticate"), r#"Bearer realm="triproom", error="invalid_token""#);
        eve(&expired).get(path).await.problem(401, "token_expired");
    }
    // A token may come in the query, too, and a header goes first.
    let good = token("owner");
    Caller::new(&house).get(&format!("/v1/rooms/lisbon?token={good}")).await.expect(200);
    eve("nonsense").get(&format!("/v1/rooms/lisbon?token={good}")).await.problem(401, "auth_failed");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_private_room_is_no_other_than_one_that_is_not_there() {
    let house = lisbon().await;
    let eve = person(&house, "eve");
    let body = json!({ "role": "viewer", "principal": "eve" });
    for (method, rest) in [
        (reqwest::Method::GET, ""),
        (reqwest::Method::DELETE, ""),
        (reqwest::Method::PATCH, ""),
        (reqwest::Method::GET, "/document"),
        (reqwest::Method::PATCH, "/document"),
        (reqwest::Method::POST, "/document"),
        (reqwest::Method::GET, "/members"),
        (reqwest::Method::POST, "/members"),
        (reqwest::Method::DELETE, "/members/eve"),
        (reqwest::Method::POST, "/tickets"),
    ] {
        let ask = async |room: &str| {
            let path = format!("/v1/rooms/{room}{rest}");
            let answer =
                eve.send(method.clone(), &path, &[("content-type", "application/json")], body.to_string()).await;
            let mut headers = answer.headers.clone();
            headers.remove("date");
            (answer.status, headers, answer.body)
        };
        let (hidden, missing) = (ask("lisbon").await, ask("nowhere").await);
        assert_eq!(hidden, missing, "{method} {rest}");
        assert_eq!(hidden.0, 404, "{method} {rest}");
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn too_many_bad_tokens_from_one_address_are_slowed_down_and_good_ones_are_not() {
    let house = House::open(&[&JWT[..], &["--auth-failures", "3"]].concat()).await;
    let eve = Caller::with(&house, "nonsense");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let answer = eve.get("/v1/rooms").await;
        if answer.status == 429 {
            let problem = answer.problem(429, "rate_limited");
            assert!(problem["retryable"].as_bool().unwrap());
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        statuses.push(answer.status);
    }
    assert!(statuses.starts_with(&[401]) && statuses.ends_with(&[429]), "{statuses:?}");
    person(&house, "ada").get("/v1/rooms").await.expect(200);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn pages_of_other_origins_are_turned_away_and_those_that_are_listed_are_not() {
    let house = House::open(&["--allow-origin", "https://app.example.com"]).await;
    let ada = Caller::new(&house);
    let listed = ada.get_with("/v1/rooms", &[("origin", "https://app.example.com")]).await.expect(200);
    assert_eq!(listed.header("access-control-allow-origin"), "https://app.example.com");
    assert!(listed.header("access-control-expose-headers").contains("etag"));
    let evil = ada.get_with("/v1/rooms", &[("origin", "https://evil.example")]).await;
    evil.problem(403, "origin_denied");
    assert_eq!(evil.header("access-control-allow-origin"), "");
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization,content-type,if-match"),
        ];
        ada.send(reqwest::Method::OPTIONS, "/v1/rooms/lisbon/document", &headers, "").await
    };
    let allowed = preflight("https://app.example.com").await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example.com");
    assert!(allowed.header("access-control-allow-methods").contains("PATCH"));
    assert!(allowed.header("access-control-allow-headers").contains("if-match"));
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    let own = format!("http://{}", house.address);
    ada.get_with("/v1/rooms", &[("origin", &own)]).await.expect(200);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn without_authentication_a_page_whose_name_leads_here_is_turned_away() {
    let house = House::open(&["--allow-origin", "http://box.lan:8080"]).await;
    let ada = Caller::new(&house);
    let port = house.address.port();
    let evil = format!("evil.example:{port}");
    let origin = format!("http://{evil}");
    for headers in [vec![("host", &*evil)], vec![("host", &*evil), ("origin", &*origin)]] {
        for path in ["/v1/rooms", "/v1/rooms/lisbon/document"] {
            let problem = ada.get_with(path, &headers).await.problem(403, "origin_denied");
            assert!(problem["detail"].as_str().unwrap().contains("--allow-origin"), "{problem}");
        }
        let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
        let key = [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
        let answer = ada.get_with("/yjs/lisbon", &[&headers, &upgrade[..], &key].concat()).await;
        assert_eq!(answer.status, 403);
    }
    for host in [format!("localhost:{port}"), format!("[::1]:{port}"), "box.lan:8080".to_owned()] {
        let own = format!("http://{host}");
        ada.get_with("/v1/rooms", &[("host", &host), ("origin", &own)]).await.expect(200);
    }
    house.stop().await.0.unwrap();
    // With authentication a page needs a credential, whatever the server is called.
    let house = House::open(&JWT).await;
    let origin = ("origin", "http://trips.example.com");
    person(&house, "ada").get_with("/v1/rooms", &[("host", "trips.example.com"), origin]).await.expect(200);
    house.stop().await.0.unwrap();
}
