//! Updates written byte by byte, as no honest client would. The format is npm yjs', version 1.

use bytes::Bytes;
use triproom::room::update::CheckedUpdate;
use triproom::wire::lib0::{put_byte_string, put_number};

/// A client and a clock.
pub type Id = (u64, u32);

/// Where a block says that it belongs.
#[derive(Debug, Clone, Copy)]
pub enum At<'a> {
    Root(&'a str),
    Key(&'a str, &'a str),
    In(Id),
    KeyIn(Id, &'a str),
    Left(Id),
    Right(Id),
    Between(Id, Id),
}

/// What a block holds.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    Text(&'a str),
    Value(&'a str),
    /// The same value so many times, less than 128.
    Values(&'a str, u8),
    Mark(&'a str, &'a str),
    Map,
    TextType,
    Deleted(u32),
}

#[derive(Debug, Clone, Default)]
pub struct Crafted {
    /// Client, first clock, how many blocks, their bytes.
    sections: Vec<(u64, u32, u64, Vec<u8>)>,
    deletes: Vec<(u64, Vec<(u32, u32)>)>,
}

impl Crafted {
    /// Blocks of `client` from `clock` on follow.
    pub fn by(mut self, (client, clock): Id) -> Self {
        self.sections.push((client, clock, 0, Vec::new()));
        self
    }

    pub fn block(mut self, at: At<'_>, of: Of<'_>) -> Self {
        let mut content = Vec::new();
        let reference = match of {
            Of::Deleted(length) => {
                put_number(&mut content, u64::from(length));
                1
            }
            Of::Text(text) => {
                put_byte_string(&mut content, text.as_bytes());
                4
            }
            Of::Mark(key, json) => {
                put_byte_string(&mut content, key.as_bytes());
                put_byte_string(&mut content, json.as_bytes());
                6
            }
            Of::Map => {
                content.push(1);
                7
            }
            Of::TextType => {
                content.push(2);
                7
            }
            Of::Value(text) => values(&mut content, text, 1),
            Of::Values(text, count) => values(&mut content, text, count),
        };
        let out = self.next();
        let mut parent = |flags: u8, id: Option<Id>, root: &str, key: Option<&str>| {
            out.push(reference | flags | if key.is_some() { 0x20 } else { 0 });
            out.push(u8::from(id.is_none()));
            match id {
                Some(id) => put_id(out, id),
                None => put_byte_string(out, root.as_bytes()),
            }
            if let Some(key) = key {
                put_byte_string(out, key.as_bytes());
            }
        };
        match at {
            At::Root(root) => parent(0, None, root, None),
            At::Key(root, key) => parent(0, None, root, Some(key)),
            At::In(id) => parent(0, Some(id), "", None),
            At::KeyIn(id, key) => parent(0, Some(id), "", Some(key)),
            At::Left(left) => {
                out.push(reference | 0x80);
                put_id(out, left);
            }
            At::Right(right) => {
                out.push(reference | 0x40);
                put_id(out, right);
            }
            At::Between(left, right) => {
                out.push(reference | 0xc0);
                put_id(out, left);
                put_id(out, right);
            }
        }
        out.extend(content);
        self
    }

    /// A block of which nothing is left.
    pub fn collected(mut self, length: u32) -> Self {
        let out = self.next();
        out.push(0);
        put_number(out, u64::from(length));
        self
    }

    /// A placeholder.
    pub fn skip(mut self, length: u32) -> Self {
        let out = self.next();
        out.push(10);
        put_number(out, u64::from(length));
        self
    }

    pub fn delete(mut self, (client, clock): Id, length: u32) -> Self {
        match self.deletes.last_mut() {
            Some((last, ranges)) if *last == client => ranges.push((clock, length)),
            _ => self.deletes.push((client, vec![(clock, length)])),
        }
        self
    }

    pub fn bytes(&self) -> Bytes {
        let mut raw = Vec::new();
        put_number(&mut raw, self.sections.len() as u64);
        for (client, clock, count, blocks) in &self.sections {
            put_number(&mut raw, *count);
            put_id(&mut raw, (*client, *clock));
            raw.extend(blocks);
        }
        put_number(&mut raw, self.deletes.len() as u64);
        for (client, ranges) in &self.deletes {
            put_number(&mut raw, *client);
            put_number(&mut raw, ranges.len() as u64);
            for (clock, length) in ranges {
                put_id(&mut raw, (u64::from(*clock), *length));
            }
        }
        raw.into()
    }

    pub fn update(&self) -> CheckedUpdate {
        CheckedUpdate::parse(self.bytes()).expect("well-formed")
    }

    fn next(&mut self) -> &mut Vec<u8> {
        let (.., count, blocks) = self.sections.last_mut().expect("a client was named");
        *count += 1;
        blocks
    }
}

/// Writes plain values; gives the number of that kind of content.
fn values(content: &mut Vec<u8>, text: &str, count: u8) -> u8 {
    content.push(count);
    for _ in 0..count {
        content.push(119);
        put_byte_string(content, text.as_bytes());
    }
    8
}

fn put_id(out: &mut Vec<u8>, (client, clock): Id) {
    put_number(out, client);
    put_number(out, u64::from(clock));
}
