//! What is lost is told to whoever misses it.

use triproom::bus::local::Exchange;
use triproom::bus::{Bus, Heard, Seat};
use triproom::room::node::{NodeId, NodeNews, Recipient};

use crate::house::{BreakableHouse, House, LocalHouse, announced, hear, hear_until, room, said, settle, text};

pub(crate) async fn a_queue_that_overflows_loses_and_tells_and_goes_on<H: House>(house: H) {
    const MESSAGES: usize = 10_000;
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    let from = nodes[0].node();
    for number in 0..MESSAGES {
        ada.say(Recipient::All, text(number.to_string()));
    }
    let (mut ada_aside, mut bob_aside) = (nodes[0].sit(&room("aside")).await, nodes[1].sit(&room("aside")).await);
    overtake(&mut ada_aside, &mut bob_aside, from).await;
    let heard = hear_until(&mut bob, &NodeNews::Parted).await;
    assert!(heard.len() < MESSAGES, "it is bounded");
    for (number, heard) in heard.into_iter().enumerate() {
        assert_eq!(heard, said(from, number.to_string()));
    }
    ada.say(Recipient::All, text("after"));
    assert_eq!(hear(&mut bob).await, said(from, "after"));
    // Few messages that are big are too many, too.
    let big = vec![b'x'; 3 << 20];
    for _ in 0..3 {
        for _ in 0..3 {
            ada.say(Recipient::All, text(big.clone()));
        }
        overtake(&mut ada_aside, &mut bob_aside, from).await;
    }
    let heard = hear_until(&mut bob, &NodeNews::Parted).await;
    assert!((1..9).contains(&heard.len()), "{}", heard.len());
    ada.say(Recipient::All, text("after all"));
    assert_eq!(hear(&mut bob).await, said(from, "after all"));
}

/// Returns when everything that was said before in other rooms, too, has come. Rooms keep no order between them, but what
/// is said when something has been heard is sent after all that was sent together with that.
async fn overtake(ada: &mut Seat, bob: &mut Seat, from: NodeId) {
    for message in ["all of it is said", "all of it has come"] {
        ada.say(Recipient::All, text(message));
        hear_until(bob, &said(from, message)).await;
    }
}

pub(crate) async fn nodes_that_were_parted_know_it_and_hear_again<H: BreakableHouse>(house: H) {
    let nodes = house.nodes::<2>().await;
    let r = room("r");
    let (mut ada, mut bob) = (nodes[0].sit(&r).await, nodes[1].sit(&r).await);
    for round in 0..5 {
        let mut announcements = nodes[1].announcements();
        house.part().await;
        for seat in [&mut ada, &mut bob] {
            hear_until(seat, &NodeNews::Parted).await;
        }
        assert_eq!(announced(&mut announcements).await, Heard::Missed);
        ada.say(Recipient::All, text(format!("round {round}")));
        hear_until(&mut bob, &said(nodes[0].node(), format!("round {round}"))).await;
        bob.say(Recipient::All, text(format!("round {round}")));
        hear_until(&mut ada, &said(nodes[1].node(), format!("round {round}"))).await;
    }
    // Each is heard once, however often there was a new connection.
    ada.say(Recipient::All, text("once"));
    ada.say(Recipient::All, text("more"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "once"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "more"));
    settle(&nodes).await;
}

/// A network that loses single messages.
#[tokio::test]
async fn what_is_lost_on_the_way_is_missed_with_the_next_message() {
    let exchange = Exchange::default();
    let nodes: [Bus; 2] = LocalHouse(exchange.clone()).nodes().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    let from = nodes[0].node();
    ada.say(Recipient::All, text("1"));
    assert_eq!(hear(&mut bob).await, said(from, "1"));
    exchange.lose(Some(std::sync::Arc::new(|| true)));
    ada.say(Recipient::All, text("2"));
    ada.say(Recipient::One(from), text("3"));
    exchange.lose(None);
    ada.say(Recipient::All, text("4"));
    assert_eq!(hear(&mut bob).await, NodeNews::Missed(from));
    assert_eq!(hear(&mut bob).await, said(from, "4"));
    ada.say(Recipient::All, text("5"));
    assert_eq!(hear(&mut bob).await, said(from, "5"));
}
