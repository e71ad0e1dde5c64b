//! What is said is heard by whom it is for, and by nobody else.

use std::sync::Arc;

use bytes::Bytes;
use triproom::bus::{Announcement, ClusterId, Heard, Seat};
use triproom::room::node::{
    Claim, Extent, Here, Kept, NodeClaim, NodeMessage, NodeNews, NodePresence, Recipient, Round,
};
use triproom::room::principal::{Principal, PrincipalId};
use triproom::room::request::Present;
use triproom::room::version::{self, Version};
use triproom::wire::awareness::{AwarenessEntry, ClientId};

use crate::house::{House, announced, hear, room, said, settle, text, until};

pub(crate) async fn what_one_says_the_others_of_that_room_hear_in_order<H: House>(house: H) {
    const MESSAGES: usize = 600;
    let nodes = house.nodes::<3>().await;
    let ([lisbon, porto], mut hearers) = ([room("lisbon"), room("porto")], Vec::new());
    for node in &nodes[1..] {
        hearers.push((node.sit(&lisbon).await, node.sit(&porto).await));
    }
    let (mut in_lisbon, mut in_porto) = (nodes[0].sit(&lisbon).await, nodes[0].sit(&porto).await);
    for number in 0..MESSAGES {
        in_lisbon.say(Recipient::All, text(number.to_string()));
    }
    in_porto.say(Recipient::All, text("only here"));
    for (lisbon, porto) in &mut hearers {
        for number in 0..MESSAGES {
            assert_eq!(hear(lisbon).await, said(nodes[0].node(), number.to_string()));
        }
        assert_eq!(hear(porto).await, said(nodes[0].node(), "only here"));
    }
}

pub(crate) async fn own_messages_are_not_heard<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    ada.say(Recipient::All, text("of ada"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "of ada"));
    bob.say(Recipient::All, text("of bob"));
    assert_eq!(hear(&mut ada).await, said(nodes[1].node(), "of bob"));
    assert_eq!((ada.heard(), bob.heard()), (None, None));
}

pub(crate) async fn a_message_to_one_is_heard_by_that_one_only<H: House>(house: H) {
    let nodes = house.nodes::<3>().await;
    let r = room("r");
    let mut seats = [nodes[0].sit(&r).await, nodes[1].sit(&r).await, nodes[2].sit(&r).await];
    seats[0].say(Recipient::One(nodes[1].node()), text("for the second"));
    seats[0].say(Recipient::One(nodes[2].node()), text("for the third"));
    seats[0].say(Recipient::All, text("for all"));
    for (seat, own) in [(1, "for the second"), (2, "for the third")] {
        assert_eq!(hear(&mut seats[seat]).await, said(nodes[0].node(), own));
        assert_eq!(hear(&mut seats[seat]).await, said(nodes[0].node(), "for all"), "and nothing is missed");
    }
}

pub(crate) async fn whoever_takes_a_seat_is_told_how_many_others_there_are<H: House>(house: H) {
    let nodes = house.nodes::<3>().await;
    let r = room("r");
    let (first, elsewhere) = (nodes[0].sit(&r).await, nodes[0].sit(&room("s")).await);
    let (mut second, third) = (nodes[1].sit(&r).await, nodes[2].sit(&r).await);
    assert_eq!([&first, &elsewhere, &second, &third].map(Seat::others), [0, 0, 1, 2]);
    drop(first);
    drop(third);
    let gone = [hear(&mut second).await, hear(&mut second).await];
    assert!([0, 2].into_iter().all(|node| gone.contains(&NodeNews::Left(nodes[node].node()))), "{gone:?}");
    let unheard = async || nodes[2].sit(&r).await.others() == 1;
    until("those who left are not counted", unheard).await;
}

pub(crate) async fn nodes_of_another_database_are_not_heard<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let strangers = [house.bus_of(ClusterId([2; 8])), house.bus_of(ClusterId([2; 8]))];
    settle(&strangers).await;
    let r = room("r");
    let mut seats = [nodes[0].sit(&r).await, nodes[1].sit(&r).await];
    let mut elsewhere = [strangers[0].sit(&r).await, strangers[1].sit(&r).await];
    elsewhere[0].say(Recipient::All, text("of a stranger"));
    assert_eq!(hear(&mut elsewhere[1]).await, said(strangers[0].node(), "of a stranger"));
    seats[0].say(Recipient::All, text("of a friend"));
    assert_eq!(hear(&mut seats[1]).await, said(nodes[0].node(), "of a friend"));
    assert_eq!((seats[1].heard(), elsewhere[1].heard()), (None, None));
    assert_eq!((nodes[0].others().len(), strangers[0].others().len()), (1, 1));
}

pub(crate) async fn every_kind_of_message_arrives_as_it_was_said<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    let id = PrincipalId::parse("ada").unwrap();
    let entry = |state| AwarenessEntry { client: ClientId(7), clock: 3, state };
    let presence = vec![
        NodePresence { entry: entry(Some("{\"name\":\"ada\"}".into())), principal: Some(id.clone()) },
        NodePresence { entry: entry(None), principal: None },
    ];
    let claims = vec![NodeClaim { client: ClientId(7), principal: id.clone(), claim: Claim::Wrote }];
    let principal = Arc::new(Principal::new(id, Some("Ada")));
    let messages = [
        NodeMessage::Updates { kept: Kept::Saved, updates: vec![Bytes::from_static(&[0, 0]), Bytes::new()] },
        NodeMessage::Updates { kept: Kept::Unsaved, updates: Vec::new() },
        NodeMessage::Here(Here {
            extent: Extent::All,
            presence,
            people: vec![Present { principal, connections: 2 }],
            claims,
        }),
        NodeMessage::Here(Here {
            extent: Extent::Changes,
            presence: Vec::new(),
            people: Vec::new(),
            claims: Vec::new(),
        }),
        NodeMessage::Digest {
            incarnation: None,
            round: Round::Reply,
            vector: Bytes::from_static(b"vector"),
            version: Version::from_bytes([9; version::BYTES]),
        },
    ];
    for message in &messages {
        ada.say(Recipient::All, message.clone());
    }
    for message in messages {
        assert_eq!(hear(&mut bob).await, NodeNews::Said { from: nodes[0].node(), message });
    }
}

pub(crate) async fn a_seat_that_is_dropped_tells_others<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    ada.say(Recipient::All, text("here"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "here"));
    assert_eq!((nodes[0].seats(), nodes[1].seats()), (1, 1));
    drop(ada);
    assert_eq!(hear(&mut bob).await, NodeNews::Left(nodes[0].node()));
    assert_eq!(nodes[0].seats(), 0);
    // Whoever comes back is somebody new, and nothing of it was missed.
    let mut ada = nodes[0].sit(&room("r")).await;
    ada.say(Recipient::All, text("here again"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "here again"));
}

pub(crate) async fn a_room_that_is_opened_again_keeps_hearing<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    ada.say(Recipient::All, text("first life"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "first life"));
    for life in 0..20 {
        let mut again = nodes[0].sit(&room("r")).await;
        again.say(Recipient::All, text(format!("life {life}")));
        drop(std::mem::replace(&mut ada, again));
        bob.say(Recipient::All, text("do you hear me?"));
        assert_eq!(hear(&mut ada).await, said(nodes[1].node(), "do you hear me?"));
        // That the former life is gone is no news any more.
        assert_eq!(hear(&mut bob).await, said(nodes[0].node(), format!("life {life}")));
    }
    ada.say(Recipient::All, text("the end"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "the end"));
}

pub(crate) async fn announcements_reach_every_other_node_once<H: House>(house: H) {
    let nodes = house.nodes::<3>().await;
    let mut heard: Vec<_> = nodes.iter().map(triproom::bus::Bus::announcements).collect();
    let announcements = [Announcement::Roster(room("r")), Announcement::Deleted(room("s"))];
    for announcement in announcements.clone() {
        nodes[0].announce(announcement);
    }
    for heard in &mut heard[1..] {
        for announcement in announcements.clone() {
            assert_eq!(announced(heard).await, Heard::Announced(announcement));
        }
    }
    let last = Announcement::Roster(room("the last"));
    nodes[1].announce(last.clone());
    assert_eq!(announced(&mut heard[0]).await, Heard::Announced(last), "the own ones were not heard");
    assert!(heard.iter_mut().skip(1).take(1).all(|heard| heard.try_recv().is_err()));
}

pub(crate) async fn nodes_see_each_other_until_they_close<H: House>(house: H) {
    let [ada, bob, eve] = house.nodes::<3>().await;
    let sees = |bus: &triproom::bus::Bus| {
        let mut others = bus.others();
        others.sort_by_key(|(node, _)| *node);
        others
    };
    let mut expected = vec![(bob.node(), bob.region().cloned()), (eve.node(), eve.region().cloned())];
    expected.sort_by_key(|(node, _)| *node);
    assert_eq!(sees(&ada), expected);
    let mut seats = (ada.sit(&room("r")).await, bob.sit(&room("r")).await);
    seats.1.say(Recipient::All, text("here"));
    assert_eq!(hear(&mut seats.0).await, said(bob.node(), "here"));
    let gone = bob.node();
    let closed = tokio::time::Instant::now();
    bob.close().await;
    // Its room is closed for the others, too, though nobody said so.
    assert_eq!(hear(&mut seats.0).await, NodeNews::Gone(gone));
    until("it is unseen", async || sees(&ada).len() == 1 && sees(&eve).len() == 1).await;
    // A node that only falls silent is missed after more than four seconds.
    assert!(closed.elapsed() < std::time::Duration::from_secs(3), "{:?}", closed.elapsed());
    settle(&[ada, eve]).await;
}

pub(crate) async fn rooms_of_any_name_and_many_at_once<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let names = ["a b", "{lisbon}", "}{", "trips/2026/東京", "nodes", "room:x", "*", "[a-z]?", "😀"];
    let numbered = (0..300).map(|number| format!("room {number}"));
    let rooms: Vec<_> = names.iter().map(ToString::to_string).chain(numbered).map(|name| room(&name)).collect();
    let seats =
        async |node: &triproom::bus::Bus| futures_util::future::join_all(rooms.iter().map(|room| node.sit(room))).await;
    let (mut ada, mut bob) = (seats(&nodes[0]).await, seats(&nodes[1]).await);
    for round in 0..3 {
        for (seat, room) in ada.iter_mut().zip(&rooms) {
            seat.say(Recipient::All, text(format!("{round} in {room}")));
        }
        for (seat, room) in bob.iter_mut().zip(&rooms) {
            assert_eq!(hear(seat).await, said(nodes[0].node(), format!("{round} in {room}")));
        }
    }
    assert!(bob.iter_mut().all(|seat| seat.heard().is_none()));
    assert_eq!(nodes[0].seats(), rooms.len());
}

pub(crate) async fn big_messages<H: House>(house: H) {
    let nodes = house.nodes::<2>().await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    let big: Vec<u8> = b"trip".iter().copied().cycle().take(5 << 20).collect();
    for round in 0..4 {
        ada.say(Recipient::All, text(big.clone()));
        ada.say(Recipient::All, text("small"));
        let (from, own) = (nodes[0].node(), said(nodes[0].node(), big.clone()));
        assert!(hear(&mut bob).await == own, "round {round}");
        assert_eq!(hear(&mut bob).await, said(from, "small"));
        bob.say(Recipient::One(from), text("taken"));
        assert_eq!(hear(&mut ada).await, said(nodes[1].node(), "taken"));
    }
}
