//! Outgoing WebSocket frames, header included, framed once and shared by every socket that gets them.
//! Frames from a server are not masked (RFC 6455 §5.1), so the same bytes serve everybody.
//! Incoming frames are the business of tungstenite, see `session::arriving`.

use std::io::IoSlice;

use bytes::Bytes;
use smallvec::SmallVec;

/// Pieces handed to the kernel in one call.
const SLICES_MAX: usize = 64;
/// The longest header of an unmasked frame.
const HEADER_MAX: usize = 10;
/// Payloads above this are referred to, not copied behind their header.
const COPY_MAX: usize = 4096;

/// The kinds of frames that the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A message of JSON.
    Text = 1,
    /// A message of a protocol.
    Binary = 2,
    /// "Are you there?"
    Ping = 9,
}

/// One whole frame in one or two pieces. Cheap to clone: the bytes are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Header and, when it is short, the payload.
    pub head: Bytes,
    /// The payload's bulk, when it is long; shared with whoever else holds those bytes.
    pub body: Bytes,
}

impl Frame {
    /// A frame whose payload is `prefix` and then `bulk`.
    pub fn new(opcode: Opcode, prefix: &[u8], bulk: Bytes) -> Self {
        let length = prefix.len() + bulk.len();
        let copied = if length <= COPY_MAX { length } else { prefix.len() };
        let mut head = Vec::with_capacity(HEADER_MAX + copied);
        put_header(&mut head, opcode, length);
        head.extend_from_slice(prefix);
        if length <= COPY_MAX {
            head.extend_from_slice(&bulk);
            return Self { head: head.into(), body: Bytes::new() };
        }
        Self { head: head.into(), body: bulk }
    }

    /// Bytes that are already whole frames.
    pub fn from_encoded(bytes: Bytes) -> Self {
        Self { head: bytes, body: Bytes::new() }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The pieces of `frames` behind the first `skip` bytes, as many as one call to the kernel takes.
pub fn slices<'a>(frames: impl Iterator<Item = &'a Frame>, skip: usize) -> SmallVec<[IoSlice<'a>; 4]> {
    let mut skip = skip;
    let mut slices = SmallVec::new();
    for piece in frames.flat_map(|frame| [&frame.head, &frame.body]) {
        if skip >= piece.len() {
            skip -= piece.len();
            continue;
        }
        slices.push(IoSlice::new(&piece[skip..]));
        skip = 0;
        if slices.len() == SLICES_MAX {
            break;
        }
    }
    slices
}

fn put_header(out: &mut Vec<u8>, opcode: Opcode, length: usize) {
    out.push(0x80 | opcode as u8);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

    #[test]
    fn tungstenite_reads_every_length_class() {
        for length in [0, 1, 125, 126, 4096, 4097, 65_535, 65_536, 70_000] {
            let frame = Frame::new(Opcode::Binary, &[], Bytes::from(vec![7u8; length]));
            let wire = [&frame.head[..], &frame.body[..]].concat();
            assert_eq!(wire.len(), frame.len());
            let read = FrameSocket::new(std::io::Cursor::new(wire)).read(None).expect("valid").expect("whole");
            assert_eq!(read.payload().len(), length);
        }
    }

    #[test]
    fn a_long_payload_is_shared_and_not_copied() {
        let bulk = Bytes::from(vec![1u8; 100_000]);
        assert_eq!(Frame::new(Opcode::Binary, b"x", bulk.clone()).body.as_ptr(), bulk.as_ptr());
    }
}
