//! lib0, the encoding below every Yjs message: variable-length integers (seven bits a byte, least significant
//! group first), byte strings and texts with their length in front.
//! Source of the format: npm `lib0`, `encoding.js` and `decoding.js`. Used by the codecs and by the room's
//! checks; it must never allocate because of a number that it read.

/// The largest client id that Yjs can express: a JavaScript safe integer.
pub const CLIENT_ID_MAX: u64 = (1 << 53) - 1;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end too early.
    #[error("the message is cut short")]
    Truncated,
    /// A number has more bytes than it needs, or than any number has. Nobody writes it so, and not everybody reads it alike.
    #[error("a number has too many bytes")]
    LongNumber,
    /// A number is above what its place allows.
    #[error("a number is out of range")]
    OutOfRange,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// Values are nested beyond the limit.
    #[error("values are nested too deep")]
    NestedTooDeep,
    /// A tag that the format does not have.
    #[error("an unknown tag")]
    UnknownTag,
    /// Something that must be there once is there twice or not at all.
    #[error("an empty or repeated part")]
    EmptyOrRepeated,
    /// Something stands behind or inside of what comes after it.
    #[error("a block builds on a later one")]
    Circular,
    /// More of something than any honest message has.
    #[error("too many of one thing")]
    TooMany,
    /// The CRDT library refuses the update.
    #[error("the update cannot be decoded")]
    Undecodable,
}

/// Reads lib0 values from a slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    /// A variable-length unsigned integer.
    pub fn number(&mut self) -> Result<u64, Malformed> {
        let (mut number, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.byte()?;
            if shift > 56 {
                return Err(Malformed::LongNumber);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if byte == 0 && shift > 0 { Err(Malformed::LongNumber) } else { Ok(number) };
            }
            shift += 7;
        }
    }

    /// A number that must not be above `max`.
    pub fn number_up_to(&mut self, max: u64) -> Result<u64, Malformed> {
        let number = self.number()?;
        if number > max { Err(Malformed::OutOfRange) } else { Ok(number) }
    }

    /// How many things follow, each of at least one byte: never above the bytes that are left.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed::OutOfRange)?;
        if count > self.left() { Err(Malformed::OutOfRange) } else { Ok(count) }
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        if length > self.left() {
            return Err(Malformed::Truncated);
        }
        let start = self.at;
        self.at += length;
        Ok(&self.bytes[start..self.at])
    }

    /// A byte string with its length in front.
    pub fn byte_string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| Malformed::Truncated)?)
    }

    /// Where the bytes behind a text begin, if there is one.
    pub fn after_text(&mut self) -> Option<usize> {
        self.text().ok().map(|_| self.at)
    }

    /// A text with its length in front.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.byte_string()?).map_err(|_| Malformed::NotUtf8)
    }
}

/// Appends a variable-length unsigned integer.
pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

/// Appends a byte string with its length in front.
pub fn put_byte_string(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_lib0_writes_them() {
        for (number, bytes) in [
            (0, vec![0]),
            (127, vec![127]),
            (128, vec![128, 1]),
            (300, vec![172, 2]),
            (1 << 32, vec![128, 128, 128, 128, 16]),
        ] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(out, bytes);
            assert_eq!(Reader::new(&bytes).number(), Ok(number));
        }
    }

    #[test]
    fn a_number_without_an_end_is_refused() {
        assert_eq!(Reader::new(&[0x80; 4]).number(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(&[0xff; 12]).number(), Err(Malformed::LongNumber));
        assert_eq!(Reader::new(&[0x81, 0x80, 0]).number(), Err(Malformed::LongNumber), "1 in three bytes");
    }

    #[test]
    fn a_count_beyond_the_bytes_that_follow_is_refused() {
        assert_eq!(Reader::new(&[3, 0, 0]).count(), Err(Malformed::OutOfRange));
        assert_eq!(Reader::new(&[2, 0, 0]).count(), Ok(2));
    }
}
