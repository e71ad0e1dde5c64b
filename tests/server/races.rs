//! Joining a room at the very moment when it closes.

use super::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_while_the_room_closes_and_folds_loses_nothing() {
    let house = House::open(&["--room-idle", "0s"]).await;
    let (address, rounds) = (house.address, 60u64);
    let writers = (0..4u64).map(|writer| {
        tokio::spawn(async move {
            for round in 0..rounds {
                let mut client = super::client::Client::join(address, "busy", writer * 1_000 + round + 1).await;
                client.write("x").await;
                client.settle(1).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let reader = house.join("busy", 9_999).await;
    assert_eq!(reader.notes().len() as u64, 4 * rounds);
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_comes_first_finds_one_room() {
    let house = House::open(&[]).await;
    let address = house.address;
    let joins = (1..=50u64).map(|id| tokio::spawn(super::client::Client::join(address, "new", id)));
    let mut clients = Vec::new();
    for join in joins.collect::<Vec<_>>() {
        clients.push(join.await.unwrap());
    }
    for client in &mut clients {
        client.write("x").await;
    }
    for client in &mut clients {
        client.until("what all wrote", |client| client.notes().len() == 50).await;
    }
    assert_eq!(house.hub.rooms(), 1);
    house.stop().await.0.unwrap();
}
