//! The Hocuspocus protocol: y-websocket's messages and some more, each behind the name of its document, so that one
//! socket carries several. One message a frame. Source: npm `@hocuspocus/provider` 2.15, 3.4 and 4.8 and
//! `@hocuspocus/common` of the same versions.
//! Clients of version 2 throw on types that they do not know: nothing but what all of them have is ever sent. Bytes
//! behind a message are ignored.

use bytes::Bytes;

use super::frame::{Frame, Opcode};
use super::lib0::{Malformed, Reader, put_byte_string};
use super::yjs::{self, AUTH, AWARENESS, QUERY_AWARENESS, SYNC};
use super::{ServerMessage, SyncStatus};

const STATELESS: u8 = 5;
const CLOSE: u8 = 7;
const SYNC_STATUS: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const TOKEN: u8 = 0;
const PERMISSION_DENIED: u8 = 1;
const AUTHENTICATED: u8 = 2;

/// What stands between a document's name and a session's: several providers of one document may share a socket.
const SESSION: char = '\0';

/// What a frame begins with: the document's name as the client writes it, a session behind a NUL included. Replies
/// carry the very same bytes. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address(Bytes);

impl Address {
    /// The address of this text.
    pub fn new(text: &str) -> Self {
        let mut encoded = Vec::with_capacity(text.len() + 2);
        put_byte_string(&mut encoded, text.as_bytes());
        Self(encoded.into())
    }

    /// Bytes of it on the wire.
    #[expect(clippy::len_without_is_empty, reason = "its length is never nothing")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The document's name, without the session.
    pub fn document(&self) -> &str {
        let text = Reader::new(&self.0).text().expect("an address is made of a text");
        text.split(SESSION).next().unwrap_or(text)
    }
}

/// What one frame of a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Of the connection: "are you there?"
    Ping,
    /// Of the connection: "I am."
    Pong,
    /// Of one document.
    Message(Address, ClientMessage),
}

/// What a client can say about a document. The bytes are slices of the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// One of those that y-websocket has, too.
    Common(yjs::ClientMessage),
    /// Who it is: a token, perhaps empty. Clients since version 4 say their version behind it.
    Token(Bytes),
    /// A text for everybody else.
    Stateless(Bytes),
    /// The client is done with the document, and the socket stays.
    Close,
    /// A type that only servers say to each other, or none at all: it is refused without a word.
    Unknown(u64),
}

impl ClientMessage {
    /// Whether a client may begin with it.
    pub fn opens_a_document(&self) -> bool {
        match self {
            Self::Token(_) => true,
            Self::Common(message) => matches!(message, yjs::ClientMessage::Step1(_) | yjs::ClientMessage::Update(_)),
            _ => false,
        }
    }

    /// Whether it begins a synchronisation.
    pub fn is_step1(&self) -> bool {
        matches!(self, Self::Common(yjs::ClientMessage::Step1(_)))
    }
}

/// Reads one binary frame.
pub fn decode(frame: &Bytes) -> Result<ClientFrame, Malformed> {
    match frame[..] {
        [PING] => return Ok(ClientFrame::Ping),
        [PONG] => return Ok(ClientFrame::Pong),
        _ => {}
    }
    let mut reader = Reader::new(frame);
    reader.text()?;
    let address = Address(Bytes::copy_from_slice(&frame[..reader.position()]));
    let kind = reader.number()?;
    let message = match u8::try_from(kind) {
        Ok(SYNC) => ClientMessage::Common(yjs::decode_sync(frame, &mut reader)?),
        Ok(AWARENESS) => ClientMessage::Common(yjs::ClientMessage::Awareness(frame.slice_ref(reader.byte_string()?))),
        Ok(QUERY_AWARENESS) => ClientMessage::Common(yjs::ClientMessage::QueryAwareness),
        Ok(AUTH) => decode_token(frame, &mut reader)?,
        Ok(STATELESS) => ClientMessage::Stateless(frame.slice_ref(reader.text()?.as_bytes())),
        Ok(CLOSE) => ClientMessage::Close,
        _ => ClientMessage::Unknown(kind),
    };
    Ok(ClientFrame::Message(address, message))
}

fn decode_token(frame: &Bytes, reader: &mut Reader<'_>) -> Result<ClientMessage, Malformed> {
    if reader.number()? != u64::from(TOKEN) {
        return Err(Malformed::UnknownTag);
    }
    Ok(ClientMessage::Token(frame.slice_ref(reader.text()?.as_bytes())))
}

/// Puts one message of a room into one frame; nothing when the protocol has no such message.
pub fn encode(address: &Address, message: &ServerMessage) -> Option<Frame> {
    match message {
        ServerMessage::SyncStatus(status) => {
            let saved = u8::from(*status == SyncStatus::Saved);
            Some(small(address, &[SYNC_STATUS, saved], None))
        }
        ServerMessage::Stateless(text) => Some(small(address, &[STATELESS], Some(text))),
        // What this protocol has instead is a `SyncStatus`: on "denied" a client of version 2 leaves for good.
        ServerMessage::Denied(_) | ServerMessage::Probe(_) => None,
        common => yjs::encode_behind(&address.0, common),
    }
}

/// What a client may do, in the words of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizedScope {
    /// Anything, as far as the client needs to know.
    ReadWrite,
    /// Nothing that it writes is taken.
    ReadOnly,
}

/// "You are who you say you are."
pub fn authenticated(address: &Address, scope: AuthorizedScope) -> Frame {
    let scope: &[u8] = match scope {
        AuthorizedScope::ReadWrite => b"read-write",
        AuthorizedScope::ReadOnly => b"readonly",
    };
    small(address, &[AUTH, AUTHENTICATED], Some(scope))
}

/// "You may not": the document is closed here, the socket stays.
pub fn permission_denied(address: &Address, reason: &str) -> Frame {
    small(address, &[AUTH, PERMISSION_DENIED], Some(reason.as_bytes()))
}

/// "Send the token again." Clients before version 3 ignore it.
pub fn token_wanted(address: &Address) -> Frame {
    small(address, &[AUTH, TOKEN], None)
}

/// "I am there."
pub fn pong() -> Frame {
    Frame::new(Opcode::Binary, &[PONG], Bytes::new())
}

fn small(address: &Address, kind: &[u8], text: Option<&[u8]>) -> Frame {
    let mut payload = Vec::with_capacity(address.0.len() + kind.len() + text.map_or(0, |text| text.len() + 4));
    payload.extend_from_slice(&address.0);
    payload.extend_from_slice(kind);
    if let Some(text) = text {
        put_byte_string(&mut payload, text);
    }
    Frame::new(Opcode::Binary, &[], payload.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<ClientFrame, Malformed> {
        decode(&Bytes::copy_from_slice(bytes))
    }

    fn message(bytes: &[u8]) -> ClientMessage {
        match decoded(bytes) {
            Ok(ClientFrame::Message(address, message)) => {
                assert_eq!(address.document(), "doc");
                message
            }
            other => panic!("{other:?}"),
        }
    }

    fn payload(frame: &Frame) -> &[u8] {
        &frame.head[2..]
    }

    #[test]
    fn bytes_as_the_npm_providers_write_them() {
        let common = |message| ClientMessage::Common(message);
        assert_eq!(message(b"\x03doc\x00\x00\x01\x00"), common(yjs::ClientMessage::Step1(Bytes::from_static(&[0]))));
        assert_eq!(
            message(b"\x03doc\x00\x02\x02\x00\x00"),
            common(yjs::ClientMessage::Update(Bytes::from_static(&[0, 0])))
        );
        assert_eq!(message(b"\x03doc\x03"), common(yjs::ClientMessage::QueryAwareness));
        let token = ClientMessage::Token(Bytes::from_static(b"abc"));
        assert_eq!(message(b"\x03doc\x02\x00\x03abc"), token);
        assert_eq!(message(b"\x03doc\x02\x00\x03abc\x054.8.0"), token);
        assert_eq!(message(b"\x03doc\x05\x02hi"), ClientMessage::Stateless(Bytes::from_static(b"hi")));
        assert_eq!(message(b"\x03doc\x07"), ClientMessage::Close);
        assert_eq!((decoded(&[9]), decoded(&[10])), (Ok(ClientFrame::Ping), Ok(ClientFrame::Pong)));
    }

    #[test]
    fn what_only_servers_say_and_what_nobody_says_is_unknown() {
        for kind in [4u8, 6, 8, 9, 77] {
            assert_eq!(message(&[3, b'd', b'o', b'c', kind]), ClientMessage::Unknown(kind.into()));
        }
    }

    #[test]
    fn a_session_belongs_to_the_address_and_not_to_the_document() {
        let address = Address::new("doc\0abc");
        assert_eq!(address.document(), "doc");
        let frame = encode(&address, &ServerMessage::SyncStatus(SyncStatus::Saved)).expect("it has one");
        assert_eq!(payload(&frame), b"\x07doc\0abc\x08\x01");
        assert_eq!(Address::new("").document(), "");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in
            [&b""[..], b"\x03do", b"\x03doc", b"\x03doc\x00\x07", b"\x03doc\x02\x05", b"\x01\xff\x00\x00", &[8]]
        {
            assert!(decoded(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn server_messages() {
        let address = Address::new("doc");
        let frame = |message| encode(&address, &message);
        assert_eq!(
            payload(&frame(ServerMessage::Step1(Bytes::from_static(&[0]))).expect("it has")),
            b"\x03doc\0\0\x01\0"
        );
        assert_eq!(payload(&frame(ServerMessage::Presence(Vec::new())).expect("it has")), b"\x03doc\x01\x01\0");
        assert_eq!(
            payload(&frame(ServerMessage::Stateless(Bytes::from_static(b"hi"))).expect("it has")),
            b"\x03doc\x05\x02hi"
        );
        assert_eq!(payload(&authenticated(&address, AuthorizedScope::ReadOnly)), b"\x03doc\x02\x02\x08readonly");
        assert_eq!(payload(&permission_denied(&address, "no")), b"\x03doc\x02\x01\x02no");
        assert_eq!(payload(&token_wanted(&address)), b"\x03doc\x02\x00");
        assert_eq!(frame(ServerMessage::Denied("no")), None);
    }

    proptest::proptest! {
        #[test]
        fn mangled_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..64)) {
            if let Ok(ClientFrame::Message(address, _)) = decode(&bytes.into()) {
                address.document();
            }
        }

        #[test]
        fn an_address_comes_back_as_it_came(text in "\\PC{0,20}\0?\\PC{0,10}") {
            let address = Address::new(&text);
            let frame = token_wanted(&address);
            let bytes = Bytes::copy_from_slice(&frame.head[2..]);
            let Ok(ClientFrame::Message(read, _)) = decode(&[&bytes[..bytes.len() - 2], &[3]].concat().into()) else {
                panic!("an address and a query")
            };
            proptest::prop_assert_eq!(read, address);
        }
    }
}
