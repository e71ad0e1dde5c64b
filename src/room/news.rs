//! Cuts out of an update what a document has already. Called by `update`.
//! A sender may show known blocks as they never were. The library skips them, but not everybody who is sent the same
//! bytes has what they pretend to be: they must reach neither the log nor anybody else. The cost is that of the bytes.

use super::scan::{Block, Content, HAS_ORIGIN, HAS_RIGHT_ORIGIN, after_values, scan};
use crate::wire::lib0::{Malformed, Reader, put_byte_string, put_number};

/// What is left of the blocks of one client.
struct Section {
    client: u64,
    clock: u32,
    count: u64,
    /// The rest of a block whose beginning is known.
    first: Vec<u8>,
    bytes: std::ops::Range<usize>,
}

/// The update without what is known, going by how far each client's blocks are; deletes stay.
pub(super) fn news(raw: &[u8], known: impl Fn(u64) -> u32) -> Result<Vec<u8>, Malformed> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut blocks_end, mut failed) = (1, None);
    scan(raw, |block| {
        blocks_end = block.bytes.end;
        // An update names each client in one run.
        if let Some(section) = sections.last_mut().filter(|section| section.client == block.client) {
            section.count += 1;
            section.bytes.end = block.bytes.end;
            return;
        }
        let reached = known(block.client);
        if block.clock + block.length <= reached || block.content == Content::Skip {
            return;
        }
        let mut section = Section {
            client: block.client,
            clock: block.clock,
            count: 1,
            first: Vec::new(),
            bytes: block.bytes.clone(),
        };
        if block.clock < reached {
            section.clock = reached;
            section.bytes.start = block.bytes.end;
            match rest(block, reached, raw) {
                Ok(rest) => section.first = rest,
                Err(error) => failed = Some(error),
            }
        }
        sections.push(section);
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut out = Vec::with_capacity(raw.len());
    put_number(&mut out, sections.len() as u64);
    for section in &sections {
        put_number(&mut out, section.count);
        put_number(&mut out, section.client);
        put_number(&mut out, u64::from(section.clock));
        out.extend_from_slice(&section.first);
        out.extend_from_slice(&raw[section.bytes.clone()]);
    }
    out.extend_from_slice(&raw[blocks_end..]);
    Ok(out)
}

/// A block from some clock within it on, as npm yjs writes it: it stands behind the element before, and nothing is said
/// of its parent.
fn rest(block: &Block, from: u32, raw: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (gone, left) = (from - block.clock, block.clock + block.length - from);
    let mut out = Vec::new();
    if block.reference == 0 {
        out.push(0);
        put_number(&mut out, u64::from(left));
        return Ok(out);
    }
    out.push(block.reference | HAS_ORIGIN | if block.right.is_some() { HAS_RIGHT_ORIGIN } else { 0 });
    for (client, clock) in std::iter::once((block.client, from - 1)).chain(block.right) {
        put_number(&mut out, client);
        put_number(&mut out, u64::from(clock));
    }
    let payload = &raw[block.payload.clone()];
    match block.reference {
        1 => put_number(&mut out, u64::from(left)),
        4 => put_byte_string(&mut out, text_from(Reader::new(payload).text()?, gone).as_bytes()),
        8 => {
            put_number(&mut out, u64::from(left));
            out.extend_from_slice(&payload[after_values(payload, gone)?..]);
        }
        _ => unreachable!("other blocks have one element, so all of it is known or none"),
    }
    Ok(out)
}

/// A text from so many UTF-16 units on. Of an emoji that is cut in two, U+FFFD is left, as in npm yjs.
fn text_from(text: &str, units: u32) -> String {
    let mut before = 0;
    for (at, letter) in text.char_indices() {
        if before == units {
            return text[at..].to_owned();
        }
        before += if letter.len_utf16() == 2 { 2 } else { 1 };
        if before > units {
            return format!("\u{fffd}{}", &text[at + letter.len_utf8()..]);
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::updates::encoder::Encode;
    use yrs::{Any, Array, ClientID, Doc, ReadTxn, StateVector, Text, Transact, WriteTxn};

    fn cut(raw: &[u8], known: u32) -> Vec<u8> {
        news(raw, |client| if client == 7 { known } else { 0 }).expect("well-formed")
    }

    #[test]
    fn what_is_left_is_what_the_library_would_leave() {
        let doc = Doc::with_client_id(7);
        let other = Doc::with_client_id(8);
        {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("text");
            text.insert(&mut txn, 0, "some words");
            let list = txn.get_or_insert_array("list");
            let value = |json| Any::from_json(json).expect("JSON");
            list.insert_range(&mut txn, 0, [value("1"), value(r#"{"a":[1,2]}"#), value(r#""text""#), value("null")]);
            text.insert(&mut txn, 4, "é");
            text.remove_range(&mut txn, 6, 3);
        }
        other.get_or_insert_text("text").insert(&mut other.transact_mut(), 0, "x");
        let raw = [&doc, &other].map(|doc| doc.transact().encode_state_as_update_v1(&StateVector::default()));
        let raw = yrs::merge_updates_v1(raw).expect("valid");
        let end = doc.transact().state_vector().get(&ClientID::new(7));
        for known in 0..end {
            let vector = StateVector::new([(ClientID::new(7), known)].into_iter().collect());
            let expected = yrs::diff_updates_v1(&raw, &vector.encode_v1()).expect("valid");
            assert_eq!(cut(&raw, known), expected, "{known} of {end} are known");
        }
        assert_eq!(cut(&raw, end)[..2], [1, 1], "only the other's is left");
        assert_eq!(news(&raw, |_| end), Ok([&[0], &raw[raw.len() - 5..]].concat()), "deletes stay");
    }

    #[test]
    fn half_an_emoji_is_none() {
        let text = |text: &str| {
            let mut raw = vec![1, 1, 7, 0, 4, 1, 1, b't'];
            put_byte_string(&mut raw, text.as_bytes());
            raw.push(0);
            raw
        };
        assert_eq!(cut(&text("🌍x"), 1), [&[1, 1, 7, 1, 0x84, 7, 0, 4][..], "\u{fffd}x".as_bytes(), &[0]].concat());
        assert_eq!(cut(&text("🌍x"), 2), [1, 1, 7, 2, 0x84, 7, 1, 1, b'x', 0]);
    }

    #[test]
    fn collected_blocks_and_placeholders() {
        let collected = [1, 2, 7, 0, 0, 5, 10, 3, 0];
        assert_eq!(cut(&collected, 2), [1, 2, 7, 2, 0, 3, 10, 3, 0]);
        assert_eq!(cut(&collected, 5), [0, 0]);
        // A placeholder for what is known goes, and what stands behind it stays where it is.
        assert_eq!(cut(&[1, 2, 7, 0, 10, 5, 0, 3, 0], 5), [1, 1, 7, 5, 0, 3, 0]);
    }
}
