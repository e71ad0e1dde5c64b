//! Random sessions from a seed: updates, events, faults, loads, compactions, deletions, restarts. Nothing acknowledged is ever lost, nothing
//! comes twice, order holds. `STORE_SEED=n` replays one.

use std::collections::HashMap;

use triproom::room::kept::EventSeq;
use triproom::store::{Compaction, EventSpan, Fault, RoomLog, Store, StoreConfig, StoreError};

use crate::compaction::join;
use crate::events::{bodies, chat, page};
use crate::house::{House, append, durable, room, texts};

pub(crate) async fn random_sessions<H: House>(_: H) {
    let given = std::env::var("STORE_SEED").ok().map(|seed| seed.parse().expect("STORE_SEED is a number"));
    let seeds: Vec<u64> = given.map_or_else(|| (0..6).map(|_| fastrand::u64(..)).collect(), |seed| vec![seed]);
    for seed in seeds {
        println!("STORE_SEED={seed}");
        session(H::build().await, fastrand::Rng::with_seed(seed)).await;
    }
}

async fn session<H: House>(house: H, mut rng: fastrand::Rng) {
    let config = StoreConfig { commit_rows: rng.usize(1..50), ..house.config() };
    let mut store = Store::open(config.clone()).await.unwrap();
    let mut logs: HashMap<usize, RoomLog> = HashMap::new();
    let mut written: HashMap<usize, String> = HashMap::new();
    let mut said: HashMap<usize, Vec<String>> = HashMap::new();
    let faults = [Fault::None, Fault::None, Fault::BeforeCommit, Fault::AfterCommit, Fault::Stall];
    for n in 0..400 {
        let which = rng.usize(0..5);
        let name = room(&format!("room {which}"));
        match rng.u32(0..100) {
            0..=19 => {
                let log = logs.entry(which).or_insert_with(|| store.log(&name));
                log.append_event(chat(n.to_string())).unwrap();
                said.entry(which).or_default().push(n.to_string());
            }
            20..=69 => {
                let log = logs.entry(which).or_insert_with(|| store.log(&name));
                append(log, format!("{n};"));
                written.entry(which).or_default().extend([n.to_string().as_str(), ";"]);
            }
            70..=77 => house.fault().set(faults[rng.usize(..faults.len())]),
            78..=83 => {
                house.fault().set(Fault::None);
                if let Some(log) = logs.get_mut(&which) {
                    durable(log).await;
                }
            }
            84..=90 => {
                // Under a stall it would wait until the stall is over, as it should.
                house.fault().set(faults[rng.usize(..4)]);
                match store.compact(&name, join).await {
                    Ok(Compaction::Done { .. }) | Err(StoreError::Injected("before") | StoreError::Failing { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
            91..=93 => drop(logs.remove(&which)),
            94..=95 => {
                house.fault().set(faults[rng.usize(..4)]);
                match store.delete_room(&name).await {
                    Ok(()) => drop((written.remove(&which), said.remove(&which), logs.remove(&which))),
                    Err(StoreError::Injected("before") | StoreError::Failing { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            96..=97 => assert_eq!(state(&store, which).await, written.get(&which).cloned().unwrap_or_default()),
            _ => {
                house.fault().set(Fault::None);
                logs.clear();
                store.close().await.unwrap();
                store = Store::open(config.clone()).await.unwrap();
            }
        }
        tokio::task::yield_now().await;
    }
    house.fault().set(Fault::None);
    store.close().await.unwrap();
    let store = house.open().await;
    for which in 0..5 {
        assert_eq!(state(&store, which).await, written.get(&which).cloned().unwrap_or_default());
        let stored = store.load(&room(&format!("room {which}"))).await.unwrap();
        assert_eq!(store.row_count(&room(&format!("room {which}"))), stored.rows.len());
        let events = page(&store, &room(&format!("room {which}")), EventSpan::After(EventSeq(0)), u16::MAX).await;
        let said = said.remove(&which).unwrap_or_default();
        assert_eq!((events.first, events.last.0, stored.last_event), (EventSeq(1), said.len() as u64, events.last));
        assert_eq!(bodies(&events), said);
    }
    store.close().await.unwrap();
}

async fn state(store: &Store, which: usize) -> String {
    let stored = store.load(&room(&format!("room {which}"))).await.unwrap();
    let snapshot = String::from_utf8(stored.snapshot.clone().unwrap_or_default().to_vec()).unwrap();
    snapshot + &texts(&stored).concat()
}
