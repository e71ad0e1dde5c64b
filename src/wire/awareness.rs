//! Presence on the wire, the awareness update of npm `y-protocols/awareness.js`:
//! a count, then (client id, clock, state as JSON text) for each client; the JSON `null` means "gone".
//! Decoding checks everything that a browser would later choke on. It must never keep what it read beyond the
//! frame's own bytes.

use bytes::Bytes;

use super::lib0::{CLIENT_ID_MAX, Malformed, Reader, put_byte_string, put_number};

/// Clocks beyond are not heard: some clients keep them in 32 bits, and adding to one must never wrap.
const CLOCK_MAX: u64 = u32::MAX as u64 - 16;

/// The most clients in one update. Clients echo what they hear, so it must bear everybody in a big room.
const ENTRIES_MAX: usize = 4_096;

/// A Yjs client id: a random number of at most 53 bits that a client draws for each document it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// One client's presence as it is told to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwarenessEntry {
    /// Whose presence it is.
    pub client: ClientId,
    /// Its version: a higher one replaces a lower one.
    pub clock: u64,
    /// The state as JSON, or nothing when the client is gone.
    pub state: Option<Bytes>,
}

/// Reads an awareness update, a slice of `frame`. `state_limit` is the most bytes that one state may have.
/// The JSON is not parsed here: most entries of a frame are old news, see [`is_json`]. An entry whose clock is out of
/// range is left out, and the others are heard: whoever sends it may have been driven there by somebody else.
pub fn decode(update: &Bytes, state_limit: usize) -> Result<Vec<AwarenessEntry>, AwarenessError> {
    let mut reader = Reader::new(update);
    let count = reader.count()?;
    if count > ENTRIES_MAX {
        return Err(Malformed::TooMany.into());
    }
    let mut entries = Vec::with_capacity(count.min(update.len() / 4));
    for _ in 0..count {
        let client = ClientId(reader.number_up_to(CLIENT_ID_MAX)?);
        let clock = reader.number()?;
        let json = reader.text()?;
        if json.len() > state_limit {
            return Err(AwarenessError::StateTooLarge);
        }
        if clock > CLOCK_MAX {
            continue;
        }
        let state = (json.trim() != "null").then(|| update.slice_ref(json.as_bytes()));
        entries.push(AwarenessEntry { client, clock, state });
    }
    Ok(entries)
}

/// Why an awareness update is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AwarenessError {
    /// It is not an awareness update.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// One of its states is over the limit.
    #[error("a presence state is over the limit")]
    StateTooLarge,
}

/// Whether a state is JSON: a browser that gets one that is not throws.
pub fn is_json(state: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(state).is_ok()
}

/// Writes an awareness update.
pub fn encode(entries: &[AwarenessEntry]) -> Vec<u8> {
    let bytes: usize = entries.iter().map(|entry| 16 + entry.state.as_ref().map_or(4, Bytes::len)).sum();
    let mut out = Vec::with_capacity(8 + bytes);
    put_number(&mut out, entries.len() as u64);
    for entry in entries {
        put_number(&mut out, entry.client.0);
        put_number(&mut out, entry.clock);
        put_byte_string(&mut out, entry.state.as_deref().unwrap_or(b"null"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(client: u64, clock: u64, state: Option<&'static str>) -> AwarenessEntry {
        AwarenessEntry { client: ClientId(client), clock, state: state.map(|json| Bytes::from_static(json.as_bytes())) }
    }

    #[test]
    fn round_trip() {
        let entries =
            vec![entry(1, 0, Some("{}")), entry(CLIENT_ID_MAX, 7, None), entry(300, 2, Some("{\"a\":\"é\"}"))];
        assert_eq!(decode(&encode(&entries).into(), 100), Ok(entries));
    }

    #[test]
    fn a_state_over_the_limit_is_refused() {
        let update = encode(&[entry(1, 1, Some("\"0123456789\""))]);
        assert_eq!(decode(&update.into(), 11), Err(AwarenessError::StateTooLarge));
    }

    #[test]
    fn an_entry_past_the_last_clock_is_left_out_and_the_others_are_heard() {
        let past = [CLOCK_MAX + 1, u64::from(u32::MAX), 1 << 53].map(|clock| entry(1, clock, Some("{}")));
        let heard = vec![entry(2, CLOCK_MAX, Some("{}")), entry(3, 7, None)];
        assert_eq!(decode(&encode(&[&past[..], &heard].concat()).into(), 100), Ok(heard));
    }

    #[test]
    fn json_is_checked_without_building_it() {
        assert!(is_json(b"{\"user\":{\"name\":\"Ada\"}}"));
        assert!(!is_json(b"{user:1}"));
        assert!(!is_json("[".repeat(5000).as_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn mangled_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let _ = decode(&bytes.into(), 64);
        }
    }
}
