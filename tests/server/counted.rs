//! What a Hocuspocus client wrote before it lost its right to be there is counted off all the same, once it is on disk.

use std::time::Duration;

use triproom::store::Fault;

use super::client::sync;
use super::hocuspocus::{Client, SECRET, Said};
use super::house::House;

/// A client that wrote twice while nothing is committed, and whose token has ended since.
async fn shown_out() -> (House, Client) {
    let house = House::open(&["--jwt-secret", SECRET]).await;
    let mut client = Client::connect(&house).await;
    client.sign_in(Duration::from_secs(3)).await;
    house.fault.set(Fault::Stall);
    client.write(1).await;
    client.write(2).await;
    client.until("its token to end", Said::Denied).await;
    assert_eq!(client.count(Said::Saved), 0);
    (house, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_token_ended_is_told_when_what_it_wrote_is_saved() {
    let (house, mut client) = shown_out().await;
    house.fault.set(Fault::None);
    client.until("the first status", Said::Saved).await;
    client.until("the second status", Said::Saved).await;
    client.sign_in(Duration::from_mins(5)).await;
    client.settle().await;
    assert_eq!((client.count(Said::Saved), client.count(Said::Refused)), (2, 0));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_back_with_a_newer_token_is_told_of_what_it_wrote_before() {
    let (house, mut client) = shown_out().await;
    client.write(3).await;
    client.sign_in(Duration::from_mins(5)).await;
    client.settle().await;
    assert_eq!(client.count(Said::Saved), 0, "nothing is on disk");
    house.fault.set(Fault::None);
    for which in ["the first status", "the second status", "that of what was written in between"] {
        client.until(which, Said::Saved).await;
    }
    client.settle().await;
    assert_eq!((client.count(Said::Saved), client.count(Said::Refused)), (3, 0));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_counts_anew_is_not_told_of_what_it_counted_before() {
    let (house, mut client) = shown_out().await;
    client.send(&sync(0, &[0])).await;
    client.sign_in(Duration::from_mins(5)).await;
    client.settle().await;
    house.fault.set(Fault::None);
    client.write(3).await;
    client.until("the status of its only update since", Said::Saved).await;
    client.settle().await;
    assert_eq!(client.count(Said::Saved), 1);
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closed_the_document_is_told_nothing_more() {
    let (house, mut client) = shown_out().await;
    client.send(&[7]).await;
    client.sign_in(Duration::from_mins(5)).await;
    house.fault.set(Fault::None);
    client.write(3).await;
    client.until("the status of its only update since", Said::Saved).await;
    client.settle().await;
    assert_eq!(client.count(Said::Saved), 1);
    house.stop().await.0.unwrap();
}
