//! Clients that do not read: memory stays bounded, one that comes back to life is healed, one that does not is closed.

use super::house::{House, eventually};

/// More than the system buffers on its way, so that the outbox must overflow.
const CHUNKS: usize = 400;
const CHUNK: usize = 40_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_healed_when_it_reads_again() {
    let house = House::open(&["--outbox", "64KiB", "--slow-client", "10m"]).await;
    let mut ada = house.join("a", 1).await;
    let mut sleepy = house.join("a", 2).await;
    ada.write_much(CHUNKS, CHUNK).await;
    let updates_before = sleepy.updates.len();
    sleepy.until("everything", |sleepy| sleepy.notes().len() == CHUNK * CHUNKS).await;
    assert!(sleepy.updates.len() - updates_before < CHUNKS, "a difference stood in for updates that were dropped");
    // And it is as live as before.
    ada.write("!").await;
    sleepy.until("what is typed now", |sleepy| sleepy.notes().ends_with('!')).await;
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_is_closed_and_nobody_waits_for_it() {
    let house = House::open(&["--outbox", "64KiB", "--slow-client", "3s"]).await;
    let mut ada = house.join("a", 1).await;
    let mut dead = house.join("a", 2).await;
    ada.write_much(CHUNKS, CHUNK).await;
    eventually("the dead client is closed", || house.hub.connections() == 1).await;
    // It was cut off in the middle of a frame, so there is no close frame to read.
    assert!(matches!(dead.closed().await, 1006 | 4509));
    house.stop().await.0.unwrap();
}
