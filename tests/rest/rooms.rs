//! Rooms are made, listed, configured and deleted.

use serde_json::{Value, json};
use triproom::room::id::RoomId;
use triproom::store::Fault;

use super::house::House;
use super::http::Caller;
use super::people::{JWT, person, sign};

#[tokio::test]
async fn a_room_is_made_listed_configured_and_deleted() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.get("/v1/rooms/lisbon").await.problem(404, "room_not_found");
    let made =
        ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon", "visibility": "shared" })).await.expect(201);
    assert_eq!(made.header("location"), "/v1/rooms/lisbon");
    let room = made.json();
    assert_eq!(room["settings"], json!({ "visibility": "shared", "editors_may_invite": false, "home_region": null }));
    assert_eq!(ada.document("lisbon").await["trip"], json!({ "title": "Lisbon", "visibility": "shared" }));
    let list = ada.get("/v1/rooms").await.expect(200).json();
    assert_eq!((list["items"][0]["id"].as_str(), list["next"].as_str()), (Some("lisbon"), None));
    let settings = ada.patch("/v1/rooms/lisbon", json!({ "editors_may_invite": true, "visibility": "public" })).await;
    assert_eq!(
        settings.expect(200).json(),
        json!({ "visibility": "public", "editors_may_invite": true, "home_region": null })
    );
    assert_eq!(ada.document("lisbon").await["trip"]["visibility"], "public");
    assert_eq!(ada.get("/v1/rooms").await.json()["items"][0]["settings"]["visibility"], "public");
    ada.delete("/v1/rooms/lisbon").await.expect(204);
    ada.delete("/v1/rooms/lisbon").await.problem(404, "room_not_found");
    assert_eq!(ada.get("/v1/rooms").await.json()["items"], json!([]));
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_room_is_at_home_in_a_region_until_it_is_moved() {
    let house = House::open(&JWT).await;
    let ada = person(&house, "ada");
    let longest = "x".repeat(64);
    for (wish, home) in [(json!(longest), json!(longest)), (Value::Null, Value::Null)] {
        let id = format!("at {}", home.is_null());
        let made = ada.post("/v1/rooms", json!({ "id": id, "home_region": wish })).await.expect(201).json();
        assert_eq!(made["settings"]["home_region"], home);
    }
    ada.post("/v1/rooms", json!({ "id": "lisbon", "home_region": "eu-central" })).await.expect(201);
    for (change, home) in [
        (json!({ "visibility": "shared" }), json!("eu-central")),
        (json!({ "home_region": "eu-west" }), json!("eu-west")),
        (json!({ "home_region": null }), Value::Null),
        (json!({ "home_region": "São Paulo", "editors_may_invite": true }), json!("São Paulo")),
        (json!({}), json!("São Paulo")),
    ] {
        let before = ada.get("/v1/rooms/lisbon").await.expect(200);
        let settings = ada.patch("/v1/rooms/lisbon", change.clone()).await.expect(200).json();
        assert_eq!(settings["home_region"], home, "{change}");
        let after = ada.get("/v1/rooms/lisbon").await.expect(200);
        assert_eq!(after.json()["settings"], settings);
        let is_same = before.json()["settings"] == settings;
        assert!(is_same || before.header("etag") != after.header("etag"), "{change}");
        assert_eq!(ada.get("/v1/rooms").await.json()["items"][2]["settings"], settings);
    }
    for wrong in [json!("x".repeat(65)), json!(""), json!("a\nb"), json!(["eu"])] {
        let problem =
            ada.patch("/v1/rooms/lisbon", json!({ "home_region": wrong })).await.problem(422, "invalid_field");
        assert_eq!(problem["field"], "/home_region");
    }
    assert_eq!(ada.get("/v1/rooms/lisbon").await.json()["settings"]["home_region"], "São Paulo");
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_changes_of_the_settings_at_once_none_is_lost() {
    let house = House::open(&JWT).await;
    let ada = person(&house, "ada");
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let change = |body: Value| {
        let ada = ada.clone();
        tokio::spawn(async move { ada.patch("/v1/rooms/lisbon", body).await.expect(200) })
    };
    // The store holds the first one up until all are there.
    let mut struck = house.fault.struck();
    house.fault.set(Fault::Stall);
    let first = change(json!({ "visibility": "shared" }));
    struck.changed().await.unwrap();
    let others = [change(json!({ "editors_may_invite": true })), change(json!({ "visibility": "public" }))];
    let [second, third] = others;
    ada.get("/v1/rooms/lisbon").await.expect(200);
    house.fault.set(Fault::None);
    for change in [first, second, third] {
        change.await.unwrap();
    }
    let settings = ada.get("/v1/rooms/lisbon").await.expect(200).json()["settings"].clone();
    assert_eq!(settings["editors_may_invite"], true);
    assert_eq!(ada.document("lisbon").await["trip"]["visibility"], settings["visibility"]);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn what_a_room_is_made_with_is_checked_and_nothing_is_made_of_what_is_wrong() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    for (body, code, field) in [
        (json!({ "id": "a", "start_date": "2026-05-03", "end_date": "2026-05-01" }), "invalid_field", "/end_date"),
        (json!({ "id": "a", "currency": "XXY" }), "invalid_field", "/currency"),
        (json!({ "id": "a", "title": "x".repeat(201) }), "invalid_field", "/title"),
        (json!({ "id": "a", "tags": ["a", 1] }), "invalid_field", "/tags"),
        (json!({ "id": "a", "travelers": 0 }), "invalid_field", "/travelers"),
        (json!({ "id": "a", "visibility": "secret" }), "invalid_field", "/visibility"),
        (json!({ "id": "a", "titel": "Lisbon" }), "unknown_field", "/titel"),
        (json!({ "id": "" }), "invalid_field", "/id"),
        (json!({ "id": 7 }), "invalid_field", "/id"),
        (json!({ "id": "a\0b" }), "invalid_field", "/id"),
        (json!({ "id": "a", "home_region": "" }), "invalid_field", "/home_region"),
        (json!({ "id": "a", "home_region": "x".repeat(65) }), "invalid_field", "/home_region"),
        (json!({ "id": "a", "home_region": "eu\u{7f}" }), "invalid_field", "/home_region"),
        (json!({ "id": "a", "home_region": 7 }), "invalid_field", "/home_region"),
        (json!({ "id": "a", "editors_may_invite": "yes" }), "invalid_field", "/editors_may_invite"),
    ] {
        let problem = ada.post("/v1/rooms", body.clone()).await.problem(422, code);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    assert_eq!(ada.get("/v1/rooms").await.json()["items"], json!([]));
    let two = json!({ "currency": "x", "status": "lost" });
    let problem = ada.post("/v1/rooms", two).await.problem(422, "invalid_field");
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["/currency", "/status"]);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_room_without_a_name_gets_one_that_nobody_guesses() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    let mut names = std::collections::HashSet::new();
    for _ in 0..3 {
        let room = ada.send(reqwest::Method::POST, "/v1/rooms", &[], "").await.expect(201).json();
        let id = room["id"].as_str().unwrap().to_owned();
        assert!(id.len() >= 20, "{id}");
        ada.get(&format!("/v1/rooms/{id}")).await.expect(200);
        names.insert(id);
    }
    assert_eq!(names.len(), 3);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn odd_names_are_the_same_room_over_rest_and_over_a_socket() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    for (name, path) in
        [("trips/é 1", "trips%2F%C3%A9%201"), ("100%", "100%25"), ("%2F", "%252F"), ("a?b#c", "a%3Fb%23c")]
    {
        let made = ada.post("/v1/rooms", json!({ "id": name })).await.expect(201);
        assert_eq!(made.header("location"), format!("/v1/rooms/{path}"));
        let mut bob = house.join(path, 1).await;
        bob.write("hello").await;
        bob.settle(1).await;
        let room = ada.get(&format!("/v1/rooms/{path}")).await.expect(200).json();
        assert_eq!((room["id"].as_str(), room["document"]["notes"].as_str()), (Some(name), Some("hello")));
        assert!(room["sockets"]["yjs"].as_str().unwrap().ends_with(&format!("/yjs/{path}")));
    }
    ada.get("/v1/rooms/%00").await.problem(400, "bad_room_name");
    ada.get(&format!("/v1/rooms/{}", "x".repeat(1025))).await.problem(400, "bad_room_name");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_name_is_taken_by_a_room_and_by_what_was_written_without_one() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "made" })).await.expect(201);
    let mut bob = house.join("written", 1).await;
    bob.write("hello").await;
    bob.settle(1).await;
    for id in ["made", "written"] {
        let problem = ada.post("/v1/rooms", json!({ "id": id })).await.problem(409, "room_exists");
        assert_eq!(problem["field"], "/id");
    }
    // A room that was only ever written to can be configured all the same: then it is made.
    ada.patch("/v1/rooms/written", json!({ "editors_may_invite": true })).await.expect(200);
    drop(bob);
    let (ended, folder) = house.stop().await;
    ended.unwrap();

    // With authentication, what strangers wrote before it was on is nobody's to take but the operator's.
    let mut house = House::open_in(folder, &[]).await;
    let mut bob = house.join("orphan", 1).await;
    bob.write("secret").await;
    bob.settle(1).await;
    drop(bob);
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    house = House::open_in(folder, &JWT).await;
    let eve = person(&house, "eve");
    eve.get("/v1/rooms/orphan").await.problem(404, "room_not_found");
    eve.post("/v1/rooms", json!({ "id": "orphan" })).await.problem(409, "room_exists");
    let service = Caller::with(&house, &sign(&json!({ "role": "service_role", "exp": u32::MAX })));
    service.post("/v1/rooms", json!({ "id": "orphan" })).await.expect(201);
    assert_eq!(service.document("orphan").await["notes"], "secret");
    eve.get("/v1/rooms/orphan").await.problem(404, "room_not_found");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn lists_come_in_parts_and_hold_the_callers_rooms_alone() {
    let house = House::open(&JWT).await;
    let (ada, eve) = (person(&house, "ada"), person(&house, "eve"));
    for number in 0..5 {
        ada.post("/v1/rooms", json!({ "id": format!("trip {number}") })).await.expect(201);
    }
    eve.post("/v1/rooms", json!({ "id": "trip 2½" })).await.expect(201);
    let mut seen: Vec<Value> = Vec::new();
    let mut path = "/v1/rooms?limit=2".to_owned();
    loop {
        let page = ada.get(&path).await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|room| room["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/rooms?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["trip 0", "trip 1", "trip 2", "trip 3", "trip 4"]);
    assert_eq!(eve.get("/v1/rooms").await.json()["items"][0]["role"], "owner");
    for path in ["/v1/rooms?cursor=nonsense", "/v1/rooms/trip%200/members?cursor=nonsense"] {
        ada.get(path).await.problem(400, "bad_cursor");
    }
    for (path, field) in
        [("?limit=0", "limit"), ("?limit=201", "limit"), ("?limit=1&limit=1", "limit"), ("?page=2", "page")]
    {
        assert_eq!(ada.get(&format!("/v1/rooms{path}")).await.problem(400, "bad_query")["field"], field);
    }
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_room_sends_everybody_away_and_leaves_nothing_for_the_next_of_its_name() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    let mut bob = house.join("lisbon", 1).await;
    bob.write("hello").await;
    bob.settle(1).await;
    ada.delete("/v1/rooms/lisbon").await.expect(204);
    assert_eq!(bob.closed().await, 4404);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    assert_eq!(ada.document("lisbon").await["notes"], "");
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &[]).await;
    assert_eq!(Caller::new(&house).document("lisbon").await["trip"], json!({}));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_has_begun_is_finished_when_the_store_is_back() {
    for options in [&[][..], &JWT] {
        let house = House::open(&[options, &["--request-timeout", "100ms"]].concat()).await;
        let ada = person(&house, "ada");
        ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
        // Committed, but reported as failed: the members are gone, and nobody knows.
        house.fault.set(Fault::AfterCommit);
        ada.delete("/v1/rooms/lisbon").await.problem(503, "store_unavailable");
        house.fault.set(Fault::None);
        deleted(&house, &ada).await;
        // The members are gone, and the document hangs.
        let mut struck = house.fault.struck();
        house.fault.set(Fault::Stall);
        let asking = ada.clone();
        let asked = tokio::spawn(async move { asking.delete("/v1/rooms/lisbon").await });
        struck.changed().await.unwrap();
        house.fault.set(Fault::BeforeCommit);
        asked.await.unwrap().problem(503, "store_unavailable");
        house.fault.set(Fault::None);
        ada.delete("/v1/rooms/lisbon").await.expect(204);
        deleted(&house, &ada).await;
        house.stop().await.0.unwrap();
    }
}

/// Waits until a room can be made anew, and finds nothing of the former one in it.
async fn deleted(house: &House, ada: &Caller) {
    let made = async || ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.status == 201;
    let waiting = async { while !made().await {} };
    tokio::time::timeout(super::house::DEADLINE, waiting).await.expect("it is deleted");
    assert_eq!(ada.document("lisbon").await["trip"], json!({}));
    assert_eq!(house.hub.rooms(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_into_a_room_that_is_being_deleted() {
    let house = House::open(&["--request-timeout", "100ms"]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    let mut bob = house.join("lisbon", 1).await;
    // The members are gone already; the store does not delete the document.
    house.store.directory().delete_room(&RoomId::parse("lisbon", 100).unwrap()).await.unwrap();
    house.fault.set(Fault::BeforeCommit);
    let hub = house.hub.clone();
    let deletion = tokio::spawn(async move { hub.delete(&RoomId::parse("lisbon", 100).unwrap()).await });
    assert_eq!(bob.closed().await, 4404);
    ada.get("/v1/rooms/lisbon").await.problem(503, "store_unavailable");
    ada.get("/v1/rooms/lisbon/document").await.problem(503, "store_unavailable");
    let mut eve = super::client::Client::connect(house.address, "lisbon", 2).await;
    assert_eq!(eve.closed().await, 1013);
    // Killed now, it is finished by the next start.
    deletion.abort();
    let (_, folder) = house.stop().await;
    let house = House::open_in(folder, &[]).await;
    Caller::new(&house).get("/v1/rooms/lisbon").await.problem(404, "room_not_found");
    house.stop().await.0.unwrap();
}
