//! What the codecs cost: a frame for everybody, a message read, an update checked. `cargo bench --bench wire`

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use triproom::room::update::CheckedUpdate;
use triproom::wire::{Protocol, ServerMessage, yjs};
use yrs::{Doc, Map, MapPrelim, Text, Transact, WriteTxn};

fn codecs(criterion: &mut Criterion) {
    let keystroke = {
        let doc = Doc::with_client_id(7);
        let mut txn = doc.transact_mut();
        txn.get_or_insert_text("notes").insert(&mut txn, 0, "x");
        Bytes::from(txn.encode_update_v1())
    };
    let trip = {
        let doc = Doc::with_client_id(7);
        let mut txn = doc.transact_mut();
        let items = txn.get_or_insert_map("items");
        for number in 0..4_000 {
            let item = MapPrelim::from([("title", format!("item {number}")), ("kind", "activity".to_owned())]);
            items.insert(&mut txn, format!("i{number}"), item);
        }
        Bytes::from(txn.encode_update_v1())
    };
    let frame = Protocol::Yjs.frame(&ServerMessage::Update(keystroke.clone())).expect("y-websocket has updates");
    let message = frame.head.slice(2..);
    let megabyte = Bytes::from(vec![0u8; 1 << 20]);

    criterion.bench_function("frame a keystroke", |bencher| {
        bencher.iter(|| Protocol::Yjs.frame(&ServerMessage::Update(black_box(keystroke.clone()))));
    });
    criterion.bench_function("frame a 1 MiB state", |bencher| {
        bencher.iter(|| Protocol::Yjs.frame(&ServerMessage::Step2(black_box(megabyte.clone()))));
    });
    criterion.bench_function("read a message", |bencher| bencher.iter(|| yjs::decode(black_box(&message))));
    criterion.bench_function("check and decode a keystroke", |bencher| {
        bencher.iter(|| CheckedUpdate::parse(black_box(keystroke.clone())));
    });
    criterion.bench_function("check and decode a trip of 4,000 items", |bencher| {
        bencher.iter(|| CheckedUpdate::parse(black_box(trip.clone())));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = codecs
}
criterion_main!(benches);
