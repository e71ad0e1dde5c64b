//! A child that appends and folds is killed at random moments, again and again: nothing that it called durable is gone.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use triproom::store::{Folded, Store, StoreConfig, StoredRoom};

use crate::{durable, myself, room, row};

const FOLDER: &str = "STORE_KILL_FOLDER";

#[test]
fn nothing_acknowledged_is_lost() {
    let seed = std::env::var("STORE_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("STORE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..12 {
        let mut child = myself("kill::appends_until_it_is_killed", FOLDER, folder.path().as_os_str())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut wait = rng.usize(1..150);
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(n) = acknowledged_by(&line) {
                acknowledged = n;
                wait -= 1;
                if wait == 0 {
                    break;
                }
            }
        }
        assert_eq!(wait, 0, "round {round}: the child ended by itself");
        // Commits go on while the signal is on its way; a busy wait of random length moves the moment.
        for _ in 0..rng.usize(0..200_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // It may have said more before it died.
        for line in lines.map_while(Result::ok) {
            acknowledged = acknowledged_by(&line).unwrap_or(acknowledged);
        }
        let found = check(folder.path());
        assert!(found >= acknowledged, "round {round}: {acknowledged} rows were durable, {found} are there");
    }
}

/// A whole line of the child; the last one may be cut short.
fn acknowledged_by(line: &str) -> Option<usize> {
    line.strip_prefix("durable ")?.strip_suffix(" rows")?.parse().ok()
}

/// Counts the rows and checks that they are 0, 1, 2, … without a gap.
#[tokio::main(flavor = "current_thread")]
async fn check(folder: &std::path::Path) -> usize {
    let store = Store::open(StoreConfig::new(folder)).await.unwrap();
    let stored = store.load(&room("r")).await.unwrap();
    assert_eq!(stored.damaged, 0);
    let numbers = numbers(&stored);
    let expected: Vec<usize> = (0..numbers.len()).collect();
    assert_eq!(numbers, expected);
    store.close().await.unwrap();
    numbers.len()
}

fn numbers(stored: &StoredRoom) -> Vec<usize> {
    let mut text = stored.snapshot.clone().unwrap_or_default().to_vec();
    for row in &stored.rows {
        text.extend_from_slice(&row.data);
    }
    String::from_utf8(text).unwrap().split_terminator(';').map(|n| n.parse().unwrap()).collect()
}

/// The child. Prints how many rows are durable since the store was made, ever more, until it is killed.
#[tokio::test]
async fn appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Store::open(StoreConfig::new(folder)).await.unwrap();
    let r = room("r");
    let mut next = numbers(&store.load(&r).await.unwrap()).len();
    let mut log = store.log(&r);
    loop {
        let count = 1 + next % 40;
        log.append((next..next + count).map(|n| row(format!("{n};")))).unwrap();
        next += count;
        durable(&mut log).await;
        let mut out = std::io::stdout();
        writeln!(out, "durable {next} rows").unwrap();
        out.flush().unwrap();
        if store.row_count(&r) > 300 {
            let store = store.clone();
            let r = r.clone();
            // Not awaited: kills shall meet appends and a compaction at the same time.
            tokio::spawn(async move { store.compact(&r, fold).await });
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a fold may fail")]
fn fold(stored: StoredRoom) -> Result<Folded, Infallible> {
    let mut snapshot = stored.snapshot.unwrap_or_default().to_vec();
    for row in &stored.rows {
        snapshot.extend_from_slice(&row.data);
    }
    Ok(Folded { snapshot: snapshot.into(), folded: stored.rows.iter().map(|row| row.sequence).collect() })
}
