//! Who may do what is the same on every node, within a second.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::house::House;

#[tokio::test]
async fn a_room_that_is_deleted_on_one_node_is_gone_on_all() {
    let house = House::open(2, &[]).await;
    house.nodes[0].create("lisbon").await;
    let mut bob = house.join(1, "lisbon", 2).await;
    bob.write("gone").await;
    bob.settle(1).await;
    let deleted = Instant::now();
    assert_eq!(house.nodes[0].delete("/v1/rooms/lisbon").await, StatusCode::NO_CONTENT);
    assert_eq!(bob.closed().await, 4404);
    assert!(deleted.elapsed() < Duration::from_secs(1), "{:?}", deleted.elapsed());
    for node in [0, 1] {
        let again = house.join(node, "lisbon", 3).await;
        assert_eq!(again.notes(), "", "a new room begins");
    }
}
