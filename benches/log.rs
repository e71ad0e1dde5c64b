//! What the log costs: a commit of small rows, and the load of one room among many. Commits go to Postgres, too, when
//! `TRIPROOM_BENCH_DATABASE_URL` names a database that may be filled.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use triproom::room::id::RoomId;
use triproom::store::{Folded, Place, Pooler, PostgresOptions, RoomLog, Sharing, Store, StoreConfig, StoredRoom};

/// About one keystroke of a Yjs text.
const ROW: usize = 60;

fn room(name: &str) -> RoomId {
    RoomId::parse(name, 4096).expect("a fine name")
}

async fn durable(log: &mut RoomLog) {
    while log.durable() < log.appended() {
        log.changed().await;
    }
}

fn open(runtime: &Runtime) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = runtime.block_on(Store::open(StoreConfig::new(folder.path()))).expect("a store");
    (folder, store)
}

fn open_postgres(runtime: &Runtime, url: &str) -> Store {
    let options = PostgresOptions {
        connect: url.parse().expect("an address of a database"),
        connections: 2,
        patience: Duration::from_secs(10),
        pooler: Pooler::None,
        sharing: Sharing::Alone,
    };
    runtime.block_on(Store::open(StoreConfig::new(Place::Postgres(Box::new(options))))).expect("a store")
}

fn commit(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (_folder, store) = open(&runtime);
    commit_to(criterion, &runtime, "commit", store);
    if let Ok(url) = std::env::var("TRIPROOM_BENCH_DATABASE_URL") {
        let store = open_postgres(&runtime, &url);
        commit_to(criterion, &runtime, "commit to Postgres", store);
    }
}

fn commit_to(criterion: &mut Criterion, runtime: &Runtime, name: &str, store: Store) {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    for rows in [1_u32, 100, 5_000] {
        let mut logs: Vec<RoomLog> = (0..rows.min(50)).map(|n| store.log(&room(&format!("room {n}")))).collect();
        group.throughput(Throughput::Elements(rows.into()));
        group.bench_function(format!("{rows} rows of {ROW} bytes, append to durable"), |bencher| {
            bencher.iter_batched(
                || (0..rows).map(|_| Bytes::from(vec![7; ROW])).collect::<Vec<_>>(),
                |data| {
                    runtime.block_on(async {
                        let share = data.len() / logs.len();
                        for (log, rows) in logs.iter_mut().zip(data.chunks(share)) {
                            log.append(rows.iter().cloned()).expect("the budget is wide");
                        }
                        for log in &mut logs {
                            durable(log).await;
                        }
                    });
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    runtime.block_on(store.close()).expect("the store closes");
}

fn load(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (folder, store) = open(&runtime);
    runtime.block_on(async {
        let mut logs: Vec<RoomLog> = (0..100).map(|n| store.log(&room(&format!("room {n}")))).collect();
        // Interleaved, as rooms write: the rows of one are spread over the file.
        for _ in 0..1_000 {
            for log in &mut logs {
                log.append([Bytes::from(vec![7; ROW])]).expect("the budget is wide");
            }
        }
        for log in &mut logs {
            durable(log).await;
        }
    });
    let mut group = criterion.benchmark_group("load");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    let name = room("room 42");
    group.bench_function("a room of 1,000 rows among 100,000", |bencher| {
        bencher.iter(|| {
            let stored = runtime.block_on(store.load(&name)).expect("it loads");
            assert_eq!(black_box(stored).rows.len(), 1_000);
        });
    });
    group.bench_function("a room without anything", |bencher| {
        bencher.iter(|| runtime.block_on(store.load(&room("nothing"))).expect("it loads"));
    });
    runtime.block_on(store.close()).expect("the store closes");
    group.bench_function("open a store of 100,000 rows", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let store = Store::open(StoreConfig::new(folder.path())).await.expect("a store");
                assert_eq!(store.rooms_with_rows().len(), 100);
                store.close().await.expect("the store closes");
            });
        });
    });
    group.finish();
}

fn compact(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (_folder, store) = open(&runtime);
    let mut group = criterion.benchmark_group("compact");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    let name = room("room");
    let mut log = store.log(&name);
    let fold = |stored: StoredRoom| {
        let snapshot = stored.rows.iter().flat_map(|row| row.data.to_vec()).collect::<Vec<u8>>().into();
        Ok::<_, Infallible>(Folded { snapshot, folded: stored.rows.iter().map(|row| row.sequence).collect() })
    };
    group.bench_function("append 1,000 rows and fold them away", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                log.append((0..1_000).map(|_| Bytes::from(vec![7; ROW]))).expect("the budget is wide");
                durable(&mut log).await;
                store.compact(&name, fold).await.expect("it compacts")
            })
        });
    });
    group.finish();
    runtime.block_on(store.close()).expect("the store closes");
}

criterion_group!(benches, commit, load, compact);
criterion_main!(benches);
