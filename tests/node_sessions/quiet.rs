//! Two nodes that have a room open in which nothing happens for long: neither forgets the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use triproom::room::client::{Arrival, Receipt};
use triproom::room::document::Document;
use triproom::room::fold;
use triproom::room::id::ConnectionId;
use triproom::room::input::{Input, UpdateKind};
use triproom::room::node::{Kept, NodeId, NodeMessage, NodeNews, Recipient};
use triproom::room::principal::{Principal, PrincipalId};
use triproom::room::role::Writes;
use triproom::room::update::CheckedUpdate;
use yrs::{Doc, ReadTxn, StateVector, Text, Transact};

use super::node::{LIMITS, Node};

const STEP: Duration = Duration::from_millis(500);

fn empty() -> Document {
    fold::open(None, &[], LIMITS.document_bytes).expect("nothing is sound").document
}

/// Lets time pass on both, and carries what they say.
fn pass(nodes: &mut [Node; 2], time: Duration) {
    let mut passed = Duration::ZERO;
    while passed < time {
        passed += STEP;
        for at in [0, 1] {
            let mut said = nodes[at].pass(STEP).shares;
            let mut inputs = nodes[at].heard.drain(..).map(Input::Node).collect::<VecDeque<_>>();
            said.extend(nodes[at].turn(&mut inputs).shares);
            while let Some(effects) = nodes[at].serve() {
                said.extend(effects.shares);
            }
            hear(nodes, at, said);
        }
    }
}

fn hear(nodes: &mut [Node; 2], from: usize, said: impl IntoIterator<Item = (Recipient, NodeMessage)>) {
    let (from, other) = (nodes[from].id, &mut nodes[1 - from]);
    for (to, message) in said {
        if to == Recipient::All || to == Recipient::One(other.id) {
            other.heard.push_back(NodeNews::Said { from, message });
        }
    }
}

#[test]
fn nodes_that_are_quiet_for_minutes_still_tell_each_other_of_the_next_edit() {
    for opened_later in [0, 1, 20, 40, 59] {
        for quiet in [31, 45, 61, 300] {
            let now = Instant::now();
            let later = now + Duration::from_secs(opened_later);
            let mut nodes = [Node::open(NodeId(1), now, empty()), Node::open(NodeId(2), later, empty())];
            let mut first = nodes[0].pass(Duration::ZERO).shares;
            while let Some(effects) = nodes[0].serve() {
                // Nobody is there to hear it.
                first.extend(effects.shares);
            }
            nodes[0].pass(Duration::from_secs(opened_later));
            for node in &mut nodes {
                node.turn(&mut VecDeque::new());
            }
            pass(&mut nodes, Duration::from_secs(quiet));
            let principal = Arc::new(Principal::new(PrincipalId::user("ada").expect("an id"), None));
            let (connection, writes, receipt) = (ConnectionId(1), Writes::Everything, Receipt::Echo);
            let doc = Doc::with_client_id(7);
            doc.get_or_insert_text("notes").push(&mut doc.transact_mut(), "x");
            let update = Bytes::from(doc.transact().encode_state_as_update_v1(&StateVector::default()));
            let update = Box::new(CheckedUpdate::parse(update).expect("an update"));
            let mut inputs = VecDeque::from([
                Input::Join(Arrival { connection, principal, writes, receipt, greeting: None }),
                Input::Update { from: connection, update, kind: UpdateKind::Live },
            ]);
            nodes[1].turn(&mut inputs);
            let told = nodes[1].commit(1).1.shares;
            let is_told = |(_, message): &(Recipient, NodeMessage)| {
                matches!(message, NodeMessage::Updates { kept: Kept::Saved, .. })
            };
            assert!(told.iter().any(is_told), "opened {opened_later} s later, quiet for {quiet} s: {told:?}");
        }
    }
}
