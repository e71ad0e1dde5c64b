//! What a room tells of those who are here, and whom it believes.

use super::*;
use crate::room::node::Extent;

const ADA: ClientId = ClientId(1);
const OLD: ConnectionId = ConnectionId(10);
const NEW: ConnectionId = ConnectionId(11);
const PEER: ConnectionId = ConnectionId(12);

fn says(clock: u64, state: &'static str) -> Vec<AwarenessEntry> {
    vec![AwarenessEntry { client: ADA, clock, state: (state != "null").then(|| Bytes::from_static(state.as_bytes())) }]
}

/// Nobody is known to have used any of these clients before.
fn nobodys(_: ClientId, _: Option<ConnectionId>) -> Whose {
    Whose::Nobodys
}

/// A room that is old enough for everybody in it to have come since it opened.
fn room() -> (Presence, Instant) {
    let opened = Instant::now();
    (Presence::new(opened, 2), opened + YOUNG)
}

fn states(presence: &Presence) -> Vec<(u64, Bytes)> {
    presence.everyone(None).into_iter().map(|entry| (entry.clock, entry.state.expect("there"))).collect()
}

#[test]
fn a_state_is_told_to_all_but_its_sender() {
    let (mut presence, now) = room();
    assert_eq!(presence.hear(now, OLD, says(1, "{}"), nobodys), Ok(Heard::default()));
    let change = presence.take_changes().expect("news");
    assert_eq!(change.sole_origin, Some(OLD));
    assert_eq!(change.entries, says(1, "{}"));
    assert_eq!(presence.take_changes(), None);
    presence.hear(now, OLD, says(1, "{\"old\":1}"), nobodys).expect("ignored");
    assert_eq!(presence.take_changes(), None, "an equal clock is no news");
}

#[test]
fn a_closed_socket_takes_its_clients_along_with_an_unchanged_clock() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
    presence.take_changes();
    presence.leave(now, OLD);
    assert_eq!(presence.take_changes().expect("news").entries, says(5, "null"));
    assert!(presence.is_empty());
}

#[test]
fn a_client_that_comes_back_with_its_old_clock_is_asked_to_raise_it() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
    presence.leave(now, OLD);
    let peer = AwarenessEntry { client: ClientId(2), clock: 3, state: Some(Bytes::from_static(b"{}")) };
    presence.hear(now, PEER, vec![peer.clone()], nobodys).expect("heard");
    let heard = presence.hear(now, NEW, says(5, "{}"), nobodys).expect("heard");
    assert_eq!(heard.cures, says(6, "null"));
    assert_eq!(heard.peers, [(PEER, AwarenessEntry { clock: 4, state: None, ..peer })]);
    let heard = presence.hear(now, NEW, says(7, "{}"), nobodys).expect("heard");
    assert_eq!((heard.cures.len(), states(&presence).len()), (0, 2));
}

#[test]
fn whoever_moves_here_from_another_node_sees_those_who_are_here_anew() {
    let (mut presence, now) = room();
    let node = ConnectionId::of_node(1);
    let bob = AwarenessEntry { client: ClientId(3), clock: 1, state: Some(Bytes::from_static(b"{}")) };
    presence.hear_node(now, node, Extent::Changes, [says(5, "{}"), vec![bob]].concat());
    let peer = AwarenessEntry { client: ClientId(2), clock: 3, state: Some(Bytes::from_static(b"{}")) };
    presence.hear(now, PEER, vec![peer.clone()], nobodys).expect("heard");
    let heard = presence.hear(now, NEW, says(5, "{}"), nobodys).expect("heard");
    assert_eq!(heard.cures, says(6, "null"));
    assert_eq!(heard.peers, [(PEER, AwarenessEntry { clock: 4, state: None, ..peer })]);
}

#[test]
fn in_a_young_room_peers_may_know_a_client_from_before() {
    let opened = Instant::now();
    let mut presence = Presence::new(opened, 2);
    assert_eq!(presence.hear(opened, NEW, says(5, "{}"), nobodys).expect("heard").cures, says(6, "null"));
    assert_eq!(presence.len(), 1);
}

#[test]
fn nobody_speaks_for_somebody_else() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{\"name\":\"Ada\"}"), nobodys).expect("heard");
    presence
        .hear(now, PEER, vec![AwarenessEntry { client: ClientId(2), ..says(1, "{}").remove(0) }], nobodys)
        .expect("heard");
    presence.hear(now, PEER, says(9, "{\"name\":\"Mallory\"}"), nobodys).expect("ignored");
    presence.hear(now, PEER, says(9, "null"), nobodys).expect("ignored");
    presence.hear(now, NEW, says(9, "null"), nobodys).expect("ignored");
    assert!(states(&presence).contains(&(5, Bytes::from_static(b"{\"name\":\"Ada\"}"))));
    presence.leave(now, PEER);
    assert_eq!(states(&presence).len(), 1, "an echo binds nothing to the socket that echoed");
}

#[test]
fn a_viewer_in_a_room_of_two_binds_nothing_by_its_echo() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
    assert_eq!(presence.hear(now, PEER, says(5, "{}"), nobodys), Ok(Heard::default()));
    presence.leave(now, OLD);
    assert!(presence.is_empty());
}

#[test]
fn a_client_without_presence_of_its_own_binds_nothing_by_its_echoes() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
    // npm clients echo what they hear; the first thing that this one says is about two others.
    let other = AwarenessEntry { client: ClientId(2), ..says(1, "{}").remove(0) };
    presence.hear(now, NEW, vec![other.clone()], nobodys).expect("heard");
    let echo = [says(5, "{}"), vec![other]].concat();
    assert_eq!(presence.hear(now, PEER, echo, nobodys), Ok(Heard::default()));
    assert_eq!(presence.hear(now, PEER, says(5, "{}"), nobodys), Ok(Heard::default()));
    presence.leave(now, OLD);
    assert_eq!(states(&presence).len(), 1, "nobody keeps a client alive that is gone");
}

#[test]
fn a_socket_that_takes_over_is_heard_when_the_old_one_is_gone() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
    assert_eq!(presence.hear(now, NEW, says(5, "{}"), nobodys), Ok(Heard::default()), "as an echo would say it");
    let heard = presence.hear(now, NEW, says(6, "{\"new\":1}"), nobodys).expect("heard");
    assert_eq!(heard.challenged, Some(OLD));
    presence.hear(now, NEW, says(7, "{\"new\":2}"), nobodys).expect("heard");
    assert_eq!(states(&presence), [(5, Bytes::from_static(b"{}"))], "not while the old one may live");
    presence.take_changes();
    presence.leave(now, OLD);
    assert_eq!(presence.take_changes().expect("news").entries, says(7, "{\"new\":2}"));
    presence.leave(now, NEW);
    assert!(presence.is_empty());
}

#[test]
fn silence_ends_a_state_and_speaking_brings_it_back() {
    let (mut presence, now) = room();
    presence.hear(now, OLD, says(5, "{}"), nobodys).expect("heard");
    assert_eq!(presence.next_expiry(), Some(now + EXPIRY));
    presence.sweep(now + EXPIRY);
    assert!(presence.is_empty());
    presence.hear(now + EXPIRY, OLD, says(6, "{}"), nobodys).expect("heard");
    assert_eq!(presence.len(), 1);
}

#[test]
fn nobodys_clocks_are_used_up_by_a_leap() {
    let (mut presence, now) = room();
    for leap in [LEAP_MAX + 1, LEAP_MAX + STEP_MAX] {
        assert_eq!(presence.hear(now, PEER, says(leap, "{}"), nobodys), Ok(Heard::default()));
        assert!(presence.is_empty());
    }
    presence.hear(now, PEER, says(LEAP_MAX, "{}"), nobodys).expect("heard");
    presence.hear(now, PEER, says(LEAP_MAX + STEP_MAX + 1, "{}"), nobodys).expect("ignored");
    presence.leave(now, PEER);
    let heard = presence.hear(now, NEW, says(5, "{}"), nobodys).expect("heard");
    assert_eq!(heard.cures, says(LEAP_MAX + 1, "null"));
    presence.hear(now, NEW, says(LEAP_MAX + 2, "{}"), nobodys).expect("heard");
    assert_eq!(presence.len(), 1);
}

#[test]
fn limits_bite() {
    let (mut presence, now) = room();
    assert_eq!(presence.hear(now, OLD, says(1, "{bad"), nobodys), Err(PresenceRefusal::NotJson));
    for client in 1..=2 {
        let entry = AwarenessEntry { client: ClientId(client), ..says(1, "{}").remove(0) };
        presence.hear(now, OLD, vec![entry], nobodys).expect("within the limit");
    }
    let third = AwarenessEntry { client: ClientId(3), ..says(1, "{}").remove(0) };
    assert_eq!(presence.hear(now, OLD, vec![third], nobodys), Err(PresenceRefusal::TooManyClients));
}

#[test]
fn those_who_went_are_forgotten_in_the_end() {
    let (mut presence, now) = room();
    for client in 0..10_000 {
        let entry = AwarenessEntry { client: ClientId(client), ..says(1, "{}").remove(0) };
        presence.hear(now, OLD, vec![entry], nobodys).expect("heard");
        presence.leave(now, OLD);
        presence.take_changes();
    }
    assert!(presence.entries.len() <= GONE_MAX + 1);
    presence.sweep(now + GONE_KEPT * 2);
    assert_eq!((presence.entries.len(), presence.gone), (0, 0));
}
