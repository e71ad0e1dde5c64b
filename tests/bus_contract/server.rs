//! What only a Redis server can do: go away, and be asked who hears what.

use triproom::bus::BusHealth;
use triproom::room::node::{NodeNews, Recipient};

use crate::house::{House, ServerHouse, channels, connect, hear_until, room, said, settle, text, until};

#[tokio::test]
async fn a_server_that_comes_back_finds_everything_as_it_is_now() {
    let mut house = ServerHouse::build().await;
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("stays")).await, nodes[1].sit(&room("stays")).await);
    let closing = (nodes[0].sit(&room("closes")).await, nodes[1].sit(&room("closes")).await);
    house.0.kill().await;
    for node in &nodes {
        let mut health = node.health();
        health.wait_for(|health| *health == BusHealth::Deaf).await.unwrap();
    }
    drop(closing);
    let started = tokio::time::Instant::now();
    let (mut ada_new, mut bob_new) = (nodes[0].sit(&room("opens")).await, nodes[1].sit(&room("opens")).await);
    assert!(started.elapsed() < std::time::Duration::from_secs(3), "a room opens all the same");
    ada.say(Recipient::All, text("lost"));
    house.0.start_again().await;
    let back = tokio::time::Instant::now();
    for seat in [&mut ada, &mut bob, &mut ada_new, &mut bob_new] {
        hear_until(seat, &NodeNews::Parted).await;
    }
    assert!(back.elapsed() < std::time::Duration::from_secs(2), "{:?}", back.elapsed());
    for (ada, bob) in [(&mut ada, &mut bob), (&mut ada_new, &mut bob_new)] {
        ada.say(Recipient::All, text("back"));
        hear_until(bob, &said(nodes[0].node(), "back")).await;
    }
    settle(&nodes).await;
    for node in &nodes {
        node.health().wait_for(|health| *health == BusHealth::Healthy).await.unwrap();
    }
    let heard = channels(&mut connect(&house.0).await, "CHANNELS").await;
    assert_eq!(heard, ["triproom:nodes", "triproom:room:opens", "triproom:room:stays"]);
}

#[tokio::test]
async fn nobody_hears_rooms_that_are_closed() {
    let house = ServerHouse::build().await;
    let nodes = house.nodes::<2>().await;
    let mut operator = connect(&house.0).await;
    let mut seats = Vec::new();
    for number in 0..100 {
        seats.push(nodes[0].sit(&room(&number.to_string())).await);
    }
    assert_eq!(channels(&mut operator, "CHANNELS").await.len(), 101);
    drop(seats);
    until("they are closed", async || channels(&mut operator.clone(), "CHANNELS").await == ["triproom:nodes"]).await;
    drop(nodes);
    until("the nodes are gone", async || channels(&mut operator.clone(), "CHANNELS").await.is_empty()).await;
}
