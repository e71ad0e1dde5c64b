//! WebSocket frames as a client reads and writes them, in buffers that others own. Called by `socket` alone; it holds nothing.

use super::socket::Closed;

/// The largest message that is taken from a server.
pub const MESSAGE_MAX: usize = 256 << 20;

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// A frame as it stands in a buffer.
pub(super) struct Frame<'a> {
    pub(super) opcode: u8,
    pub(super) is_final: bool,
    pub(super) payload: &'a [u8],
    /// Where the next one begins.
    pub(super) end: usize,
}

impl<'a> Frame<'a> {
    /// The frame that `bytes` begin with, if it is whole.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Closed> {
        let Some((start, end)) = Self::edges(bytes)? else { return Ok(None) };
        let Some(payload) = bytes.get(start..end) else { return Ok(None) };
        Ok(Some(Self { opcode: bytes[0] & 0x0f, is_final: bytes[0] & 0x80 != 0, payload, end }))
    }

    /// How long the frame is that `bytes` begin with, if its header is whole.
    pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, Closed> {
        Ok(Self::edges(bytes)?.map(|(_, end)| end))
    }

    /// Where its payload begins and ends.
    fn edges(bytes: &[u8]) -> Result<Option<(usize, usize)>, Closed> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 || second & 0x80 != 0 {
            return Err(Closed::Malformed("a frame is compressed or masked"));
        }
        let (length, start) = match second & 0x7f {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            length => (u64::from(length), 2),
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= MESSAGE_MAX);
        Ok(Some((start, start + length.ok_or(Closed::Malformed("a frame is too long"))?)))
    }
}

/// Appends a client's frame: masked, as the rules want it.
pub(super) fn encode(opcode: u8, payload: &[u8], mask: u32, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => out.push(0x80 | length),
        (_, Ok(length)) => {
            out.push(0xfe);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    let mask = mask.to_be_bytes();
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_frame_is_read_when_it_is_whole() {
        for length in [0usize, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let written = crate::wire::frame::Frame::new(crate::wire::frame::Opcode::Binary, &[], payload.into());
            let mut bytes = [written.head, written.body].concat();
            for cut in [0, 1, bytes.len() - 1] {
                assert!(Frame::read(&bytes[..cut]).expect("no fault in it").is_none());
            }
            bytes.push(0);
            let frame = Frame::read(&bytes).expect("no fault in it").expect("it is whole");
            assert_eq!((frame.opcode, frame.payload.len(), frame.end), (BINARY, length, bytes.len() - 1));
        }
    }

    #[test]
    fn a_client_frame_is_masked() {
        for length in [5, 200, 70_000] {
            let (payload, mut frame) = (vec![9; length], Vec::new());
            encode(BINARY, &payload, 0x0102_0304, &mut frame);
            let start = frame.len() - length;
            assert_eq!(frame[1] & 0x80, 0x80);
            assert_eq!(frame[start - 4..start], [1, 2, 3, 4]);
            assert_eq!(frame[start..start + 4], [8, 11, 10, 13]);
        }
    }
}
