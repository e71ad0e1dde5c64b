//! The bootstrap: all that a client needs in one answer.

use std::time::SystemTime;

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use triproom::access::api_key::NewKey;
use triproom::room::principal::PrincipalId;
use triproom::room::role::Role;
use triproom::store::directory::{KeyRecord, KeyScope, RoomScope};
use yrs::{Any, Doc, Map, Transact, WriteTxn};

use super::client::Client;
use super::house::House;
use super::http::Caller;
use super::people::{JWT, lisbon, person, token};

#[tokio::test]
async fn it_says_who_one_is_what_there_is_and_where_to_connect() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    let agent = json!({ "principal": "agent:planner", "role": "editor", "name": "Planner" });
    owner.post("/v1/rooms/lisbon/members", agent).await.expect(201);
    let editor = person(&house, "editor");
    let room = editor.get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!(room["id"], "lisbon");
    assert_eq!(room["me"], json!({ "id": "editor", "kind": "user", "name": "EDITOR", "on_behalf_of": null }));
    assert_eq!((&room["role"], &room["writes"]), (&json!("editor"), &json!("everything")));
    assert_eq!(room["settings"], json!({ "visibility": "private", "editors_may_invite": false, "home_region": null }));
    assert_eq!(room["members"]["items"].as_array().unwrap().len(), 6);
    assert_eq!(room["members"]["items"][0]["principal"], "admin");
    let planner =
        json!({ "id": "agent:planner", "name": "Planner", "role": "editor", "present": false, "status": null });
    assert_eq!(room["agents"], json!([planner]));
    assert_eq!(room["present"], json!([]));
    assert_eq!(room["document"], editor.document("lisbon").await);
    assert_eq!(room["document"]["trip"]["title"], "Lisbon");
    assert_eq!(room["sockets"]["yjs"], format!("ws://{}/yjs/lisbon", house.address));
    assert_eq!(room["sockets"]["hocuspocus"], format!("ws://{}/hocuspocus", house.address));
    assert_eq!(room["node"], json!({ "region": null }));
    assert_eq!(room["limits"]["request"], 1 << 20);
    let document = editor.get("/v1/rooms/lisbon/document").await;
    assert_eq!(document.header("etag"), format!("\"{}\"", room["version"].as_str().unwrap()));
    let viewer = person(&house, "viewer").get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!((&viewer["role"], &viewer["writes"]), (&json!("viewer"), &json!("nothing")));
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn it_says_in_which_region_the_server_is_and_its_entity_tag_does_too() {
    let mut folder = TempDir::new().unwrap();
    let mut tags = Vec::new();
    for region in ["eu-central", "us-east"] {
        let house = House::open_in(folder, &["--region", region]).await;
        let ada = Caller::new(&house);
        if tags.is_empty() {
            ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
        }
        // The addresses of the sockets are in it, too.
        let room = ada.get_with("/v1/rooms/lisbon", &[("x-forwarded-host", "trips.example.com")]).await.expect(200);
        assert_eq!(room.json()["node"], json!({ "region": region }));
        tags.push(room.header("etag").to_owned());
        folder = house.stop().await.1;
    }
    assert_ne!(tags[0], tags[1]);
}

#[tokio::test]
async fn addresses_are_those_of_the_proxy_in_front() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let headers = [("x-forwarded-proto", "https"), ("x-forwarded-host", "trips.example.com")];
    let room = ada.get_with("/v1/rooms/lisbon", &headers).await.expect(200).json();
    assert_eq!(room["sockets"]["yjs"], "wss://trips.example.com/yjs/lisbon");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn its_ticket_lets_the_caller_connect_and_who_is_connected_is_present() {
    let house = lisbon().await;
    let editor = person(&house, "editor");
    let room = editor.get("/v1/rooms/lisbon").await.expect(200).json();
    let ticket = room["ticket"]["ticket"].as_str().unwrap();
    assert_eq!(room["ticket"]["role"], "editor");
    let mut socket = Client::join(house.address, &format!("lisbon?token={ticket}"), 1).await;
    socket.write("hello").await;
    socket.settle(1).await;
    let room = person(&house, "viewer").get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!(room["document"]["notes"], "hello");
    let present = &room["present"][0];
    assert_eq!(
        (&present["id"], &present["role"], &present["connections"]),
        (&json!("editor"), &json!("editor"), &json!(1))
    );
    // The ticket opens no other room.
    person(&house, "editor").post("/v1/rooms", json!({ "id": "porto" })).await.expect(201);
    Caller::with(&house, ticket).get("/v1/rooms/porto").await.problem(404, "room_not_found");
    Caller::with(&house, ticket).get("/v1/rooms/lisbon").await.expect(200);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn what_is_known_already_is_not_sent_again_until_something_changes() {
    let house = lisbon().await;
    let viewer = person(&house, "viewer");
    let first = viewer.get("/v1/rooms/lisbon").await.expect(200);
    let tag = first.header("etag").to_owned();
    let again = viewer.get_with("/v1/rooms/lisbon", &[("if-none-match", &tag)]).await.expect(304);
    assert_eq!((again.header("etag"), &*again.body), (&*tag, &b""[..]));
    let editor = person(&house, "editor");
    editor.edit("lisbon", json!([{ "op": "add", "path": "/trip/title", "value": "Lisboa" }])).await.expect(200);
    let tag =
        viewer.get_with("/v1/rooms/lisbon", &[("if-none-match", &tag)]).await.expect(200).header("etag").to_owned();
    let _socket = Client::join(house.address, &format!("lisbon?token={}", token("editor")), 1).await;
    viewer.get_with("/v1/rooms/lisbon", &[("if-none-match", &tag)]).await.expect(200);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_document_that_cannot_be_given_as_json_is_null_and_everything_else_is_there() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.expect(201);
    let deep = (0..100).fold(Any::Null, |inside, _| Any::from(vec![inside]));
    let doc = Doc::with_client_id(7);
    let update = {
        let mut txn = doc.transact_mut();
        let items = txn.get_or_insert_map("items");
        items.insert(&mut txn, "deep", deep);
        txn.encode_update_v1()
    };
    let version = ada.update("lisbon", update).await.expect(200).json()["version"].clone();
    let room = ada.get("/v1/rooms/lisbon").await.expect(200).json();
    assert_eq!((&room["document"], &room["no_json"], &room["version"]), (&Value::Null, &json!("too_deep"), &version));
    assert_eq!(room["role"], "owner");
    assert!(room["ticket"]["ticket"].is_string());
    // What does not show the document works as ever.
    ada.get("/v1/rooms/lisbon/document").await.problem(406, "no_json");
    ada.get("/v1/rooms/lisbon/members").await.expect(200);
    ada.patch("/v1/rooms/lisbon", json!({ "editors_may_invite": true })).await.expect(200);
    ada.post("/v1/rooms", json!({ "id": "lisbon" })).await.problem(409, "room_exists");
    ada.delete("/v1/rooms/lisbon").await.expect(204);
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn nobody_is_left_with_a_ticket_that_is_not_theirs_or_may_end_before_theirs() {
    let house = lisbon().await;
    let owner = person(&house, "owner");
    let link = async || {
        let wish = json!({ "share": true, "role": "editor" });
        let ticket = owner.post("/v1/rooms/lisbon/tickets", wish).await.expect(201).json();
        Caller::with(&house, ticket["ticket"].as_str().unwrap())
    };
    let mut keys = Vec::new();
    for _ in 0..2 {
        let NewKey { id, text, hash } = NewKey::random();
        let record = KeyRecord {
            id: id.clone(),
            agent: PrincipalId::agent("planner").unwrap(),
            rooms: RoomScope::All,
            role: Role::Editor,
            scopes: KeyScope::ALL.into(),
            on_behalf_of: None,
            created_at: SystemTime::now(),
            revoked_at: None,
        };
        house.store.directory().add_key(&record, hash).await.unwrap();
        keys.push(Caller::with(&house, &text));
    }
    // Two guests, and one agent by two keys.
    for (first, second) in [(link().await, link().await), (keys.remove(0), keys.remove(0))] {
        let known = first.get("/v1/rooms/lisbon").await.expect(200);
        let tag = [("if-none-match", known.header("etag"))];
        let again = first.get_with("/v1/rooms/lisbon", &tag).await;
        assert!(matches!(again.status, 200 | 304));
        let held = if again.status == 304 { known.json() } else { again.json() };
        Caller::with(&house, held["ticket"]["ticket"].as_str().unwrap()).get("/v1/rooms/lisbon").await.expect(200);
        let other = second.get_with("/v1/rooms/lisbon", &tag).await.expect(200).json();
        Caller::with(&house, other["ticket"]["ticket"].as_str().unwrap()).get("/v1/rooms/lisbon").await.expect(200);
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn that_of_a_warm_room_touches_no_database() {
    for options in [&JWT[..], &[]] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("triproom.sqlite");
        let house = House::open_in(folder, options).await;
        let ada = person(&house, "ada");
        ada.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
        let warm = ada.get("/v1/rooms/lisbon").await.expect(200).json();
        let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        for table in ["rosters", "members", "snapshots", "log", "rooms", "secrets"] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO away_{table}")))
                .execute(&mut database)
                .await
                .unwrap();
        }
        let without = ada.get("/v1/rooms/lisbon").await.expect(200).json();
        assert_eq!((&without["document"], &without["members"]), (&warm["document"], &warm["members"]));
        ada.get("/v1/rooms").await.problem(503, "store_unavailable");
        drop(house);
    }
}
