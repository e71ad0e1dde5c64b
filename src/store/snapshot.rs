//! A snapshot at rest: one zstd frame and the checksum of what is in it.
//! Compaction encodes, loading decodes. It must never hand out bytes that fail their checksum, and never allocate what
//! a damaged length asks for without asking first.

use bytes::Bytes;
use zstd::bulk::Decompressor;

/// The columns of a snapshot that say what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// CRC-32 over the raw bytes.
    pub(super) checksum: u32,
    /// Length of the raw bytes.
    pub(super) raw_length: u64,
    /// One zstd frame.
    pub(super) data: Vec<u8>,
}

impl Encoded {
    /// Compresses `raw` and proves that it comes back.
    pub(super) fn encode(raw: &[u8], level: i32) -> Result<Self, String> {
        let data = zstd::bulk::compress(raw, level).map_err(|error| format!("zstd: {error}"))?;
        let encoded = Self { checksum: crc32fast::hash(raw), raw_length: raw.len() as u64, data };
        if encoded.decode()? != raw {
            return Err("the compressed snapshot does not give the same bytes back".to_owned());
        }
        Ok(encoded)
    }

    /// The raw bytes, or what does not fit.
    pub(super) fn decode(&self) -> Result<Bytes, String> {
        let length = usize::try_from(self.raw_length).map_err(|error| error.to_string())?;
        let mut raw = Vec::new();
        raw.try_reserve_exact(length)
            .map_err(|_| format!("it claims {length} bytes, more than there is memory for"))?;
        Decompressor::new()
            .and_then(|mut decompressor| decompressor.decompress_to_buffer(&self.data, &mut raw))
            .map_err(|error| format!("zstd: {error}"))?;
        if raw.len() != length {
            return Err(format!("it has {} bytes instead of {length}", raw.len()));
        }
        let checksum = crc32fast::hash(&raw);
        if checksum != self.checksum {
            return Err(format!("its checksum is {checksum:08x} instead of {:08x}", self.checksum));
        }
        Ok(raw.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let raw: Vec<u8> = (0..2000u32).map(|n| (n % 251) as u8).collect();
        let encoded = Encoded::encode(&raw, 3).unwrap();
        assert_eq!(encoded.decode().unwrap(), raw);
        for bit in 0..encoded.data.len() * 8 {
            let mut damaged = encoded.clone();
            damaged.data[bit / 8] ^= 1 << (bit % 8);
            // A bit that no decoder looks at may flip; what comes out must be right all the same.
            assert!(damaged.decode().is_err() || damaged.decode().unwrap() == raw, "bit {bit}");
        }
    }

    #[test]
    fn a_mad_length_is_an_error() {
        let mut encoded = Encoded::encode(b"abc", 3).unwrap();
        for length in [0, 2, 4, u64::MAX, u64::MAX / 2] {
            encoded.raw_length = length;
            assert!(encoded.decode().is_err(), "{length}");
        }
    }

    #[test]
    fn an_empty_snapshot_is_one() {
        assert_eq!(Encoded::encode(b"", 3).unwrap().decode().unwrap(), Bytes::new());
    }
}
