//! A small y-websocket server that is right, or wrong in one way. What it does wrong it does to one client now and then, so that a
//! load tester has to look closely.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use yrs::updates::decoder::Decode;
use yrs::{Doc, ReadTxn, StateVector, Text, Transact, Update};

/// One in so many updates is where it lies.
const EVERY: usize = 10;

/// Beyond it does not: an update that is held back is to be sent before its writer stops.
const LAST: usize = 60;

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Nothing.
    None,
    /// Nothing: it collects updates and sends what they are together, to their writers, too.
    Merge,
    /// Somebody does not get an update.
    Drop,
    /// The same, and only as long as there is no second room.
    DropFirst,
    /// Somebody gets an update after the next one of its writer.
    Reorder,
    /// Everybody gets everything later.
    Delay,
    /// The same, and much later.
    DelayLong,
    /// Somebody is told what nobody wrote.
    Invent,
    /// Everybody waits a tenth of a second to be let in.
    SlowToJoin,
    /// Somebody gets an update twice.
    Double,
    /// Nothing: it drops an update for somebody, as for who reads too slowly, and heals that by telling the whole document.
    Heal,
    /// Somebody gets an update in which a letter is another one.
    Corrupt,
    /// Somebody's connection is closed.
    Close,
    /// Everybody gets everything, but the document does not.
    Forget,
    /// The same, and of everything: it is a relay and keeps nothing.
    ForgetAll,
    /// Nothing: whoever comes after eighty others is told what there is a second later.
    Late,
    /// What is written in one room comes in all.
    Leak,
    /// Whoever comes as the tenth is never told anything.
    Ignore,
    /// The same, and then everybody from the twentieth on.
    IgnoreMore,
    /// Whoever comes after eighty others is never told anything.
    IgnoreLate,
    /// It tells the first ten presences of a room, and no more.
    Mute,
    /// What somebody says of itself in one room is told in all.
    LeakPresence,
    /// It tells the cursors of one client as those of another one.
    Confuse,
    /// One cursor is told with a number that nobody has said.
    Exaggerate,
    /// It forgets updates of more than 10 kB.
    ForgetLong,
    /// Nothing: it keeps a document as long as somebody has it open.
    Evict,
    /// Of those who come after eight others it lets one in four not in.
    Refuse,
    /// It lets nobody in who comes after ten others.
    Overwhelmed,
    /// It tells those who have written nothing any more.
    DeafenWriters,
}

impl Lie {
    fn refuses(self, number: usize) -> bool {
        match self {
            Self::Refuse => number >= 8 && number.is_multiple_of(4),
            Self::Overwhelmed => number >= 10,
            _ => false,
        }
    }

    fn ignores(self, number: usize) -> bool {
        match self {
            Self::Ignore => number == 9,
            Self::IgnoreMore => number == 9 || number >= 19,
            Self::IgnoreLate => number >= 80,
            _ => false,
        }
    }
}

#[derive(Default)]
struct Room {
    doc: Option<Doc>,
    people: Vec<(usize, UnboundedSender<(Instant, Message)>)>,
    relayed: usize,
    wrote: HashSet<usize>,
    presences: usize,
    /// The last presence of each who is here.
    shown: HashMap<usize, Message>,
    held: Option<(usize, Vec<u8>)>,
    gathered: Vec<Vec<u8>>,
}

type Rooms = Arc<Mutex<HashMap<String, Room>>>;

/// Starts one that lives as long as the test.
pub fn start(lie: Lie) -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let rooms = Rooms::default();
            if lie == Lie::Merge {
                tokio::spawn(merge(Arc::clone(&rooms)));
            }
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                if lie.refuses(number) {
                    continue;
                }
                tokio::spawn(serve(stream, number, Arc::clone(&rooms), lie));
            }
        });
    });
    address.recv().unwrap()
}

#[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
async fn serve(stream: TcpStream, number: usize, rooms: Rooms, lie: Lie) {
    let mut name = String::new();
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(&mut name);
        Ok(response)
    };
    if lie == Lie::SlowToJoin {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    let (mut out, mut heard) = socket.split();
    let (sender, waiting) = unbounded_channel();
    rooms.lock().unwrap().entry(name.clone()).or_default().people.push((number, sender.clone()));
    let _ = out.send(message(0, &[0])).await;
    let write = tokio::spawn(async move {
        let mut waiting: UnboundedReceiver<(Instant, Message)> = waiting;
        while let Some((since, message)) = waiting.recv().await {
            match lie {
                Lie::Delay => tokio::time::sleep_until(since + Duration::from_millis(30)).await,
                Lie::DelayLong => tokio::time::sleep_until(since + Duration::from_secs(1)).await,
                _ => {}
            }
            let closes = message.is_close();
            if out.send(message).await.is_err() || closes {
                return;
            }
        }
    });
    while let Some(Ok(Message::Binary(frame))) = heard.next().await {
        let mut rooms = rooms.lock().unwrap();
        match frame[..] {
            [0, 0, ..] if !lie.ignores(number) => {
                let state = rooms[&name].state();
                let is_late = lie == Lie::Late && number >= 80;
                let first: &[u8] = if is_late { &[0, 0] } else { &state };
                let _ = sender.send((Instant::now(), message(1, first)));
                rooms[&name].shown.values().for_each(|shown| drop(sender.send((Instant::now(), shown.clone()))));
                if is_late {
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        sender.send((Instant::now(), message(2, &state)))
                    });
                }
            }
            [0, 1 | 2, ..] => {
                let update = bytes_of(&frame[2..]);
                if update != [0, 0] {
                    relay(&mut rooms, &name, number, update, lie);
                }
            }
            [1, ..] => {
                show(&mut rooms, &name, number, &frame, lie);
            }
            _ => {}
        }
    }
    if let Some(room) = rooms.lock().unwrap().get_mut(&name) {
        room.people.retain(|(person, _)| *person != number);
        room.shown.remove(&number);
        if lie == Lie::Evict && room.people.is_empty() {
            room.doc = None;
        }
    }
    write.abort();
}

impl Room {
    fn state(&self) -> Vec<u8> {
        let nothing = vec![0, 0];
        self.doc.as_ref().map_or(nothing, |doc| doc.transact().encode_state_as_update_v1(&StateVector::default()))
    }

    fn apply(&mut self, update: &[u8]) {
        let doc = self.doc.get_or_insert_with(Doc::new);
        doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }
}

fn relay(rooms: &mut HashMap<String, Room>, name: &str, from: usize, update: &[u8], lie: Lie) {
    let is_first = rooms.len() == 1;
    let room = rooms.get_mut(name).unwrap();
    room.relayed += 1;
    let lies = room.relayed.is_multiple_of(EVERY) && room.relayed <= LAST;
    let forgets = match lie {
        Lie::Forget => lies,
        Lie::ForgetAll => true,
        Lie::ForgetLong => update.len() > 10_000,
        _ => false,
    };
    if !forgets {
        room.apply(update);
    }
    if lie == Lie::Merge {
        room.gathered.push(update.to_vec());
        return;
    }
    room.wrote.insert(from);
    let is_told = |person: &usize| lie != Lie::DeafenWriters || !room.wrote.contains(person);
    let mut others = room.people.iter().filter(|(person, _)| *person != from && is_told(person));
    let Some((_, victim)) = others.next() else { return };
    for (_, other) in others {
        let _ = other.send((Instant::now(), message(2, update)));
    }
    match lie {
        Lie::Drop if lies => {}
        Lie::DropFirst if lies && is_first => {}
        Lie::Double if lies => {
            let _ = victim.send((Instant::now(), message(2, update)));
            let _ = victim.send((Instant::now(), message(2, update)));
        }
        Lie::Heal if lies => drop(victim.send((Instant::now(), message(1, &room.state())))),
        Lie::Invent if lies => {
            let _ = victim.send((Instant::now(), message(2, update)));
            let _ = victim.send((Instant::now(), message(2, &invented())));
        }
        Lie::Corrupt if lies => {
            let mut wrong = update.to_vec();
            let last = wrong.len() - 2;
            wrong[last] ^= 1;
            let _ = victim.send((Instant::now(), message(2, &wrong)));
        }
        Lie::Close if lies => drop(victim.send((Instant::now(), Message::Close(None)))),
        Lie::Reorder => {
            let held = room.held.take();
            let is_its = held.as_ref().is_some_and(|(writer, _)| *writer == from);
            if lies && held.is_none() {
                room.held = Some((from, update.to_vec()));
                return;
            }
            let _ = victim.send((Instant::now(), message(2, update)));
            match held {
                Some((_, late)) if is_its => drop(victim.send((Instant::now(), message(2, &late)))),
                other => room.held = other,
            }
        }
        _ => drop(victim.send((Instant::now(), message(2, update)))),
    }
    if lie == Lie::Leak && lies {
        let strangers = rooms.iter().filter(|(other, _)| *other != name).flat_map(|(_, room)| &room.people);
        strangers.for_each(|(_, stranger)| drop(stranger.send((Instant::now(), message(2, update)))));
    }
}

/// Tells the others what somebody says of itself.
fn show(rooms: &mut HashMap<String, Room>, name: &str, from: usize, frame: &[u8], lie: Lie) {
    let room = rooms.get_mut(name).unwrap();
    room.presences += 1;
    if lie == Lie::Mute && room.presences > 10 {
        return;
    }
    let mut told = frame.to_vec();
    let lies = room.presences.is_multiple_of(EVERY) && room.presences <= LAST;
    if lie == Lie::Confuse && lies {
        // The first byte of the client's id, behind the kind, the length and the count.
        told[3] ^= 1;
    }
    if lie == Lie::Exaggerate && lies {
        let cursor = told.windows(9).position(|window| window == b"\"cursor\":").unwrap() + 9;
        told[cursor] = b'9';
    }
    let told = Message::binary(told);
    room.shown.insert(from, told.clone());
    let others = room.people.iter().filter(|(person, _)| *person != from);
    others.for_each(|(_, other)| drop(other.send((Instant::now(), told.clone()))));
    if lie == Lie::LeakPresence && lies {
        let strangers = rooms.iter().filter(|(other, _)| *other != name).flat_map(|(_, room)| &room.people);
        strangers.for_each(|(_, stranger)| drop(stranger.send((Instant::now(), told.clone()))));
    }
}

fn invented() -> Vec<u8> {
    let doc = Doc::new();
    let text = doc.get_or_insert_text("text");
    text.insert(&mut doc.transact_mut(), 0, "never written");
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}

async fn merge(rooms: Rooms) {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        for room in rooms.lock().unwrap().values_mut() {
            if !room.gathered.is_empty() {
                let merged = yrs::merge_updates_v1(room.gathered.drain(..)).unwrap();
                room.people.iter().for_each(|(_, person)| drop(person.send((Instant::now(), message(2, &merged)))));
            }
        }
    }
}

fn message(kind: u8, body: &[u8]) -> Message {
    let mut message = vec![0, kind];
    let mut length = body.len();
    while length > 0x7f {
        message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap());
    message.extend_from_slice(body);
    Message::binary(message)
}

/// What stands behind its length.
fn bytes_of(frame: &[u8]) -> &[u8] {
    let length = frame.iter().take_while(|byte| **byte > 0x7f).count() + 1;
    &frame[length..]
}
