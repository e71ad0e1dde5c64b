//! The wire format between nodes: a version, of which cluster it is, who says it, in which life of a room, the how-manieth message of that, for
//! whom, and then the message. Numbers and byte strings as in lib0; a node's number is eight bytes, little-endian. Used by `bus` alone; it must read whatever an older
//! or newer version, or anybody else with access to the wire, puts there without harm.

use std::sync::Arc;

use bytes::Bytes;

use super::announcement::Announcement;
use super::roll::Beat;
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::kept::{EventKind, EventSeq};
use crate::room::node::{
    Claim, Extent, Here, Incarnation, Kept, KeptEvent, NodeClaim, NodeId, NodeMessage, NodePresence, Recipient, Round,
};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::region::Region;
use crate::room::request::Present;
use crate::room::version::{self, Version};
use crate::wire::awareness::{AwarenessEntry, ClientId};
use crate::wire::lib0::{CLIENT_ID_MAX, Malformed, Reader, put_byte_string, put_number};

/// The version of this format. Nodes that speak another one do not hear each other.
const VERSION: u8 = 1;

/// Of whose database the nodes are. Others may use the same Redis, with the same names of channels and rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterId(pub [u8; 8]);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    pub from: NodeId,
    /// Which opening of the room at that node.
    pub life: u64,
    /// Counts the messages of that life from 0.
    pub sequence: u64,
    pub to: Recipient,
    pub body: Body,
}

/// What is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    Room(NodeMessage),
    /// The node has closed the room.
    Left,
    Beat(Beat),
    Announcement(Announcement),
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvelopeError {
    #[error("it is of version {0}")]
    Version(u8),
    #[error("it is of nodes that share another database")]
    Foreign,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("something in it is named as nothing is")]
    Name,
}

impl Envelope {
    pub fn encode(&self, cluster: ClusterId) -> Bytes {
        let mut out = vec![VERSION];
        out.extend(cluster.0);
        let to = match self.to {
            Recipient::All => 0,
            Recipient::One(NodeId(node)) => node,
        };
        out.extend(self.from.0.to_le_bytes());
        put_number(&mut out, self.life);
        put_number(&mut out, self.sequence);
        out.extend(u64::to_le_bytes(to));
        match &self.body {
            Body::Room(message) => put_message(&mut out, message),
            Body::Left => out.push(4),
            Body::Beat(beat) => put_beat(&mut out, beat),
            Body::Announcement(announcement) => {
                let (tag, room) = match announcement {
                    Announcement::Roster(room) => (6, room),
                    Announcement::Deleted(room) => (7, room),
                };
                out.push(tag);
                put_byte_string(&mut out, room.as_str().as_bytes());
            }
        }
        out.into()
    }

    /// Updates and states in it are slices of `message`.
    pub fn decode(message: &Bytes, cluster: ClusterId) -> Result<Self, EnvelopeError> {
        let mut reader = Reader::new(message);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(EnvelopeError::Version(version));
        }
        if reader.take(cluster.0.len())? != cluster.0 {
            return Err(EnvelopeError::Foreign);
        }
        let from = node(&mut reader)?;
        let (life, sequence) = (reader.number()?, reader.number()?);
        let to = match node(&mut reader)? {
            NodeId(0) => Recipient::All,
            node => Recipient::One(node),
        };
        let body = match reader.byte()? {
            4 => Body::Left,
            5 => Body::Beat(beat(&mut reader)?),
            6 => Body::Announcement(Announcement::Roster(room(&mut reader)?)),
            7 => Body::Announcement(Announcement::Deleted(room(&mut reader)?)),
            tag => Body::Room(read_message(tag, &mut reader, message)?),
        };
        Ok(Self { from, life, sequence, to, body })
    }
}

fn put_message(out: &mut Vec<u8>, message: &NodeMessage) {
    match message {
        NodeMessage::Updates { kept, updates } => {
            out.extend([0, u8::from(*kept != Kept::Saved)]);
            put_number(out, updates.len() as u64);
            for update in updates {
                put_byte_string(out, update);
            }
        }
        NodeMessage::Here(Here { extent, presence, people, claims }) => {
            out.extend([1, u8::from(*extent != Extent::All)]);
            put_number(out, presence.len() as u64);
            for NodePresence { entry, principal } in presence {
                put_number(out, entry.client.0);
                put_number(out, entry.clock);
                put_byte_string(out, entry.state.as_deref().unwrap_or_default());
                put_text(out, principal.as_ref().map(PrincipalId::as_str));
            }
            put_number(out, people.len() as u64);
            for Present { principal, connections } in people {
                put_text(out, Some(principal.id.as_str()));
                put_text(out, principal.name.as_deref());
                put_text(out, principal.on_behalf_of.as_ref().map(PrincipalId::as_str));
                put_number(out, *connections as u64);
            }
            put_number(out, claims.len() as u64);
            for NodeClaim { client, principal, claim } in claims {
                put_number(out, client.0);
                put_text(out, Some(principal.as_str()));
                out.push(u8::from(*claim != Claim::Wrote));
            }
        }
        NodeMessage::Stored => out.push(8),
        NodeMessage::Returned => out.push(9),
        NodeMessage::Text(text) => {
            out.push(2);
            put_byte_string(out, text);
        }
        NodeMessage::Kept(KeptEvent { seq, kind, body }) => {
            out.push(10);
            put_number(out, seq.0);
            put_text(out, Some(kind.as_str()));
            put_byte_string(out, body);
        }
        NodeMessage::Output(event) => {
            out.push(11);
            put_byte_string(out, event);
        }
        NodeMessage::Digest { round, incarnation, vector, version } => {
            let round = match round {
                Round::Open => 0,
                Round::Check => 1,
                Round::Reply => 2,
            };
            out.extend([3, round]);
            // Numbers begin with 1.
            out.extend(incarnation.map_or(0, |incarnation| incarnation.0).to_le_bytes());
            put_byte_string(out, vector);
            out.extend(version.to_bytes());
        }
    }
}

fn read_message(tag: u8, reader: &mut Reader<'_>, message: &Bytes) -> Result<NodeMessage, EnvelopeError> {
    Ok(match tag {
        0 => {
            let kept = either(reader, Kept::Saved, Kept::Unsaved)?;
            let updates = many(reader, |reader| Ok(message.slice_ref(reader.byte_string()?)))?;
            NodeMessage::Updates { kept, updates }
        }
        1 => {
            let extent = either(reader, Extent::All, Extent::Changes)?;
            let presence = many(reader, |reader| {
                let client = ClientId(reader.number_up_to(CLIENT_ID_MAX)?);
                let clock = reader.number_up_to(u64::from(u32::MAX))?;
                let state = reader.byte_string()?;
                let state = (!state.is_empty()).then(|| message.slice_ref(state));
                let principal = principal_id(reader)?;
                Ok(NodePresence { entry: AwarenessEntry { client, clock, state }, principal })
            })?;
            let people = many(reader, |reader| {
                let id = principal_id(reader)?.ok_or(EnvelopeError::Name)?;
                let principal = Principal::new(id, Some(reader.text()?));
                let principal = Principal { on_behalf_of: principal_id(reader)?, ..principal };
                let connections = usize::try_from(reader.number()?).map_err(|_| Malformed::OutOfRange)?;
                Ok(Present { principal: Arc::new(principal), connections })
            })?;
            let claims = many(reader, |reader| {
                let client = ClientId(reader.number_up_to(CLIENT_ID_MAX)?);
                let principal = principal_id(reader)?.ok_or(EnvelopeError::Name)?;
                let claim = either(reader, Claim::Wrote, Claim::Announced)?;
                Ok(NodeClaim { client, principal, claim })
            })?;
            NodeMessage::Here(Here { extent, presence, people, claims })
        }
        2 => NodeMessage::Text(message.slice_ref(reader.text()?.as_bytes())),
        3 => {
            let round = match reader.byte()? {
                0 => Round::Open,
                1 => Round::Check,
                2 => Round::Reply,
                _ => return Err(Malformed::UnknownTag.into()),
            };
            let incarnation = match i64::from_le_bytes(reader.take(8)?.try_into().expect("so many were taken")) {
                0 => None,
                number => Some(Incarnation(number)),
            };
            let vector = message.slice_ref(reader.byte_string()?);
            let version = reader.take(version::BYTES)?.try_into().expect("so many were taken");
            NodeMessage::Digest { round, incarnation, vector, version: Version::from_bytes(version) }
        }
        8 => NodeMessage::Stored,
        9 => NodeMessage::Returned,
        10 => {
            let seq = EventSeq(reader.number()?);
            let kind = EventKind::parse(reader.text()?).map_err(|_| EnvelopeError::Name)?;
            NodeMessage::Kept(KeptEvent { seq, kind, body: message.slice_ref(reader.byte_string()?) })
        }
        11 => NodeMessage::Output(message.slice_ref(reader.byte_string()?)),
        _ => return Err(Malformed::UnknownTag.into()),
    })
}

fn put_beat(out: &mut Vec<u8>, beat: &Beat) {
    out.push(5);
    put_number(out, beat.count);
    put_text(out, beat.region.as_ref().map(Region::as_str));
    put_number(out, beat.heard.len() as u64);
    for (node, count) in &beat.heard {
        out.extend(node.0.to_le_bytes());
        put_number(out, *count);
    }
}

fn beat(reader: &mut Reader<'_>) -> Result<Beat, EnvelopeError> {
    let count = reader.number()?;
    let region = match reader.text()? {
        "" => None,
        name => Some(name.parse().map_err(|_| EnvelopeError::Name)?),
    };
    let heard = many(reader, |reader| Ok((node(reader)?, reader.number()?)))?;
    Ok(Beat { count, region, heard })
}

/// An empty text stands for none.
fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_byte_string(out, text.unwrap_or_default().as_bytes());
}

fn principal_id(reader: &mut Reader<'_>) -> Result<Option<PrincipalId>, EnvelopeError> {
    match reader.text()? {
        "" => Ok(None),
        id => PrincipalId::parse(id).map(Some).map_err(|_| EnvelopeError::Name),
    }
}

fn node(reader: &mut Reader<'_>) -> Result<NodeId, EnvelopeError> {
    Ok(NodeId(u64::from_le_bytes(reader.take(8)?.try_into().expect("so many were taken"))))
}

fn room(reader: &mut Reader<'_>) -> Result<RoomId, EnvelopeError> {
    RoomId::parse(reader.text()?, ROOM_NAME_CEILING).map_err(|_| EnvelopeError::Name)
}

fn either<T>(reader: &mut Reader<'_>, zero: T, one: T) -> Result<T, EnvelopeError> {
    match reader.byte()? {
        0 => Ok(zero),
        1 => Ok(one),
        _ => Err(Malformed::UnknownTag.into()),
    }
}

fn many<T>(
    reader: &mut Reader<'_>,
    mut one: impl FnMut(&mut Reader<'_>) -> Result<T, EnvelopeError>,
) -> Result<Vec<T>, EnvelopeError> {
    // A count never exceeds the bytes that follow.
    (0..reader.count()?).map(|_| one(reader)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLUSTER: ClusterId = ClusterId([7; 8]);

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
    }

    fn id() -> impl Strategy<Value = PrincipalId> {
        "[a-z]{1,9}".prop_map(|id| PrincipalId::parse(&id).expect("an id"))
    }

    fn presence() -> impl Strategy<Value = NodePresence> {
        (0..CLIENT_ID_MAX, any::<u32>(), prop::option::of("[a-z{}]{1,9}"), prop::option::of(id())).prop_map(
            |(client, clock, state, principal)| {
                let state = state.map(Bytes::from);
                NodePresence {
                    entry: AwarenessEntry { client: ClientId(client), clock: clock.into(), state },
                    principal,
                }
            },
        )
    }

    fn person() -> impl Strategy<Value = Present> {
        (id(), prop::option::of("[A-Za-z]{1,9}"), prop::option::of(id()), 0usize..9).prop_map(
            |(id, name, on_behalf_of, connections)| {
                let principal = Principal { on_behalf_of, ..Principal::new(id, name.as_deref()) };
                Present { principal: Arc::new(principal), connections }
            },
        )
    }

    fn claim() -> impl Strategy<Value = NodeClaim> {
        let claim = prop_oneof![Just(Claim::Wrote), Just(Claim::Announced)];
        (0..CLIENT_ID_MAX, id(), claim).prop_map(|(client, principal, claim)| NodeClaim {
            client: ClientId(client),
            principal,
            claim,
        })
    }

    fn body() -> impl Strategy<Value = Body> {
        let kept = prop_oneof![Just(Kept::Saved), Just(Kept::Unsaved)];
        let extent = prop_oneof![Just(Extent::All), Just(Extent::Changes)];
        let round = prop_oneof![Just(Round::Open), Just(Round::Check), Just(Round::Reply)];
        let room = || "[a-zé/]{1,9}".prop_map(|name| RoomId::parse(&name, 100).expect("a name"));
        let heard = prop::collection::vec((any::<u64>().prop_map(NodeId), 0..1u64 << 53), 0..3);
        let claims = prop::collection::vec(claim(), 0..4);
        prop_oneof![
            (kept, prop::collection::vec(bytes(), 0..4))
                .prop_map(|(kept, updates)| Body::Room(NodeMessage::Updates { kept, updates })),
            (extent, prop::collection::vec(presence(), 0..4), prop::collection::vec(person(), 0..4), claims).prop_map(
                |(extent, presence, people, claims)| {
                    Body::Room(NodeMessage::Here(Here { extent, presence, people, claims }))
                }
            ),
            Just(Body::Room(NodeMessage::Stored)),
            Just(Body::Room(NodeMessage::Returned)),
            (1..1_u64 << 53, "[a-z]{1,9}", bytes()).prop_map(|(seq, kind, body)| {
                let kind = EventKind::parse(&kind).expect("a kind");
                Body::Room(NodeMessage::Kept(KeptEvent { seq: EventSeq(seq), kind, body }))
            }),
            bytes().prop_map(|event| Body::Room(NodeMessage::Output(event))),
            "[a-z]{0,9}".prop_map(|text| Body::Room(NodeMessage::Text(text.into()))),
            (round, 0..9i64, bytes(), any::<[u8; version::BYTES]>()).prop_map(|(round, number, vector, version)| {
                let incarnation = (number > 0).then_some(Incarnation(number));
                Body::Room(NodeMessage::Digest { round, incarnation, vector, version: Version::from_bytes(version) })
            }),
            Just(Body::Left),
            (0..1u64 << 53, prop::option::of("[a-z]{1,9}"), heard).prop_map(|(count, region, heard)| {
                Body::Beat(Beat { count, region: region.map(|name| name.parse().unwrap()), heard })
            }),
            room().prop_map(|room| Body::Announcement(Announcement::Roster(room))),
            room().prop_map(|room| Body::Announcement(Announcement::Deleted(room))),
        ]
    }

    fn envelope() -> impl Strategy<Value = Envelope> {
        let to = prop_oneof![Just(Recipient::All), (1..u64::MAX).prop_map(|node| Recipient::One(NodeId(node)))];
        (any::<u64>(), 0..1u64 << 53, 0..1u64 << 53, to, body()).prop_map(|(from, life, sequence, to, body)| Envelope {
            from: NodeId(from),
            life,
            sequence,
            to,
            body,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(envelope in envelope()) {
            prop_assert_eq!(Envelope::decode(&envelope.encode(CLUSTER), CLUSTER), Ok(envelope));
        }

        #[test]
        fn whatever_comes_is_read_without_harm(envelope in envelope(), cut in 0usize..200, at in 0usize..200, byte: u8) {
            let mut bytes = envelope.encode(CLUSTER).to_vec();
            bytes.truncate(cut.max(1));
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Envelope::decode(&bytes.into(), CLUSTER);
        }
    }

    #[test]
    fn another_version_is_told_from_nonsense() {
        let beat = Body::Beat(Beat { count: 1, region: None, heard: Vec::new() });
        let envelope = Envelope { from: NodeId(1), life: 0, sequence: 0, to: Recipient::All, body: beat };
        assert_eq!(Envelope::decode(&envelope.encode(ClusterId([8; 8])), CLUSTER), Err(EnvelopeError::Foreign));
        assert_eq!(Envelope::decode(&Bytes::from_static(&[9, 0]), CLUSTER), Err(EnvelopeError::Version(9)));
        assert_eq!(Envelope::decode(&Bytes::new(), CLUSTER), Err(EnvelopeError::Malformed(Malformed::Truncated)));
    }
}
