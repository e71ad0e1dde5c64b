//! What sockets have read that get the same: the last big frame, whole. Who gets it again compares it with what comes, in the buffer that
//! all sockets read into, and keeps nothing of it: a client that reads a document after many others costs no memory and no copy.
//! Used by `socket` and by the probes of scenarios in which many read one document. It must never take bytes for known that have not all come.

use std::cell::RefCell;

use bytes::Bytes;

/// The last big frame.
#[derive(Debug, Default)]
pub struct Known(RefCell<Bytes>);

impl Known {
    /// A part of a message that was just read: of a known one without a copy.
    pub fn part(&self, part: &[u8]) -> Bytes {
        let whole = self.0.borrow();
        let (place, range) = (part.as_ptr_range(), whole.as_ptr_range());
        if range.start <= place.start && place.end <= range.end {
            whole.slice_ref(part)
        } else {
            Bytes::copy_from_slice(part)
        }
    }

    /// A big frame was read.
    pub(super) fn keep(&self, frame: Bytes) {
        self.0.replace(frame);
    }

    /// A frame has begun that is so long: it may be the known one, as far as it has come.
    pub(super) fn begins(&self, length: usize, begun: &[u8]) -> Option<Same> {
        let frame = self.0.borrow();
        let same = Same { frame: frame.clone(), come: begun.len() };
        (frame.len() == length && frame.starts_with(begun)).then_some(same)
    }
}

/// A known frame that comes again, and how much of it has come.
#[derive(Debug)]
pub(super) struct Same {
    frame: Bytes,
    come: usize,
}

impl Same {
    /// How long all of it is.
    pub fn length(&self) -> usize {
        self.frame.len()
    }

    /// How much is still to come.
    pub fn left(&self) -> usize {
        self.frame.len() - self.come
    }

    /// What has come.
    pub fn begun(&self) -> Bytes {
        self.frame.slice(..self.come)
    }

    /// Whether it goes on with these bytes. They have come then.
    pub fn goes_on(&mut self, bytes: &[u8]) -> bool {
        let is_same = self.frame[self.come..].starts_with(bytes);
        self.come += if is_same { bytes.len() } else { 0 };
        is_same
    }
}
