//! People and rooms of a server with authentication.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::house::House;
use super::http::Caller;

pub const SECRET: &str = "a secret that is at least thirty-two bytes long";
/// Options of a server that asks for tokens.
pub const JWT: [&str; 2] = ["--jwt-secret", SECRET];

/// A token of the product's login that holds for an hour.
pub fn token(sub: &str) -> String {
    sign(
        &json!({ "sub": sub, "name": sub.to_uppercase(), "exp": seconds(SystemTime::now() + Duration::from_hours(1)) }),
    )
}

pub fn sign(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub fn person(house: &House, sub: &str) -> Caller {
    Caller::with(house, &token(sub))
}

/// A server with tokens, and a room `lisbon` with a member of each role, who is called like it.
pub async fn lisbon() -> House {
    let house = House::open(&JWT).await;
    let owner = person(&house, "owner");
    owner.post("/v1/rooms", json!({ "id": "lisbon", "title": "Lisbon" })).await.expect(201);
    for role in ["admin", "editor", "commenter", "viewer"] {
        let member = json!({ "principal": role, "role": role, "name": role });
        owner.post("/v1/rooms/lisbon/members", member).await.expect(201);
    }
    house
}
