//! What a room's work costs: one keystroke into a long text, a turn of many, presence, and the state for joiners with
//! and without the cache. `cargo bench --bench room`

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use triproom::room::client::{Arrival, Receipt};
use triproom::room::fold;
use triproom::room::id::ConnectionId;
use triproom::room::input::{Admission, Input, UpdateKind};
use triproom::room::presence::{Presence, Whose};
use triproom::room::principal::{Principal, PrincipalId};
use triproom::room::role::Writes;
use triproom::room::room::{Room, RoomLimits};
use triproom::room::update::CheckedUpdate;
use triproom::room::view::ViewLimits;
use triproom::wire::awareness::{AwarenessEntry, ClientId};
use yrs::{Doc, Text, Transact, WriteTxn};

const LIMITS: RoomLimits = RoomLimits {
    document_bytes: 1 << 30,
    presence_clients: 1,
    undo_bytes: 256 << 10,
    json: ViewLimits { values: 1_000_000, bytes: 32 << 20 },
};
const AUTHOR: ConnectionId = ConnectionId(1);

/// A client that has typed so many letters, one by one.
struct Typist(Doc);

impl Typist {
    fn new(client: u64) -> Self {
        Self(Doc::with_client_id(client))
    }

    /// One more letter, at the end or in the middle.
    fn letter(&self, at: impl Fn(u32) -> u32) -> Bytes {
        let mut txn = self.0.transact_mut();
        let notes = txn.get_or_insert_text("notes");
        let place = at(notes.len(&txn));
        notes.insert(&mut txn, place, "x");
        txn.encode_update_v1().into()
    }

    fn text(&self, letters: usize) -> Bytes {
        let mut txn = self.0.transact_mut();
        let notes = txn.get_or_insert_text("notes");
        notes.insert(&mut txn, 0, &"x".repeat(letters));
        txn.encode_update_v1().into()
    }
}

fn room(rows: &[Bytes]) -> Room {
    let now = Instant::now();
    let mut room = Room::new(now, fold::open(None, rows, LIMITS.document_bytes).expect("valid").document, LIMITS);
    room.turn(
        now,
        &mut VecDeque::from([Input::Join(Arrival {
            connection: AUTHOR,
            principal: Arc::new(Principal::new(PrincipalId::user("ada").expect("an id"), None)),
            writes: Writes::Everything,
            receipt: Receipt::Echo,
            greeting: None,
        })]),
        Admission::Open,
    );
    room
}

fn update(raw: &Bytes) -> Input {
    let update = Box::new(CheckedUpdate::parse(raw.clone()).expect("valid"));
    Input::Update { from: AUTHOR, update, kind: UpdateKind::Live }
}

fn edits(criterion: &mut Criterion) {
    let typist = Typist::new(7);
    let long = typist.text(100_000);
    let now = Instant::now();
    for (name, size) in [("one keystroke into a 100 kB text", 1), ("a turn of 100 keystrokes", 100)] {
        let mut room = room(std::slice::from_ref(&long));
        let mut group = criterion.benchmark_group("edit");
        group.throughput(Throughput::Elements(size));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (0..size).map(|_| typist.letter(|length| length / 2)).collect::<Vec<_>>(),
                |raws| {
                    let mut inputs = raws.iter().map(update).collect();
                    black_box(room.turn(now, &mut inputs, Admission::Open))
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

fn joins(criterion: &mut Criterion) {
    let typist = Typist::new(7);
    let rows: Vec<Bytes> =
        (0..20_000).map(|number: u32| typist.letter(|length| number.wrapping_mul(7919) % (length + 1))).collect();
    let now = Instant::now();
    let mut room = room(&rows);
    let join = |room: &mut Room| {
        room.turn(now, &mut VecDeque::from([Input::Step1 { from: AUTHOR, known: Bytes::new() }]), Admission::Open);
        black_box(room.answer())
    };
    criterion.bench_function("join/20,000 fragments, cached", |bencher| bencher.iter(|| join(&mut room)));
    criterion.bench_function("join/20,000 fragments, encoded anew", |bencher| {
        bencher.iter(|| {
            room.tick(now + Duration::from_hours(1), Admission::Open);
            join(&mut room)
        });
    });
}

fn presence(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut presence = Presence::new(now, 1);
    let mut clock = 0;
    let state = Bytes::from_static(br##"{"user":{"name":"Ada Lovelace","color":"#30bced"},"focus":"/items/a1"}"##);
    criterion.bench_function("presence/200 clients change and are told", |bencher| {
        bencher.iter(|| {
            clock += 1;
            for client in 0..200 {
                let entry = AwarenessEntry { client: ClientId(client), clock, state: Some(state.clone()) };
                presence.hear(now, ConnectionId(client), vec![entry], |_, _| Whose::Own).expect("valid");
            }
            black_box(presence.take_changes())
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = edits, joins, presence
}
criterion_main!(benches);
