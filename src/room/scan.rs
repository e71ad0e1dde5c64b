//! Goes through the bytes of an update block by block and builds nothing.
//! The CRDT library trusts counts, clocks and nesting (a few bytes can make it allocate gigabytes or overflow its stack),
//! and browsers throw on what npm yjs cannot read: everything of the kind is refused here. Used by `update` before
//! anything is decoded, by `nesting` and by `content`. It must never allocate by a number that it read.
//! Source of the format: npm `yjs`, `src/utils/encoding.js` and `src/structs`, version 1 of the encoding.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use smallvec::SmallVec;

use crate::wire::lib0::{CLIENT_ID_MAX, Malformed, Reader};

/// The largest integer that JavaScript can read.
const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Clocks are kept below this: near 2^32 the library's arithmetic wraps.
const CLOCK_MAX: u64 = 0x7fff_ffff;
/// How deep plain values (arrays and maps in one value) may be nested.
const VALUE_DEPTH_MAX: u32 = 128;

/// What a block holds, as far as the checks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
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
pub(crate) enum Place {
    /// Nowhere: a collected block, or a placeholder.
    Nowhere,
    /// In a root, whose name is so many bytes long and ends there in the update.
    Root { name_end: usize, name_length: u32 },
    /// In the shared type with this id.
    Inside(u64, u32),
    /// Wherever the block with this id is.
    Beside(u64, u32),
}

/// One block of an update.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Where it stands in the update.
    pub(crate) bytes: Range<usize>,
    pub(crate) client: u64,
    pub(crate) clock: u32,
    pub(crate) length: u32,
    pub(crate) content: Content,
    pub(crate) place: Place,
    /// Where in the update the key is at which it says that it is the entry of a map; a block with neighbours is what they
    /// are.
    pub(crate) key: Option<Range<usize>>,
    /// The blocks that it was put between.
    pub(crate) left: Option<Id>,
    pub(crate) right: Option<Id>,
    /// Yjs' number for the kind of content, and where in the update that content is.
    pub(crate) reference: u8,
    pub(crate) payload: Range<usize>,
}

impl Block {
    /// Whether it has several elements that live when it comes; it may be deleted right away.
    pub(crate) fn is_plural(&self) -> bool {
        self.length > 1 && !matches!(self.content, Content::Deleted | Content::Skip)
    }

    /// Whether it depends on what is where if an honest client can have made it (see `placing`).
    pub(crate) fn may_be_unsound(&self) -> bool {
        self.right.is_some() || (self.is_plural() && (self.key.is_some() || self.left.is_some()))
    }

    /// Whether it stands right behind the element that its client made before it.
    pub(crate) fn goes_on(&self) -> bool {
        self.left.is_some() && self.left == self.clock.checked_sub(1).map(|last| (self.client, last))
    }

    /// The key at which it says that it is, in the update `raw` that it is of.
    pub(crate) fn key<'r>(&self, raw: &'r [u8]) -> Option<&'r str> {
        self.key.clone().map(|key| std::str::from_utf8(&raw[key]).expect("it was read as a text"))
    }

    /// A number that blocks of `raw` share which are put into the very same place. Only few ask, and it costs more than
    /// reading a block.
    pub(crate) fn position(&self, raw: &[u8]) -> u64 {
        let parent = match self.place {
            Place::Nowhere => return 0,
            Place::Beside(..) => return hash(&(self.left, self.right)),
            Place::Root { name_end, name_length } => hash(&raw[name_end - name_length as usize..name_end]),
            Place::Inside(..) => hash(&self.place),
        };
        self.key.clone().map_or(parent, |key| hash(&(parent, &raw[key])))
    }
}

/// One element of a document: a client and its clock.
pub(crate) type Id = (u64, u32);

/// Goes through all blocks without building anything; returns whether the delete set names something.
pub(crate) fn scan(raw: &[u8], each: impl FnMut(&Block)) -> Result<bool, Malformed> {
    scan_all(raw, each, |_, _| {})
}

/// The same, and through what it deletes: of which client, which clocks. Ranges may overlap and be in any order.
pub(crate) fn scan_all(
    raw: &[u8],
    mut each: impl FnMut(&Block),
    each_deleted: impl FnMut(u64, Range<u32>),
) -> Result<bool, Malformed> {
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
            let ReadBlock { standing: Standing { place, key, left, right }, content, reference, payload, .. } = block;
            let (bytes, clock32, length32) = (start..reader.position(), narrow(clock), narrow(length));
            each(&Block {
                bytes,
                client,
                clock: clock32,
                length: length32,
                content,
                place,
                key,
                left,
                right,
                reference,
                payload,
            });
            clock += length;
        }
    }
    scan_delete_set(&mut reader, each_deleted)
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

fn scan_delete_set(reader: &mut Reader<'_>, mut each: impl FnMut(u64, Range<u32>)) -> Result<bool, Malformed> {
    let clients = reader.count()?;
    let mut seen = SeenClients::default();
    for _ in 0..clients {
        let client = reader.number_up_to(CLIENT_ID_MAX)?;
        // Of a client that is named twice, the library takes the last ranges and npm yjs takes all.
        if !seen.insert(client) {
            return Err(Malformed::EmptyOrRepeated);
        }
        for _ in 0..reader.count()? {
            let (start, length) = (reader.number_up_to(CLOCK_MAX)?, reader.number_up_to(CLOCK_MAX)?);
            // npm yjs takes an empty range and throws when it writes it down again.
            if length == 0 || start + length > CLOCK_MAX {
                return Err(Malformed::OutOfRange);
            }
            each(client, narrow(start)..narrow(start + length));
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

/// Yjs' number for text.
pub(crate) const TEXT: u8 = 4;
/// And for plain values.
pub(crate) const VALUES: u8 = 8;

const INFO_COLLECTED: u8 = 0;
const INFO_SKIP: u8 = 10;
pub(crate) const HAS_ORIGIN: u8 = 0x80;
pub(crate) const HAS_RIGHT_ORIGIN: u8 = 0x40;
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
    key: Option<Range<usize>>,
    left: Option<Id>,
    right: Option<Id>,
}

const NOWHERE: Standing = Standing { place: Place::Nowhere, key: None, left: None, right: None };

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
        return Ok(Standing { place, key: None, left, right });
    }
    // Yjs writes 0 or 1. The library takes the last 32 bits of whatever it is, and would see another parent than is seen here.
    let place = if reader.number_up_to(1)? == 1 {
        let name_length = u32::try_from(reader.text()?.len()).map_err(|_| Malformed::OutOfRange)?;
        Place::Root { name_end: reader.position(), name_length }
    } else {
        let (client, clock) = read_older(reader, own)?;
        Place::Inside(client, clock)
    };
    let key = if info & HAS_KEY == 0 {
        None
    } else {
        let length = reader.text()?.len();
        Some(reader.position() - length..reader.position())
    };
    Ok(Standing { place, key, left, right })
}

/// The content of a block and its length in clocks. The numbers are Yjs' content references. Two kinds are
/// refused because the library reads other bytes than Yjs writes, and would see blocks that nobody checked: the old
/// form of values (2), which Yjs has not written for years, and XML hooks (type 5).
fn read_content(reader: &mut Reader<'_>, reference: u8) -> Result<(Content, u64), Malformed> {
    let length = match reference {
        // Deleted; the length is all there is.
        1 => return Ok((Content::Deleted, reader.number()?)),
        // Binary, and an embedded value as JSON.
        3 | 5 => {
            reader.byte_string()?;
            1
        }
        // Text: its length is counted in UTF-16 units, as JavaScript does.
        TEXT => reader.text()?.encode_utf16().count() as u64,
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

pub(crate) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

fn read_shared_type(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    match reader.number()? {
        0 | 1 | 2 | 4 | 6 => Ok(()),
        3 => reader.text().map(drop),
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

/// Where so many plain values end, in the content of a block that holds at least as many.
pub(crate) fn after_values(payload: &[u8], values: u32) -> Result<usize, Malformed> {
    let mut reader = Reader::new(payload);
    reader.count()?;
    for _ in 0..values {
        read_value(&mut reader, VALUE_DEPTH_MAX)?;
    }
    Ok(reader.position())
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
