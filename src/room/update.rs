//! An update that a stranger sent, read and checked before the CRDT library sees it.
//! `CheckedUpdate::parse` is the only way to make one; the session does it in its own task, so that a room never
//! spends time on bytes that are no update.

use std::ops::Range;

use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use yrs::Update;
use yrs::updates::decoder::Decode;

use super::merge::{self, Joins};
use super::nesting::{self, Nesting};
use super::news;
use super::scan::{Block, Content, Id, Place, TEXT, VALUES, scan, scan_all};
use crate::wire::lib0::{Malformed, Reader, put_byte_string, put_number};

/// The most blocks of one update that may be put into the very same place: the library orders them against each
/// other, at a cost that grows with the square. Clients that were apart each put one or two there, for example the
/// default that each of them sets before it has heard of the others.
const SAME_PLACE_MAX: u32 = 4_096;
/// The same for the blocks of one client, which knows of its own.
const SAME_PLACE_AND_CLIENT_MAX: u32 = 1_024;

/// Bytes of a plain value in memory, beside what it holds.
const VALUE_BYTES: usize = 24;

/// Yjs' numbers for an embedded value and for a mark, whose values are JSON.
const EMBED: u8 = 5;
pub(super) const MARK: u8 = 6;

/// Blocks of one client that follow each other without a hole: clocks `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRange {
    /// Who wrote them.
    pub client: u64,
    /// The first clock.
    pub start: u32,
    /// One past the last clock.
    pub end: u32,
}

/// What an update inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Makeup {
    /// Plain content, which says by its neighbours or a root where it is; or nothing.
    Plain,
    /// Other things, too: shared types, what says by a block's id that this holds it, what is deleted already.
    Mixed,
}

/// An update that passed every check which needs no document.
#[derive(Debug)]
pub struct CheckedUpdate {
    /// The bytes as the client sent them: what the log keeps.
    pub raw: Bytes,
    /// The same, decoded; text alone is decoded when it is needed, for most of it is gathered first (see `change::gather`).
    decoded: Option<Update>,
    /// What it inserts, in the order of the bytes.
    pub(super) ranges: SmallVec<[BlockRange; 1]>,
    /// Whether it deletes something (perhaps what is deleted already).
    pub(super) deletes: bool,
    /// How deep its shared types are.
    pub(super) nesting: Nesting,
    /// What it is made of.
    pub(super) makeup: Makeup,
    /// Whether the library may be given it only when it is known where its blocks will be.
    pub(super) may_be_unsound: bool,
    /// Whether something in it may become one with what is before it, which the library had better not be left to do (see
    /// `together`).
    pub(super) goes_on: bool,
    /// About how many bytes it takes in memory.
    pub(super) weight: usize,
}

impl CheckedUpdate {
    /// Checks and decodes what a stranger sent.
    pub fn parse(raw: Bytes) -> Result<Self, Malformed> {
        check_places(&raw)?;
        Self::parse_stored(raw)
    }

    /// Checks and decodes what was accepted before, or is made of such: the whole may hold more of one thing than any
    /// part of it.
    pub fn parse_stored(raw: Bytes) -> Result<Self, Malformed> {
        let mut ranges = SmallVec::<[BlockRange; 1]>::new();
        let (mut types, mut may_be_unsound) = (false, false);
        let (mut goes_on, mut values) = (false, 0);
        let (mut is_text, mut is_plain) = (true, true);
        let mut last = None;
        let deletes = scan(&raw, |block| {
            is_text &= block.reference == TEXT;
            is_plain &= block.content == Content::Other && !matches!(block.place, Place::Inside(..) | Place::Nowhere);
            types |= block.content == Content::SharedType;
            may_be_unsound |= block.may_be_unsound();
            let kind = (block.reference, block.right);
            goes_on |= block.goes_on() && last == Some(kind) && matches!(block.reference, TEXT | VALUES);
            values += if block.reference == VALUES { block.length as usize } else { 0 };
            last = Some(kind);
            if block.content != Content::Skip {
                extend(&mut ranges, block);
            }
        })?;
        let nesting = if types { nesting::of_update(&raw)? } else { Nesting::default() };
        let decoded = if is_text { None } else { Some(decode(&raw)?) };
        let makeup = if is_plain { Makeup::Plain } else { Makeup::Mixed };
        let weight = raw.len() + values * VALUE_BYTES;
        Ok(Self { raw, decoded, ranges, deletes, nesting, makeup, may_be_unsound, goes_on, weight })
    }

    /// The same for a state that the library wrote: it has joined what can be joined.
    pub(super) fn parse_state(raw: Bytes) -> Result<Self, Malformed> {
        Ok(Self { goes_on: false, ..Self::parse_stored(raw)? })
    }

    /// What the library is to be given, once.
    pub(super) fn take_decoded(&mut self) -> Result<Update, Malformed> {
        self.decoded.take().map_or_else(|| decode(&self.raw), Ok)
    }

    /// Decodes it now, if that was not done before.
    pub(super) fn decode(&mut self) -> Result<(), Malformed> {
        self.decoded = Some(self.take_decoded()?);
        Ok(())
    }

    /// Joins what goes on where `is_in_list` says that it is in a text or a list: not where this very update puts something
    /// in between or deletes one of the two, for there the library would have to cut it again, which costs what all of it
    /// costs, each time. Gives the bytes of that, which is decoded now; `raw` stays what it was. Nothing when nothing can be joined.
    pub(super) fn join(&mut self, is_in_list: impl Fn(Id) -> bool) -> Result<Option<Bytes>, Malformed> {
        let mut cuts: HashSet<Id> = HashSet::new();
        let stands_between = |block: &Block| {
            let (left, right) = (block.left?, block.right?);
            ((left.0, left.1 + 1) == right).then_some(right)
        };
        let mut edges = Vec::new();
        scan_all(
            &self.raw,
            |block| cuts.extend(stands_between(block)),
            |client, range| edges.extend([(client, range.start), (client, range.end)]),
        )
        .expect("it was scanned when it was parsed");
        cuts.extend(edges);
        let joins = |id| if is_in_list(id) && !cuts.contains(&id) { Joins::Sure } else { Joins::Never };
        let Some(joined) = merge::joined(std::slice::from_ref(&self.raw), joins) else { return Ok(None) };
        self.decoded = Some(decode(&joined)?);
        Ok(Some(joined))
    }

    /// The part of it that continues what is known, going by how far each client's blocks are known: each client's
    /// blocks up to the first hole, and all deletes. Nothing when no block fits.
    pub(super) fn fitting(&self, known: impl Fn(u64) -> u32) -> Option<Self> {
        let mut sections: Vec<Section> = Vec::new();
        let mut blocks_end = 0;
        let mut cut = None;
        scan(&self.raw, |block| {
            blocks_end = block.bytes.end;
            if cut == Some(block.client) {
                return;
            }
            let section = sections.last_mut().filter(|section| section.client == block.client);
            let reached = section.as_ref().map_or_else(|| known(block.client), |section| section.next);
            if block.content == Content::Skip || block.clock > reached {
                cut = Some(block.client);
                return;
            }
            let next = reached.max(block.clock + block.length);
            match section {
                Some(section) => {
                    section.count += 1;
                    section.next = next;
                    section.bytes.end = block.bytes.end;
                }
                None => sections.push(Section {
                    client: block.client,
                    clock: block.clock,
                    count: 1,
                    next,
                    bytes: block.bytes.clone(),
                }),
            }
        })
        .expect("it was scanned when it was parsed");
        if sections.is_empty() {
            return None;
        }
        let mut raw = Vec::with_capacity(self.raw.len());
        put_number(&mut raw, sections.len() as u64);
        for section in &sections {
            put_number(&mut raw, section.count);
            put_number(&mut raw, section.client);
            put_number(&mut raw, u64::from(section.clock));
            raw.extend_from_slice(&self.raw[section.bytes.clone()]);
        }
        raw.extend_from_slice(&self.raw[blocks_end..]);
        Some(Self::parse_stored(raw.into()).expect("a part of a valid update is one"))
    }

    /// What it deletes, and nothing else.
    pub(super) fn deletes_alone(&self) -> Update {
        let mut blocks_end = 1;
        scan(&self.raw, |block| blocks_end = block.bytes.end).expect("it was scanned when it was parsed");
        let raw = [&[0], &self.raw[blocks_end..]].concat();
        Update::decode_v1(&raw).expect("a part of a valid update is one")
    }

    /// The client whose blocks are in it, if they are all of one.
    pub(super) fn sole_client(&self) -> Option<u64> {
        let first = self.ranges.first()?.client;
        self.ranges.iter().all(|range| range.client == first).then_some(first)
    }

    /// The same without what is known, going by how far each client's blocks are known.
    pub(super) fn news(self, known: impl Fn(u64) -> u32) -> Self {
        if self.ranges.iter().all(|range| range.start >= known(range.client)) {
            return self;
        }
        let raw = news::news(&self.raw, known).expect("it was scanned when it was parsed");
        Self::parse_stored(raw.into()).expect("a part of a valid update is one")
    }

    /// Whether it says nothing at all, as the answer of a client that has nothing new.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.deletes
    }
}

fn decode(raw: &[u8]) -> Result<Update, Malformed> {
    match Update::decode_v1(raw) {
        Ok(decoded) => Ok(decoded),
        Err(_) => Update::decode_v1(&whole_surrogates(raw)?).map_err(|_| Malformed::Undecodable),
    }
}

/// A copy for the library in which JSON has no half surrogate pairs. JavaScript writes one where a text was cut within an
/// emoji, and reads it again; the library does not read it at all.
fn whole_surrogates(raw: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (mut copy, mut done) = (Vec::with_capacity(raw.len()), 0);
    scan(raw, |block| {
        let json = match block.reference {
            EMBED => Some(block.payload.start),
            MARK => {
                Reader::new(&raw[block.payload.clone()]).after_text().map(|key_length| block.payload.start + key_length)
            }
            _ => None,
        };
        if let Some(start) = json
            && let Ok(text) = Reader::new(&raw[start..block.payload.end]).text()
        {
            copy.extend_from_slice(&raw[done..start]);
            put_byte_string(&mut copy, replace_half_pairs(text).as_bytes());
            done = block.payload.end;
        }
    })?;
    copy.extend_from_slice(&raw[done..]);
    Ok(copy)
}

/// Puts U+FFFD in the place of each escape of half a surrogate pair.
fn replace_half_pairs(json: &str) -> String {
    let escape = |at: usize| {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut whole, mut at) = (String::with_capacity(json.len()), 0);
    while at < json.len() {
        let length = match escape(at) {
            Some(0xd800..=0xdbff) if matches!(escape(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                whole.push_str("\\ufffd");
                at += 6;
                continue;
            }
            // An escaped backslash must not be taken for the start of an escape.
            _ if json[at..].starts_with('\\') => 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8),
            _ => json[at..].chars().next().map_or(1, char::len_utf8),
        };
        whole.push_str(&json[at..at + length]);
        at += length;
    }
    whole
}

fn check_places(raw: &[u8]) -> Result<(), Malformed> {
    // A block has at least one byte, so a short update, as nearly all are, cannot hold too many.
    if raw.len() <= SAME_PLACE_AND_CLIENT_MAX as usize {
        return Ok(());
    }
    let mut places: HashMap<u64, u32> = HashMap::new();
    let mut own: HashMap<(u64, u64), u32> = HashMap::new();
    let mut too_many = false;
    scan(raw, |block| {
        if block.place != Place::Nowhere {
            let position = block.position(raw);
            let all = places.entry(position).or_insert(0);
            let ones = own.entry((block.client, position)).or_insert(0);
            (*all, *ones) = (*all + 1, *ones + 1);
            too_many |= *all > SAME_PLACE_MAX || *ones > SAME_PLACE_AND_CLIENT_MAX;
        }
    })?;
    if too_many { Err(Malformed::TooMany) } else { Ok(()) }
}

fn extend(ranges: &mut SmallVec<[BlockRange; 1]>, block: &Block) {
    match ranges.last_mut() {
        Some(last) if last.client == block.client && last.end == block.clock => last.end += block.length,
        _ => ranges.push(BlockRange { client: block.client, start: block.clock, end: block.clock + block.length }),
    }
}

/// Blocks of one client that stand one behind the other in an update.
struct Section {
    client: u64,
    clock: u32,
    count: u64,
    /// The clock that would continue it.
    next: u32,
    bytes: Range<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::{
        Array, Doc, Map, MapPrelim, ReadTxn, StateVector, Text, Transact, WriteTxn, XmlElementPrelim, XmlFragment,
    };

    fn written(edit: impl FnOnce(&mut yrs::TransactionMut<'_>)) -> Bytes {
        let doc = Doc::new();
        edit(&mut doc.transact_mut());
        let update = doc.transact().encode_state_as_update_v1(&StateVector::default());
        update.into()
    }

    #[test]
    fn every_kind_of_content_passes() {
        let raw = written(|txn| {
            let text = txn.get_or_insert_text("text");
            text.insert(txn, 0, "a🌍b");
            text.remove_range(txn, 0, 1);
            let map = txn.get_or_insert_map("map");
            map.insert(txn, "number", 1.5);
            map.insert(txn, "nested", MapPrelim::from([("deep", "value")]));
            let array = txn.get_or_insert_array("array");
            array.insert_range(txn, 0, [1i64, 2, i64::MAX]);
            array.insert(txn, 0, yrs::Any::from_json(r#"{"a":[true,null,{"b":"c"}]}"#).expect("JSON"));
            txn.get_or_insert_xml_fragment("xml").insert(txn, 0, XmlElementPrelim::empty("p"));
        });
        let checked = CheckedUpdate::parse(raw).expect("a real update");
        assert_eq!(checked.nesting.on_top_of(0), 1);
        assert!(checked.deletes && !checked.is_empty());
        assert_eq!(checked.ranges.len(), 1);
        assert_eq!(checked.ranges[0].start, 0);
    }

    #[test]
    fn nothing_new_is_empty() {
        assert!(CheckedUpdate::parse(Bytes::from_static(&[0, 0])).expect("valid").is_empty());
    }

    #[test]
    fn hostile_bytes_are_refused_before_the_library_sees_them() {
        let deep_value = {
            let mut bytes = vec![1, 1, 5, 0, 8, 1, 1, b'm', 1];
            bytes.extend(std::iter::repeat_n([117u8, 1], 6_400).flatten());
            bytes.push(126);
            bytes.push(0);
            bytes
        };
        let many_empty_clients = {
            let mut bytes = Vec::new();
            crate::wire::lib0::put_number(&mut bytes, 23_000);
            for client in 0..23_000u64 {
                bytes.push(0);
                crate::wire::lib0::put_number(&mut bytes, client);
                bytes.push(0);
            }
            bytes.push(0);
            bytes
        };
        let clock_near_the_end = vec![1, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 4, 1, 1, b't', 1, b'x', 0];
        let huge_count = vec![0x80, 0x80, 0x80, 0x40];
        for (bytes, refusal) in [
            (deep_value, Malformed::NestedTooDeep),
            (many_empty_clients, Malformed::EmptyOrRepeated),
            (clock_near_the_end, Malformed::OutOfRange),
            (huge_count, Malformed::OutOfRange),
        ] {
            assert_eq!(CheckedUpdate::parse(bytes.into()).expect_err("hostile"), refusal);
        }
    }

    #[test]
    fn the_part_that_fits_ends_at_the_first_hole_of_each_client() {
        let text = |client, letters: &str| {
            let doc = Doc::with_client_id(client);
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("text");
            text.insert(&mut txn, 0, letters);
            Bytes::from(txn.encode_update_v1())
        };
        let merged = yrs::merge_updates_v1([text(1, "abc"), text(2, "de")]).expect("valid");
        let all = CheckedUpdate::parse(merged.into()).expect("valid");
        assert_eq!(all.fitting(|_| 0).expect("all of it").ranges.len(), 2);
        // Client 2's blocks from clock 1 on: with clock 0 unknown, only client 1's part fits.
        let late = yrs::diff_updates_v1(
            &all.raw,
            &yrs::updates::encoder::Encode::encode_v1(&StateVector::new(
                [(yrs::ClientID::new(2), 1)].into_iter().collect(),
            )),
        )
        .expect("valid");
        let late = CheckedUpdate::parse(late.into()).expect("valid");
        let fitting = late.fitting(|_| 0).expect("client 1's part");
        assert_eq!(fitting.ranges.as_slice(), [BlockRange { client: 1, start: 0, end: 3 }]);
        assert!(CheckedUpdate::parse(text(3, "x")).expect("valid").fitting(|_| 0).is_some());
    }

    #[test]
    fn what_npm_yjs_could_not_read_is_refused() {
        let value = |value: &[u8]| {
            let mut raw = vec![1, 1, 5, 0, 8, 1, 1, b'l', 1];
            raw.extend_from_slice(value);
            raw.push(0);
            CheckedUpdate::parse(raw.into()).map(drop)
        };
        // 2^53 - 1, and one more.
        assert_eq!(value(&[125, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]), Ok(()));
        assert_eq!(value(&[125, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]), Err(Malformed::OutOfRange));
        let subdocument = |options: &[u8]| {
            let mut raw = vec![1, 1, 5, 0, 9, 1, 1, b'l', 1, b'g'];
            raw.extend_from_slice(options);
            raw.push(0);
            CheckedUpdate::parse(raw.into()).map(drop)
        };
        let block = |block: &[u8]| {
            let mut raw = vec![1, 1, 77, 0];
            raw.extend_from_slice(block);
            raw.push(0);
            CheckedUpdate::parse(raw.into()).map(drop)
        };
        assert_eq!(block(&[20, 1, 4, b'l', b'i', b's', b't', 1, b'x']), Err(Malformed::UnknownTag));
        for behind_itself in [&[132, 77, 9, 1, b'x'][..], &[68, 77, 0, 1, b'x'], &[4, 0, 77, 3, 1, b'x']] {
            assert_eq!(block(behind_itself), Err(Malformed::Circular));
        }
        let delete = |length| CheckedUpdate::parse(vec![0, 1, 119, 1, 32, length].into()).map(drop);
        assert_eq!((delete(1), delete(0)), (Ok(()), Err(Malformed::OutOfRange)));
        assert_eq!(subdocument(&[118, 0]), Ok(()));
        assert_eq!(subdocument(&[126]), Err(Malformed::UnknownTag));
    }

    #[test]
    fn many_clients_are_fine_and_many_in_one_place_are_not() {
        let set = |clients: u64, same: bool| {
            let mut raw = Vec::new();
            put_number(&mut raw, clients);
            for client in 0..clients {
                raw.push(1);
                put_number(&mut raw, client);
                let key = if same { b'k' } else { u8::try_from(client % 200).expect("small") };
                raw.extend([0, 0x28, 1, 1, b'm', 1, key & 0x7f, 1, 126]);
            }
            raw.push(0);
            CheckedUpdate::parse(raw.into()).map(drop)
        };
        assert_eq!(set(5_000, false), Ok(()));
        assert_eq!(set(1_000, true), Ok(()), "each set a default before it had heard of the others");
        assert_eq!(set(5_000, true), Err(Malformed::TooMany));
        let mut one_client = vec![1, 0xd0, 0x0f, 5, 0];
        for _ in 0..2_000 {
            one_client.extend([4, 1, 1, b't', 1, b'x']);
        }
        one_client.push(0);
        assert_eq!(CheckedUpdate::parse(one_client.into()).map(drop), Err(Malformed::TooMany));
    }

    #[test]
    fn half_an_emoji_in_a_mark_or_an_embed_is_borne() {
        for (json, readable) in [
            (r#""\ud83c""#, r#""\ufffd""#),
            (r#"{"a":"x\ud83c\udf0dy\udf0d"}"#, r#"{"a":"x\ud83c\udf0dy\ufffd"}"#),
            (r#""\\ud83c""#, r#""\\ud83c""#),
            (r#""é\n""#, r#""é\n""#),
        ] {
            assert_eq!(replace_half_pairs(json), readable);
            let mut mark = vec![1, 2, 5, 0, 6, 1, 1, b't', 4];
            mark.extend(b"link");
            put_byte_string(&mut mark, json.as_bytes());
            mark.extend([0x85, 5, 0]);
            put_byte_string(&mut mark, json.as_bytes());
            mark.push(0);
            let checked = CheckedUpdate::parse(mark.clone().into()).expect("an honest update");
            assert_eq!(checked.raw, mark, "others and the log get it as it was sent");
        }
    }

    #[test]
    fn what_the_library_reads_otherwise_than_yjs_writes_it_is_refused() {
        let block = |block: &[u8]| {
            let mut raw = vec![1, 1, 77, 0];
            raw.extend_from_slice(block);
            raw.push(0);
            CheckedUpdate::parse(raw.into()).map(drop)
        };
        assert_eq!(block(&[7, 1, 1, b'x', 5, 1, b'h']), Err(Malformed::UnknownTag), "an XML hook");
        assert_eq!(block(&[2, 1, 1, b'l', 1, 1, b'1']), Err(Malformed::UnknownTag), "the old form of values");
    }

    proptest::proptest! {
        #[test]
        fn mangled_updates_never_panic(at in 0usize..400, byte in 0u8.., cut in 0usize..400) {
            let mut raw = written(|txn| {
                txn.get_or_insert_text("text").insert(txn, 0, "some words that are edited");
                txn.get_or_insert_map("map").insert(txn, "nested", MapPrelim::from([("deep", "value")]));
            }).to_vec();
            let length = raw.len();
            raw[at % length] = byte;
            raw.truncate(length - (cut % length) / 4);
            if let Ok(mut update) = CheckedUpdate::parse(raw.into()) {
                proptest::prop_assert!(update.decode().is_ok(), "what is decoded late was checked before");
            }
        }

        #[test]
        fn text_that_passes_the_checks_can_be_decoded(raw: Vec<u8>, at in 0usize..40, byte in 0u8.., more in 0usize..3) {
            let mut mangled = vec![1, 2, 9, 0, 4, 1, 4, b't', b'e', b'x', b't', 1, b'x', 0x84, 9, 0, 1, b'y', 0];
            let length = mangled.len();
            mangled[at % length] = byte;
            mangled.splice(at % length..at % length, raw.into_iter().take(more));
            if let Ok(mut update) = CheckedUpdate::parse(mangled.into()) {
                proptest::prop_assert!(update.decode().is_ok());
            }
        }
    }

    #[test]
    fn a_parent_that_the_library_would_read_as_another_is_refused() {
        let polyglot: &[u8] = &[1, 2, 9, 0, 4, 0x81, 0x80, 0x80, 0x80, 0x10, 0x7f, 0, 1, b'x', 0x84, 9, 0, 1, b'y', 0];
        assert!(CheckedUpdate::parse(Bytes::from_static(polyglot)).is_err());
    }
}
