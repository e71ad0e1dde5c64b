//! An update that a stranger sent, read and checked before the CRDT library sees it.
//! `CheckedUpdate::parse` is the only way to make one; the session does it in its own task, so that a room never
//! spends time on bytes that are no update. The library trusts counts, clocks and nesting (a few bytes can make it
//! allocate gigabytes or overflow its stack), so everything it would trust is checked here first.
//! Source of the format: npm `yjs`, `src/utils/encoding.js` and `src/structs`, version 1 of the encoding.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;
use yrs::Update;
use yrs::updates::decoder::Decode;

use super::nesting::{self, Nesting};
use crate::wire::lib0::{CLIENT_ID_MAX, Malformed, Reader, put_number};

/// The most blocks of one update that may be put into the same place: the library orders them against each other, at
/// a cost that grows with the square. Real editors that were apart put as many there as there are of them.
const SAME_PLACE_MAX: u32 = 256;
/// Updates of fewer clients than this need not be looked at so closely.
const FEW_CLIENTS: usize = 32;
/// The largest integer that JavaScript can read.
const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Clocks are kept below this: near 2^32 the library's arithmetic wraps.
const CLOCK_MAX: u64 = 0x7fff_ffff;
/// How deep plain values (arrays and maps in one value) may be nested.
const VALUE_DEPTH_MAX: u32 = 64;

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

/// An update that passed every check which needs no document.
#[derive(Debug)]
pub struct CheckedUpdate {
    /// The bytes as the client sent them: what the log keeps.
    pub raw: Bytes,
    /// The same, decoded.
    pub(super) decoded: Update,
    /// What it inserts, in the order of the bytes.
    pub(super) ranges: SmallVec<[BlockRange; 1]>,
    /// Whether it deletes something (perhaps what is deleted already).
    pub(super) deletes: bool,
    /// How deep its shared types are.
    pub(super) nesting: Nesting,
}

impl CheckedUpdate {
    /// Checks and decodes `raw`.
    pub fn parse(raw: Bytes) -> Result<Self, Malformed> {
        let mut ranges = SmallVec::<[BlockRange; 1]>::new();
        let mut types = false;
        let deletes = scan(&raw, |block| {
            types |= block.content == Content::SharedType;
            if block.content != Content::Skip {
                extend(&mut ranges, block);
            }
        })?;
        if ranges.len() > FEW_CLIENTS {
            check_places(&raw)?;
        }
        let nesting = if types { nesting::of_update(&raw)? } else { Nesting::default() };
        let decoded = Update::decode_v1(&raw).map_err(|_| Malformed::Undecodable)?;
        Ok(Self { raw, decoded, ranges, deletes, nesting })
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
        Some(Self::parse(raw.into()).expect("a part of a valid update is one"))
    }

    /// Whether it says nothing at all, as the answer of a client that has nothing new.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.deletes
    }
}

fn check_places(raw: &[u8]) -> Result<(), Malformed> {
    let mut places: HashMap<u64, u32> = HashMap::new();
    let mut most = 0;
    scan(raw, |block| {
        if block.content != Content::Skip && block.place != Place::Nowhere {
            let count = places.entry(block.position).or_insert(0);
            *count += 1;
            most = most.max(*count);
        }
    })?;
    if most > SAME_PLACE_MAX { Err(Malformed::TooMany) } else { Ok(()) }
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

/// What a block holds, as far as the checks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A placeholder for blocks that are not in the update.
    Skip,
    /// A map, an array, a text or XML: something that can hold other blocks.
    SharedType,
    /// Nothing any more.
    Deleted,
    /// Anything else.
    Other,
}

/// Where a block says that it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Nowhere: a collected block, or a placeholder.
    Nowhere,
    /// In a root.
    Root,
    /// In the shared type with this id.
    Inside(u64, u32),
    /// Wherever the block with this id is.
    Beside(u64, u32),
}

/// One block of an update.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Where it stands in the update.
    pub(super) bytes: Range<usize>,
    pub(super) client: u64,
    pub(super) clock: u32,
    pub(super) length: u32,
    pub(super) content: Content,
    pub(super) place: Place,
    /// The blocks that it was put between.
    pub(super) left: Option<Id>,
    pub(super) right: Option<Id>,
    /// A number that blocks share which are put into the very same place.
    pub(super) position: u64,
    /// Yjs' number for the kind of content, and where in the update that content is.
    pub(super) reference: u8,
    pub(super) payload: Range<usize>,
}

/// One element of a document: a client and its clock.
pub(super) type Id = (u64, u32);

/// Goes through all blocks without building anything; returns whether the delete set names something.
pub(super) fn scan(raw: &[u8], mut each: impl FnMut(&Block)) -> Result<bool, Malformed> {
    let mut reader = Reader::new(raw);
    let clients = reader.count()?;
    let mut seen = SeenClients::default();
    for _ in 0..clients {
        let blocks = reader.count()?;
        let client = reader.number_up_to(CLIENT_ID_MAX)?;
        if blocks == 0 || !seen.insert(client) {
            return Err(Malformed::EmptyOrRepeated);
        }
        let mut clock = reader.number_up_to(CLOCK_MAX)?;
        for _ in 0..blocks {
            let start = reader.position();
            let block = read_block(&mut reader, (client, narrow(clock)))?;
            let length = block.length;
            if length == 0 || length > CLOCK_MAX || clock + length > CLOCK_MAX {
                return Err(Malformed::OutOfRange);
            }
            let ReadBlock { standing: Standing { place, left, right, position }, content, reference, payload, .. } =
                block;
            let (bytes, clock32, length32) = (start..reader.position(), narrow(clock), narrow(length));
            each(&Block {
                bytes,
                client,
                clock: clock32,
                length: length32,
                content,
                place,
                left,
                right,
                position,
                reference,
                payload,
            });
            clock += length;
        }
    }
    scan_delete_set(&mut reader)
}

/// The clients that an update has named: nearly always one, so a set is built only for more than a few.
#[derive(Default)]
struct SeenClients {
    few: SmallVec<[u64; 8]>,
    many: std::collections::HashSet<u64>,
}

impl SeenClients {
    fn insert(&mut self, client: u64) -> bool {
        if self.few.len() < 8 {
            let new = !self.few.contains(&client);
            self.few.push(client);
            return new;
        }
        !self.few.contains(&client) && self.many.insert(client)
    }
}

fn scan_delete_set(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    let clients = reader.count()?;
    for _ in 0..clients {
        reader.number_up_to(CLIENT_ID_MAX)?;
        for _ in 0..reader.count()? {
            if reader.number_up_to(CLOCK_MAX)? + reader.number_up_to(CLOCK_MAX)? > CLOCK_MAX {
                return Err(Malformed::OutOfRange);
            }
        }
    }
    Ok(clients > 0)
}

fn narrow(clock: u64) -> u32 {
    u32::try_from(clock).expect("clocks are checked against CLOCK_MAX")
}

fn read_id(reader: &mut Reader<'_>) -> Result<Id, Malformed> {
    Ok((reader.number_up_to(CLIENT_ID_MAX)?, narrow(reader.number_up_to(CLOCK_MAX)?)))
}

const INFO_COLLECTED: u8 = 0;
const INFO_SKIP: u8 = 10;
const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_KEY: u8 = 0x20;

struct ReadBlock {
    standing: Standing,
    content: Content,
    reference: u8,
    payload: Range<usize>,
    length: u64,
}

/// Where a block says that it belongs.
struct Standing {
    place: Place,
    left: Option<Id>,
    right: Option<Id>,
    position: u64,
}

const NOWHERE: Standing = Standing { place: Place::Nowhere, left: None, right: None, position: 0 };

fn read_block(reader: &mut Reader<'_>, own: Id) -> Result<ReadBlock, Malformed> {
    let info = reader.byte()?;
    if info == INFO_COLLECTED || info == INFO_SKIP {
        let content = if info == INFO_SKIP { Content::Skip } else { Content::Deleted };
        let length = reader.number()?;
        return Ok(ReadBlock { standing: NOWHERE, content, reference: info, payload: 0..0, length });
    }
    let standing = read_standing(reader, info, own)?;
    // npm yjs takes five bits for the kind of content, of which it uses the numbers below eleven.
    let reference = info & 31;
    let start = reader.position();
    let (content, length) = read_content(reader, reference)?;
    Ok(ReadBlock { standing, content, reference, payload: start..reader.position(), length })
}

/// An id of something that must be older than the block at `own`.
fn read_older(reader: &mut Reader<'_>, own: Id) -> Result<Id, Malformed> {
    let id = read_id(reader)?;
    if id.0 == own.0 && id.1 >= own.1 { Err(Malformed::Circular) } else { Ok(id) }
}

fn read_standing(reader: &mut Reader<'_>, info: u8, own: Id) -> Result<Standing, Malformed> {
    let left = if info & HAS_ORIGIN != 0 { Some(read_older(reader, own)?) } else { None };
    let right = if info & HAS_RIGHT_ORIGIN != 0 { Some(read_older(reader, own)?) } else { None };
    if let Some((client, clock)) = left.or(right) {
        let place = Place::Beside(client, clock);
        return Ok(Standing { place, left, right, position: hash(&(left, right)) });
    }
    let (place, parent) = if reader.number()? == 1 {
        (Place::Root, hash(reader.text()?))
    } else {
        let (client, clock) = read_older(reader, own)?;
        let place = Place::Inside(client, clock);
        (place, hash(&place))
    };
    let position = if info & HAS_KEY != 0 { hash(&(parent, reader.text()?)) } else { parent };
    Ok(Standing { place, left, right, position })
}

/// The content of a block and its length in clocks. The numbers are Yjs' content references.
fn read_content(reader: &mut Reader<'_>, reference: u8) -> Result<(Content, u64), Malformed> {
    let length = match reference {
        // Deleted; the length is all there is.
        1 => return Ok((Content::Deleted, reader.number()?)),
        // JSON: texts, the old form of values.
        2 => {
            let count = reader.count()?;
            for _ in 0..count {
                reader.text()?;
            }
            count as u64
        }
        // Binary, and an embedded value as JSON.
        3 | 5 => {
            reader.byte_string()?;
            1
        }
        // Text: its length is counted in UTF-16 units, as JavaScript does.
        4 => reader.text()?.encode_utf16().count() as u64,
        // A mark: key and value.
        6 => {
            reader.text()?;
            reader.text()?;
            1
        }
        7 => {
            read_shared_type(reader)?;
            return Ok((Content::SharedType, 1));
        }
        // Plain values.
        8 => {
            let count = reader.count()?;
            for _ in 0..count {
                read_value(reader, VALUE_DEPTH_MAX)?;
            }
            count as u64
        }
        // A subdocument: its id and options, which npm yjs takes for an object without looking.
        9 => {
            reader.text()?;
            if reader.clone().byte()? != VALUE_OBJECT {
                return Err(Malformed::UnknownTag);
            }
            read_value(reader, VALUE_DEPTH_MAX)?;
            1
        }
        _ => return Err(Malformed::UnknownTag),
    };
    Ok((Content::Other, length))
}

pub(super) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

fn read_shared_type(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    match reader.number()? {
        0 | 1 | 2 | 4 | 6 => Ok(()),
        3 | 5 => reader.text().map(drop),
        _ => Err(Malformed::UnknownTag),
    }
}

/// The tag of a plain object.
const VALUE_OBJECT: u8 = 118;

/// An integer: six bits and a sign, then seven bits a byte. npm yjs throws on what JavaScript cannot hold.
fn read_integer(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let first = reader.byte()?;
    let mut magnitude = u64::from(first & 0x3f);
    let (mut more, mut shift) = (first & 0x80 != 0, 6);
    while more {
        let byte = reader.byte()?;
        if shift > 55 {
            return Err(Malformed::LongNumber);
        }
        magnitude |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        more = byte & 0x80 != 0;
    }
    if magnitude > INTEGER_MAX { Err(Malformed::OutOfRange) } else { Ok(()) }
}

/// One plain value. The numbers are lib0's `any` tags.
fn read_value(reader: &mut Reader<'_>, depth: u32) -> Result<(), Malformed> {
    let Some(deeper) = depth.checked_sub(1) else { return Err(Malformed::NestedTooDeep) };
    match reader.byte()? {
        // False, true, null, undefined.
        120 | 121 | 126 | 127 => {}
        // 32-bit float; 64-bit integer and float.
        124 => drop(reader.take(4)?),
        122 | 123 => drop(reader.take(8)?),
        // Bytes and text.
        116 => drop(reader.byte_string()?),
        119 => drop(reader.text()?),
        125 => read_integer(reader)?,
        117 => {
            for _ in 0..reader.count()? {
                read_value(reader, deeper)?;
            }
        }
        VALUE_OBJECT => {
            for _ in 0..reader.count()? {
                reader.text()?;
                read_value(reader, deeper)?;
            }
        }
        _ => return Err(Malformed::UnknownTag),
    }
    Ok(())
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
        assert_eq!(set(1_000, true), Err(Malformed::TooMany));
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
            let _ = CheckedUpdate::parse(raw.into());
        }
    }
}
