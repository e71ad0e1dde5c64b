//! Stopping: everybody is told to come back, everything is on disk, and a disk that fails is not hidden.

use triproom::server::ServeError;
use triproom::store::Fault;

use super::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_sends_everybody_away_and_saves_everything() {
    let house = House::open(&[]).await;
    let mut clients = Vec::new();
    for id in 1..=20 {
        let mut client = house.join(&format!("room-{}", id % 3), id).await;
        client.write("x").await;
        // Not until it is saved: a query's answer shows that the room has it.
        client.send(&[3]).await;
        client.until("the answer to a query", |client| !client.others.is_empty()).await;
        clients.push(client);
    }
    let stopping = tokio::spawn(house.stop());
    for client in &mut clients {
        assert_eq!(client.closed().await, 1012);
    }
    let (ended, folder) = stopping.await.unwrap();
    ended.unwrap();
    let house = House::open_in(folder, &[]).await;
    let mut letters = 0;
    for room in ["room-0", "room-1", "room-2"] {
        letters += house.join(room, 99).await.notes().len();
    }
    assert_eq!(letters, 20);
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_saved_in_time_is_said() {
    let house = House::open(&["--drain", "300ms"]).await;
    let mut ada = house.join("a", 1).await;
    house.fault.set(Fault::BeforeCommit);
    let mut struck = house.fault.struck();
    ada.write("lost with this process").await;
    struck.changed().await.unwrap();
    let (ended, _folder) = house.stop().await;
    assert!(matches!(ended, Err(ServeError::Unsaved { unsaved, .. }) if unsaved > 0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_does_not_hold_up_the_drain() {
    let house = House::open(&["--outbox", "64KiB"]).await;
    let mut ada = house.join("a", 1).await;
    let _deaf = house.join("a", 2).await;
    ada.write_much(200, 40_000).await;
    let stopping = tokio::spawn(house.stop());
    assert_eq!(ada.closed().await, 1012);
    stopping.await.unwrap().0.unwrap();
}
