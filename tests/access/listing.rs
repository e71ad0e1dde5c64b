//! The list of somebody's rooms.

use std::sync::Arc;

use serde_json::json;
use triproom::access::Identity;
use triproom::room::role::Role;
use triproom::store::directory::{KeyScope, RoomScope};

use super::house::{House, id, room};
use super::key;

/// All pages of two.
async fn all(house: &House, who: &Arc<Identity>) -> Vec<(String, Option<Role>)> {
    let mut found: Vec<(String, Option<Role>)> = Vec::new();
    loop {
        let after = found.last().map(|(name, _)| room(name));
        let page = house.access.rooms(who, after.as_ref(), 2).await.unwrap();
        found.extend(page.iter().map(|entry| (entry.room.to_string(), entry.role)));
        if page.len() < 2 {
            return found;
        }
    }
}

fn with(role: Role, names: &[&str]) -> Vec<(String, Option<Role>)> {
    names.iter().map(|name| ((*name).to_owned(), Some(role))).collect()
}

#[tokio::test]
async fn each_sees_the_rooms_in_which_they_have_a_role() {
    let house = House::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        let olga = house.room(name, "olga").await;
        if name != "c" {
            house.access.add_member(&olga, id("ada"), None, Role::Editor).await.unwrap();
        }
    }
    assert_eq!(all(&house, &house.person("olga").await).await, with(Role::Owner, &["a", "b", "c", "d", "e"]));
    assert_eq!(all(&house, &house.person("ada").await).await, with(Role::Editor, &["a", "b", "d", "e"]));
    let capped = house.claims(json!({ "sub": "ada", "role": "viewer" })).await;
    assert_eq!(all(&house, &capped).await, with(Role::Viewer, &["a", "b", "d", "e"]));
    assert_eq!(all(&house, &house.service().await).await, with(Role::Owner, &["a", "b", "c", "d", "e"]));
    let one = house.claims(json!({ "sub": "eve", "room": "c", "role": "commenter" })).await;
    assert_eq!(all(&house, &one).await, with(Role::Commenter, &["c"]));
    let (some, _) = key::make(&house, key::only(&["b", "d", "nowhere"]), Role::Editor, &KeyScope::ALL).await;
    assert_eq!(all(&house, &house.identify(&some).await.unwrap()).await, with(Role::Editor, &["b", "d"]));
    let (every, _) = key::make(&house, RoomScope::All, Role::Viewer, &KeyScope::ALL).await;
    let every = house.identify(&every).await.unwrap();
    assert_eq!(all(&house, &every).await, with(Role::Viewer, &["a", "b", "c", "d", "e"]));
}
