//! What somebody learns who has no business in a room: nothing.

use std::time::{Duration, Instant};

use triproom::access::Refused;
use triproom::room::role::Role;
use triproom::store::directory::{RoomSettings, Visibility};

use super::house::{House, id, room};

#[tokio::test]
async fn a_private_room_is_like_one_that_is_not_there() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    for number in 0..500 {
        house.member_behind("trip", &format!("member {number}"), Role::Viewer).await;
    }
    let eve = house.person("eve").await;
    for name in ["trip", "nowhere"] {
        let asked = Instant::now();
        assert_eq!(house.access.enter(&eve, &room(name)).await.unwrap_err(), Refused::NoSuchRoom);
        // Both take one look into the store, and the answer waits for its time.
        assert!(asked.elapsed() >= Duration::from_millis(10), "{name}");
    }
    assert_eq!(house.access.rooms(&eve, None, 100).await.unwrap(), []);
    drop(olga);
}

#[tokio::test]
async fn memory_never_turns_anybody_away() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let ada = house.person("ada").await;
    assert_eq!(house.access.enter(&ada, &room("trip")).await.unwrap_err(), Refused::NoSuchRoom);
    // Somebody else lets her in: the roster in memory is behind.
    house.member_behind("trip", "ada", Role::Editor).await;
    assert!(!olga.roster().unwrap().members.contains_key(&id("ada")));
    assert_eq!(house.access.enter(&ada, &room("trip")).await.unwrap().role(), Role::Editor);
    assert!(olga.roster().unwrap().members.contains_key(&id("ada")), "all who are in the room see the same");
}

#[tokio::test]
async fn a_public_room_is_seen_and_not_listed() {
    let house = House::new().await;
    let public = RoomSettings { visibility: Visibility::Public, ..RoomSettings::default() };
    house.access.create_room(&house.person("olga").await, room("trip"), public, None).await.unwrap();
    let eve = house.person("eve").await;
    assert_eq!(house.access.enter(&eve, &room("trip")).await.unwrap().role(), Role::Viewer);
    assert_eq!(house.access.rooms(&eve, None, 100).await.unwrap(), []);
}
