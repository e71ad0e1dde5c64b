//! The y-websocket protocol, one message a frame. Source: npm `y-websocket` and `y-protocols/{sync,awareness,auth}.js`;
//! message 102 is npm `@y-sweet/client`'s.
//! Clients up to 3.1.0 read only the first message of a frame and throw on text and on empty frames: the encoder
//! gives each message a frame of its own and never an unknown type. Bytes behind a message are ignored.

use bytes::Bytes;

use super::ServerMessage;
use super::awareness;
use super::frame::{Frame, Opcode};
use super::lib0::{Malformed, Reader, put_number};

pub(super) const SYNC: u8 = 0;
pub(super) const AWARENESS: u8 = 1;
pub(super) const AUTH: u8 = 2;
pub(super) const QUERY_AWARENESS: u8 = 3;
const PROBE: u8 = 102;

/// A probe's content is one number.
const PROBE_MAX: usize = 16;

const STEP1: u8 = 0;
const STEP2: u8 = 1;
const UPDATE: u8 = 2;
pub(super) const PERMISSION_DENIED: u8 = 0;

/// What a client can say. The bytes are slices of the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// "This is what I have": an encoded state vector; empty when the client sent none that can be read.
    Step1(Bytes),
    /// The answer to the server's Step1: an encoded update.
    Step2(Bytes),
    /// An encoded update.
    Update(Bytes),
    /// An awareness update.
    Awareness(Bytes),
    /// "Tell me who is here."
    QueryAwareness,
    /// A durability probe, the whole message.
    Probe(Bytes),
    /// A type that this server does not know; other servers' clients have some. It is not answered.
    Unknown(u64),
}

/// Reads the message of one binary frame.
pub fn decode(frame: &Bytes) -> Result<ClientMessage, Malformed> {
    let mut reader = Reader::new(frame);
    let kind = reader.number()?;
    match u8::try_from(kind) {
        Ok(SYNC) => decode_sync(frame, &mut reader),
        Ok(AWARENESS) => Ok(ClientMessage::Awareness(frame.slice_ref(reader.byte_string()?))),
        Ok(QUERY_AWARENESS) => Ok(ClientMessage::QueryAwareness),
        Ok(PROBE) => {
            if reader.byte_string()?.len() > PROBE_MAX {
                return Err(Malformed::OutOfRange);
            }
            Ok(ClientMessage::Probe(frame.slice(..reader.position())))
        }
        _ => Ok(ClientMessage::Unknown(kind)),
    }
}

pub(super) fn decode_sync(frame: &Bytes, reader: &mut Reader<'_>) -> Result<ClientMessage, Malformed> {
    match reader.number()? {
        // A pre-release client sends a Step1 that is cut short: it is answered as one that knows nothing.
        step if step == u64::from(STEP1) => Ok(ClientMessage::Step1(
            reader.byte_string().map_or_else(|_| Bytes::new(), |vector| frame.slice_ref(vector)),
        )),
        step if step == u64::from(STEP2) => Ok(ClientMessage::Step2(frame.slice_ref(reader.byte_string()?))),
        step if step == u64::from(UPDATE) => Ok(ClientMessage::Update(frame.slice_ref(reader.byte_string()?))),
        _ => Err(Malformed::UnknownTag),
    }
}

/// Puts one message into one frame.
pub fn encode(message: &ServerMessage) -> Option<Frame> {
    encode_behind(&[], message)
}

/// Puts one message into one frame, behind `address`: messages that Hocuspocus has in common with y-websocket.
pub(super) fn encode_behind(address: &[u8], message: &ServerMessage) -> Option<Frame> {
    let with_length = |kind: &[u8], bulk: Bytes| {
        let mut prefix = Vec::with_capacity(address.len() + 16);
        prefix.extend_from_slice(address);
        prefix.extend_from_slice(kind);
        put_number(&mut prefix, bulk.len() as u64);
        Some(Frame::new(Opcode::Binary, &prefix, bulk))
    };
    match message {
        ServerMessage::Step1(vector) => with_length(&[SYNC, STEP1], vector.clone()),
        ServerMessage::Step2(update) => with_length(&[SYNC, STEP2], update.clone()),
        ServerMessage::Update(update) => with_length(&[SYNC, UPDATE], update.clone()),
        ServerMessage::Presence(entries) => with_length(&[AWARENESS], awareness::encode(entries).into()),
        ServerMessage::Denied(reason) => with_length(&[AUTH, PERMISSION_DENIED], Bytes::from_static(reason.as_bytes())),
        ServerMessage::QueryPresence => {
            Some(Frame::new(Opcode::Binary, address, Bytes::from_static(&[QUERY_AWARENESS])))
        }
        ServerMessage::Probe(probe) => Some(Frame::new(Opcode::Binary, address, probe.clone())),
        ServerMessage::SyncStatus(_) | ServerMessage::Stateless(_) | ServerMessage::Event(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(message: &ServerMessage) -> Vec<u8> {
        let frame = encode(message).expect("y-websocket has it");
        frame.head[2..].to_vec()
    }

    #[test]
    fn bytes_as_the_npm_clients_write_them() {
        let frame = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        // y-protocols' writeSyncStep1, writeSyncStep2 and writeUpdate of an empty document; y-websocket's query.
        assert_eq!(decode(&frame(&[0, 0, 1, 0])), Ok(ClientMessage::Step1(frame(&[0]))));
        assert_eq!(decode(&frame(&[0, 1, 2, 0, 0])), Ok(ClientMessage::Step2(frame(&[0, 0]))));
        assert_eq!(decode(&frame(&[0, 2, 2, 0, 0])), Ok(ClientMessage::Update(frame(&[0, 0]))));
        assert_eq!(decode(&frame(&[1, 1, 0])), Ok(ClientMessage::Awareness(frame(&[0]))));
        assert_eq!(decode(&frame(&[3])), Ok(ClientMessage::QueryAwareness));
        assert_eq!(decode(&frame(&[102, 1, 5])), Ok(ClientMessage::Probe(frame(&[102, 1, 5]))));
    }

    #[test]
    fn oddities_of_pre_release_clients_are_borne() {
        assert_eq!(decode(&Bytes::from_static(&[0, 0])), Ok(ClientMessage::Step1(Bytes::new())));
        assert_eq!(decode(&Bytes::from_static(&[0, 0, 9, 1])), Ok(ClientMessage::Step1(Bytes::new())));
        assert_eq!(decode(&Bytes::from_static(&[3, 0, 0, 0])), Ok(ClientMessage::QueryAwareness));
        assert_eq!(decode(&Bytes::from_static(&[77, 1])), Ok(ClientMessage::Unknown(77)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [&[][..], &[0], &[0, 3], &[0, 1, 9, 1], &[1, 5, 0], &[102], &[0x80]] {
            assert!(decode(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn server_messages() {
        assert_eq!(payload(&ServerMessage::Step1(Bytes::from_static(&[0]))), [0, 0, 1, 0]);
        assert_eq!(payload(&ServerMessage::Update(Bytes::from_static(&[0, 0]))), [0, 2, 2, 0, 0]);
        assert_eq!(payload(&ServerMessage::Presence(Vec::new())), [1, 1, 0], "the keep-alive of the protocol");
        assert_eq!(payload(&ServerMessage::Denied("no")), [2, 0, 2, b'n', b'o']);
    }

    proptest::proptest! {
        #[test]
        fn mangled_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..64)) {
            let _ = decode(&bytes.into());
        }
    }
}
