//! Rooms come and go by the hundred thousand and leave nothing behind.

use triproom::room::id::RoomId;

use super::house::{House, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_rooms_opened_and_closed_leave_nothing_behind() {
    let house = House::open(&["--room-idle", "0s", "--max-rooms", "2000"]).await;
    for number in 0..100_000 {
        let room = RoomId::parse(&format!("room {number}"), 100).unwrap();
        // The limit on live rooms is part of the test: closed ones make way.
        let lease = loop {
            match house.hub.enter(&room) {
                Ok(lease) => break lease,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        drop(lease);
    }
    eventually("all rooms are closed", || house.hub.rooms() == 0).await;
    assert_eq!(house.store.rooms_with_rows(), []);
    assert_eq!((house.store.unsaved_bytes(), house.hub.connections()), (0, 0));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_was_written_to_is_folded_when_it_closes_and_is_there_again() {
    let house = House::open(&["--room-idle", "0s"]).await;
    let mut ada = house.join("kept", 1).await;
    for letter in ["l", "i", "s", "b", "o", "n"] {
        ada.write(letter).await;
    }
    ada.settle(1).await;
    drop(ada);
    eventually("the room is closed", || house.hub.rooms() == 0).await;
    assert_eq!(house.store.rooms_with_rows(), [], "the log is folded into a snapshot");
    assert_eq!(house.join("kept", 2).await.notes(), "lisbon");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_long_log_is_folded_when_the_server_stops_and_a_short_one_is_left() {
    let house = House::open(&[]).await;
    let (mut ada, mut bob) = (house.join("long", 1).await, house.join("short", 2).await);
    // However few rows that becomes.
    for _ in 0..400 {
        ada.write(&"l".repeat(1_000)).await;
    }
    bob.write("s").await;
    ada.settle(1).await;
    bob.settle(1).await;
    let (ended, folder) = house.stop().await;
    ended.unwrap();
    let house = House::open_in(folder, &[]).await;
    let left: Vec<String> = house.store.rooms_with_rows().iter().map(|room| room.room.as_str().to_owned()).collect();
    assert_eq!(left, ["short"]);
    assert_eq!(house.join("long", 3).await.notes().len(), 400_000);
    assert_eq!(house.join("short", 4).await.notes(), "s");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn limits_on_connections_and_rooms_bite_and_let_go() {
    let house = House::open(&["--max-connections", "2", "--room-idle", "0s"]).await;
    let ada = house.join("a", 1).await;
    let _bob = house.join("a", 2).await;
    let refused = tokio_tungstenite::client_async(
        format!("ws://{}/yjs/a", house.address),
        tokio::net::TcpStream::connect(house.address).await.unwrap(),
    );
    assert!(refused.await.unwrap_err().to_string().contains("503"));
    drop(ada);
    eventually("the place is free", || house.hub.connections() == 1).await;
    house.join("b", 3).await;
    house.stop().await.0.unwrap();
}
