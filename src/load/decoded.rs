//! What the messages of one room mean, read once for all who hear them on one thread: five hundred receivers get the same bytes.
//! A message is known by its bytes, never by anything that a server could get wrong. Called at every delivery.
//! It must never keep more than a bounded number of messages.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap};

use super::client::events::Event;
use super::client::{Dialect, Heard};
use super::coverage::Piece;
use super::presence::{self, State};
use super::writer::{ROOT, Writer};
use crate::room::scan::{self, Block, Content, Place, TEXT};
use crate::wire::lib0::Reader;

/// Messages of a room that are remembered.
const KEPT: usize = 1_024;
/// And their bytes; a longer one is read again by everybody.
const KEPT_BYTES: usize = 256 * 1024;

/// Who writes in a room, and under which ids.
#[derive(Debug, Clone)]
pub struct Authors {
    /// The number of the room.
    pub room: usize,
    /// The id of the one at the first place; the others follow.
    pub first_client: u64,
    /// In the order of their places.
    pub writers: Vec<Writer>,
    /// How many people and agents there are.
    pub people: u32,
}

/// What one message means.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    bytes: Vec<u8>,
    /// What kind of message it is.
    pub kind: Kind,
    /// What it has of each writer.
    pub pieces: Vec<Piece>,
    /// The newest move of each person's cursor, or status of an agent: place and number.
    pub moves: Vec<(u32, u32)>,
    /// Whether something in it is not what was written.
    pub is_wrong: bool,
    /// The number that the server keeps an edit under, where it says one; of a gap, that of the first edit behind it.
    pub number: Option<u64>,
    /// Where in the message its content is.
    body: Range<usize>,
}

/// Kinds of messages, as far as they are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// The server asks what the client has.
    Asks,
    /// What the client lacked; with it the client has joined.
    State,
    /// News.
    Update,
    /// Who is here, or how agents are.
    Presence,
    /// The client may not do what it did, or not come in.
    Denied,
    /// What was sent is on disk.
    Saved,
    /// The server does not keep what was said in the beginning.
    Gap,
    /// Anything else.
    #[default]
    Nothing,
}

/// The latest messages of one room.
#[derive(Debug, Default)]
pub struct Latest {
    messages: VecDeque<Decoded>,
    /// How many were forgotten: messages are numbered through.
    forgotten: u64,
    /// Their bytes.
    bytes: usize,
    /// The number of the latest message with bytes of that hash.
    by_hash: HashMap<u64, u64>,
    hasher: DefaultHashBuilder,
    scratch: Decoded,
}

impl Latest {
    /// What a message means. `next` is the number of the message that the hearer expects, and becomes that of the one after.
    pub fn read(&mut self, message: &[u8], next: &mut u64, dialect: &Dialect, authors: &Authors) -> &Decoded {
        // All hear the same in the same order, nearly: most often it is the one behind the last.
        if let Some(likely) = self.place(*next).filter(|at| self.messages[*at].bytes == message) {
            *next += 1;
            return &self.messages[likely];
        }
        if message.len() > KEPT_BYTES {
            self.scratch.read(message, dialect, authors);
            return &self.scratch;
        }
        let hash = self.hasher.hash_one(message);
        let known = self.by_hash.get(&hash).and_then(|number| self.place(*number));
        if let Some(found) = known.filter(|at| self.messages[*at].bytes == message) {
            *next = self.forgotten + found as u64 + 1;
            return &self.messages[found];
        }
        let mut decoded = Decoded::default();
        while self.messages.len() == KEPT || self.bytes + message.len() > KEPT_BYTES {
            decoded = self.forget_first();
        }
        decoded.read(message, dialect, authors);
        self.bytes += message.len();
        self.by_hash.insert(hash, self.forgotten + self.messages.len() as u64);
        self.messages.push_back(decoded);
        *next = self.forgotten + self.messages.len() as u64;
        self.messages.back().expect("it was put there")
    }

    /// Where the message with this number is, if it is remembered.
    fn place(&self, number: u64) -> Option<usize> {
        let place = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        (place < self.messages.len()).then_some(place)
    }

    fn forget_first(&mut self) -> Decoded {
        let first = self.messages.pop_front().expect("one that is short enough fits when all others are gone");
        self.bytes -= first.bytes.len();
        if let Entry::Occupied(known) = self.by_hash.entry(self.hasher.hash_one(&first.bytes[..]))
            && *known.get() == self.forgotten
        {
            known.remove();
        }
        self.forgotten += 1;
        first
    }
}

impl Decoded {
    /// What stands in it: a state vector, an update, a reason.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body.clone()]
    }

    fn read(&mut self, message: &[u8], dialect: &Dialect, authors: &Authors) {
        self.bytes.clear();
        self.bytes.extend_from_slice(message);
        self.pieces.clear();
        self.moves.clear();
        self.is_wrong = false;
        self.number = None;
        self.body = 0..0;
        let Ok(heard) = dialect.hear(message) else {
            self.kind = Kind::Nothing;
            self.is_wrong = true;
            return;
        };
        let body = match heard {
            Heard::Asks(body) => self.be(Kind::Asks, body),
            Heard::State(body) => self.be(Kind::State, body),
            Heard::Update(body) => self.be(Kind::Update, body),
            Heard::Presence(body) => self.be(Kind::Presence, body),
            Heard::Denied(reason) => self.be(Kind::Denied, reason.as_bytes()),
            Heard::Saved => self.be(Kind::Saved, &[]),
            Heard::Nothing => self.be(Kind::Nothing, &[]),
            Heard::Event(json) => self.be(Kind::Nothing, json),
        };
        // The body is a slice of the message.
        let start = body.as_ptr().addr().saturating_sub(message.as_ptr().addr()).min(message.len());
        self.body = if body.is_empty() { 0..0 } else { start..start + body.len() };
        match heard {
            Heard::State(update) | Heard::Update(update) => self.read_update(update, authors),
            Heard::Presence(presence) => self.is_wrong |= self.read_presence(presence, authors).is_none(),
            Heard::Event(json) => self.is_wrong |= self.read_event(json, authors).is_none(),
            _ => {}
        }
    }

    fn be<'a>(&mut self, kind: Kind, body: &'a [u8]) -> &'a [u8] {
        self.kind = kind;
        body
    }

    fn read_update(&mut self, update: &[u8], authors: &Authors) {
        // A document may hold something of others from the beginning; news are the writers' alone.
        let is_news = self.kind == Kind::Update;
        let (pieces, mut is_wrong, mut deletes) = (&mut self.pieces, false, false);
        let each = |block: &Block| {
            if block.content == Content::Skip {
                return;
            }
            let Some(place) = authors.place(block.client) else {
                is_wrong |= is_news;
                return;
            };
            is_wrong |= !authors.wrote(place, block, update);
            push(pieces, place, block.clock..block.clock + block.length);
        };
        // Nobody deletes what a writer wrote.
        let scanned = scan::scan_all(update, each, |client, _| deletes |= authors.place(client).is_some());
        self.is_wrong |= is_wrong || deletes || scanned.is_err();
    }

    fn read_presence(&mut self, presence: &[u8], authors: &Authors) -> Option<()> {
        let mut is_wrong = false;
        let moves = &mut self.moves;
        presence::read(presence, |client, state| match state {
            State::Person(said) => {
                is_wrong |= said.room != authors.room || client != authors.first_client + u64::from(said.place);
                moves.push((said.place, said.number));
            }
            // A server may speak for it under an id of its own, and not under that of somebody else.
            State::Agent(said) => {
                let is_its = client == authors.first_client + u64::from(said.place);
                is_wrong |= said.room != authors.room || !is_its && authors.is_of_the_room(client);
                moves.push((said.place, said.number));
            }
            State::Other => is_wrong |= authors.is_of_the_room(client),
            State::Gone => {}
        })?;
        (!is_wrong).then_some(())
    }

    fn read_event(&mut self, json: &[u8], authors: &Authors) -> Option<()> {
        let event: Event<'_> = serde_json::from_slice(json).ok()?;
        if event.kind == "room.welcome" {
            self.kind = Kind::State;
        } else if event.kind == "room.gap" {
            self.kind = Kind::Gap;
            self.number = event.number();
        } else if event.kind == "ack" {
            self.kind = Kind::Saved;
        } else if event.kind == "error" {
            self.kind = Kind::Denied;
        } else if let Some((piece, letters)) = event.edit() {
            self.kind = Kind::Update;
            self.number = event.number();
            let writer = authors.writers.get(piece.writer as usize);
            self.is_wrong |= writer.is_none_or(|writer| !writer.wrote(piece.clocks.start, &letters));
            self.pieces.push(piece);
        } else if let Some(status) = event.status() {
            self.kind = Kind::Presence;
            self.is_wrong |= status.room != authors.room;
            self.moves.push((status.place, status.number));
        }
        Some(())
    }
}

impl Authors {
    /// Whether somebody of the room has this Yjs client id.
    fn is_of_the_room(&self, client: u64) -> bool {
        client.checked_sub(self.first_client).is_some_and(|place| place < u64::from(self.people))
    }

    fn place(&self, client: u64) -> Option<u32> {
        let place = client.checked_sub(self.first_client).and_then(|place| u32::try_from(place).ok())?;
        ((place as usize) < self.writers.len()).then_some(place)
    }

    /// Whether a block of a writer's is what it wrote, where it wrote it.
    fn wrote(&self, place: u32, block: &Block, update: &[u8]) -> bool {
        let stands = match block.place {
            Place::Root { name_end, name_length } => {
                block.clock == 0 && update[name_end - name_length as usize..name_end] == *ROOT.as_bytes()
            }
            Place::Beside(..) => block.clock > 0 && block.left == Some((block.client, block.clock - 1)),
            Place::Nowhere | Place::Inside(..) => false,
        };
        if block.reference != TEXT || !stands || block.right.is_some() || block.key.is_some() {
            return false;
        }
        let text = Reader::new(&update[block.payload.clone()]).byte_string();
        text.is_ok_and(|text| self.writers[place as usize].wrote(block.clock, text))
    }
}

/// Pieces that follow each other are one.
fn push(pieces: &mut Vec<Piece>, writer: u32, clocks: Range<u32>) {
    match pieces.last_mut() {
        Some(last) if last.writer == writer && last.clocks.end == clocks.start => last.clocks.end = clocks.end,
        _ => pieces.push(Piece { writer, clocks }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::client::Say;
    use crate::load::writer::EDIT;

    fn authors() -> Authors {
        let writers = (0..3).map(|place| Writer::new(5, 0, place, 1_000 + place as u64)).collect();
        Authors { room: 0, first_client: 1_000, writers, people: 3 }
    }

    fn edit(authors: &Authors, writer: usize, number: u32) -> Vec<u8> {
        let mut update = Vec::new();
        authors.writers[writer].update(number * EDIT..(number + 1) * EDIT, &mut update);
        Dialect::Yjs.message(Say::Update(&update)).expect("the protocol has updates")
    }

    #[test]
    fn merged_updates_are_the_same_pieces() {
        let (authors, mut latest, mut next) = (authors(), Latest::default(), 0);
        let updates: Vec<Vec<u8>> = [(0, 0), (2, 0), (0, 1)]
            .into_iter()
            .map(|(writer, number)| edit(&authors, writer, number)[3..].to_vec())
            .collect();
        let merged = yrs::merge_updates_v1(updates).expect("they are updates");
        let message = Dialect::Yjs.message(Say::Update(&merged)).expect("the protocol has updates");
        let decoded = latest.read(&message, &mut next, &Dialect::Yjs, &authors);
        let mut pieces = decoded.pieces.clone();
        pieces.sort_by_key(|piece| piece.writer);
        assert_eq!(pieces, [Piece { writer: 0, clocks: 0..32 }, Piece { writer: 2, clocks: 0..16 }]);
        assert!(!decoded.is_wrong && decoded.kind == Kind::Update);
    }

    #[test]
    fn one_wrong_byte_is_wrong() {
        let authors = authors();
        let message = edit(&authors, 1, 4);
        for at in 3..message.len() {
            let mut mangled = message.clone();
            mangled[at] ^= 1;
            let (mut latest, mut next) = (Latest::default(), 0);
            let decoded = latest.read(&mangled, &mut next, &Dialect::Yjs, &authors);
            let told = Piece { writer: 1, clocks: 64..80 };
            assert!(decoded.is_wrong || decoded.pieces != [told], "byte {at} of {}", message.len());
        }
    }

    #[test]
    fn nobody_else_writes_after_the_beginning() {
        let (authors, stranger) = (authors(), Writer::new(5, 0, 0, 999));
        let mut update = Vec::new();
        stranger.update(0..EDIT, &mut update);
        for (say, is_wrong) in [(Say::Update(&update), true), (Say::State(&update), false)] {
            let message = Dialect::Yjs.message(say).expect("the protocol has both");
            let decoded = Latest::default().read(&message, &mut 0, &Dialect::Yjs, &authors).clone();
            assert_eq!((decoded.is_wrong, decoded.pieces.len()), (is_wrong, 0), "{:?}", decoded.kind);
        }
    }

    #[test]
    fn nobody_deletes() {
        let (authors, mut latest, mut next) = (authors(), Latest::default(), 0);
        // No blocks; of one client, one range: the first letter.
        let update =
            |client: u8| Dialect::Yjs.message(Say::Update(&[0, 1, client, 7, 1, 0, 1])).expect("it has updates");
        assert!(latest.read(&update(0xe8), &mut next, &Dialect::Yjs, &authors).is_wrong, "client 1,000 is a writer");
        assert!(!latest.read(&update(0xe0), &mut next, &Dialect::Yjs, &authors).is_wrong, "client 992 is not");
    }

    #[test]
    fn hearers_of_the_same_share_what_was_read() {
        let (authors, mut latest) = (authors(), Latest::default());
        let messages: Vec<_> = (0..2_000).map(|number| edit(&authors, 0, number)).collect();
        let (mut first, mut second) = (0, 0);
        for message in &messages[..30] {
            latest.read(message, &mut first, &Dialect::Yjs, &authors);
        }
        for message in &messages[..30] {
            latest.read(message, &mut second, &Dialect::Yjs, &authors);
        }
        assert_eq!((first, second, latest.messages.len()), (30, 30, 30));
        for message in &messages[30..] {
            latest.read(message, &mut first, &Dialect::Yjs, &authors);
        }
        assert_eq!((latest.messages.len(), latest.by_hash.len(), first), (KEPT, KEPT, 2_000));
        let bytes: usize = latest.messages.iter().map(|decoded| decoded.bytes.len()).sum();
        assert_eq!(latest.bytes, bytes);
        latest.read(&messages[1_500], &mut second, &Dialect::Yjs, &authors);
        assert_eq!(second, 1_501, "one that was heard in another place is known, too");
        let long = vec![7; KEPT_BYTES];
        latest.read(&long, &mut first, &Dialect::Yjs, &authors);
        assert_eq!((latest.messages.len(), latest.by_hash.len(), latest.bytes), (1, 1, KEPT_BYTES));
    }
}
