//! A message that is under way: tungstenite, which takes frames apart, and what was read for it. Owned by `socket`, and by
//! nothing while the peer is silent. It must never be let go of within a message, nor read from a socket itself.

use std::io::{self, Cursor, Read, Write};
use std::time::Instant;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};

use super::socket::OverAllowance;
use crate::hub::outbox::Outbox;
use crate::wire::frame::Frame;

/// Tungstenite's buffer: it takes so much at once, and may so take the beginning of the next message along.
pub const TAKEN_AT_ONCE: usize = 256;
/// The longest header of a frame.
const HEADER_MAX: usize = 14;

/// See the module.
#[derive(Debug)]
pub(super) struct Arriving {
    frames: WebSocketContext,
    incoming: Incoming,
}

/// What was read from the socket.
#[derive(Debug)]
struct Incoming {
    /// What tungstenite has not asked for yet.
    ahead: Bytes,
    /// There is nothing more to come.
    ended: bool,
    /// Where tungstenite is.
    place: Place,
}

/// Tungstenite's two ways: what was read, and the outbox.
struct Ends<'r> {
    incoming: &'r mut Incoming,
    allowance: &'r mut Option<usize>,
    outbox: &'r Outbox,
}

impl Arriving {
    /// Nothing was read yet. A message may have `message_bytes`.
    pub fn new(message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(TAKEN_AT_ONCE)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let incoming = Incoming { ahead: Bytes::new(), ended: false, place: Place::default() };
        Self { frames: WebSocketContext::new(Role::Server, Some(config)), incoming }
    }

    /// This was read behind what there is already, all of which was asked for; nothing: the stream has ended.
    pub fn add(&mut self, bytes: Bytes) {
        self.incoming.ended = bytes.is_empty();
        self.incoming.ahead = bytes;
    }

    /// The next message in what was read; nothing when more has to be read.
    pub fn next(&mut self, allowance: &mut Option<usize>, outbox: &Outbox) -> Option<Result<Message, Error>> {
        match self.frames.read(&mut Ends { incoming: &mut self.incoming, allowance, outbox }) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            heard => Some(heard),
        }
    }

    /// Whether nothing would be lost without it, when there is no [`next`](Self::next) message.
    pub fn is_between_messages(&self) -> bool {
        self.incoming.place.is_between_messages()
    }
}

impl Read for Ends<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let Incoming { ahead, ended, place } = &mut *self.incoming;
        if ahead.is_empty() {
            return if *ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let taken = ahead.len().min(target.len());
        if let Some(allowance) = self.allowance {
            *allowance = allowance.checked_sub(taken).ok_or_else(|| io::Error::other(OverAllowance))?;
        }
        target[..taken].copy_from_slice(&ahead[..taken]);
        place.pass(&ahead[..taken]);
        ahead.advance(taken);
        Ok(taken)
    }
}

impl Write for Ends<'_> {
    /// Takes one whole frame: tungstenite writes each that way when it buffers none.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbox.control(Instant::now(), &Frame::from_encoded(Bytes::copy_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A place in a peer's stream of frames.
#[derive(Debug, Default)]
struct Place {
    /// The beginning of a frame's header.
    header: SmallVec<[u8; HEADER_MAX]>,
    /// How much of a frame's payload is to come.
    payload: u64,
    /// A message goes on in another frame.
    goes_on: bool,
}

impl Place {
    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let passed = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= passed as u64;
                bytes = &bytes[passed..];
                continue;
            }
            let before = self.header.len();
            self.header.extend_from_slice(&bytes[..bytes.len().min(HEADER_MAX - before)]);
            let mut header = Cursor::new(&self.header[..]);
            match FrameHeader::parse(&mut header) {
                Ok(Some((FrameHeader { opcode, is_final, .. }, payload))) => {
                    let end = usize::try_from(header.position()).expect("it is short");
                    bytes = &bytes[end - before..];
                    self.header.clear();
                    self.payload = payload;
                    if let OpCode::Data(_) = opcode {
                        self.goes_on = !is_final;
                    }
                }
                Ok(None) => return,
                // Tungstenite will find the same, and then nothing more is read.
                Err(_) => self.payload = u64::MAX,
            }
        }
    }

    fn is_between_messages(&self) -> bool {
        self.header.is_empty() && self.payload == 0 && !self.goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data};

    fn frame(opcode: OpCode, is_final: bool, length: usize) -> Vec<u8> {
        let header = FrameHeader { is_final, opcode, mask: Some([1, 2, 3, 4]), ..FrameHeader::default() };
        let mut bytes = Vec::new();
        header.format(length as u64, &mut bytes).expect("a vector takes it");
        bytes.resize(bytes.len() + length, 0x81);
        bytes
    }

    #[test]
    fn between_messages_is_behind_each_final_frame_and_nowhere_else_however_the_bytes_come() {
        let (text, more, ping) =
            (OpCode::Data(Data::Text), OpCode::Data(Data::Continue), OpCode::Control(Control::Ping));
        let frames = [
            (frame(text, true, 0), true),
            (frame(text, true, 125), true),
            (frame(ping, true, 5), true),
            (frame(text, false, 126), false),
            (frame(ping, true, 0), false),
            (frame(more, false, 0), false),
            (frame(more, true, 70_000), true),
        ];
        let all: Vec<u8> = frames.iter().flat_map(|(frame, _)| frame).copied().collect();
        for piece in [1, 2, 3, 7, 256, 100_000] {
            let mut place = Place::default();
            all.chunks(piece).for_each(|bytes| place.pass(bytes));
            assert!(place.is_between_messages());
            for (frame, ends_message) in &frames {
                let (last, before) = frame.split_last().expect("it has a header");
                before.chunks(piece).for_each(|bytes| {
                    place.pass(bytes);
                    assert!(!place.is_between_messages());
                });
                place.pass(&[*last]);
                assert_eq!(place.is_between_messages(), *ends_message);
            }
        }
    }
}
