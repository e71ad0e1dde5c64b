//! A child that appends, speaks, folds and deletes is killed at random moments, again and again: nothing that it called durable
//! is gone, and nothing that it called deleted is there, nor half of it.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use triproom::room::kept::{EventKind, EventSeq, NewEvent};
use triproom::store::{EventQuery, EventSpan, Folded, Store, StoreConfig, StoredRoom};

use crate::{durable, myself, room, row};

const FOLDER: &str = "STORE_KILL_FOLDER";
const FIRST_LIFE: &str = "STORE_KILL_FIRST_LIFE";

#[test]
fn nothing_acknowledged_is_lost() {
    let mut rng = seeded();
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..12 {
        let child = myself("kill::appends_until_it_is_killed", FOLDER, folder.path().as_os_str());
        for line in said_until_killed(child, &mut rng) {
            acknowledged = acknowledged_by(&line).unwrap_or(acknowledged);
        }
        let found = check(folder.path());
        assert!(found >= acknowledged, "round {round}: {acknowledged} rows were durable, {found} are there");
    }
}

#[test]
fn nothing_is_half_deleted() {
    let mut rng = seeded();
    let folder = tempfile::tempdir().unwrap();
    for round in 0..12 {
        let mut child = myself("kill::deletes_until_it_is_killed", FOLDER, folder.path().as_os_str());
        child.env(FIRST_LIFE, (round * 1_000_000).to_string());
        let said = said_until_killed(child, &mut rng);
        let (life, rows) = check_one_life(folder.path());
        println!("round {round}: {:?}, then {rows} rows of life {life} were there", said.last());
        // The last line may be cut short: what counts is the last whole one.
        let mut whole = said.iter().rev().map(|line| line.split(' ').collect::<Vec<_>>());
        let last = whole.find(|words| words.len() > 2 && words.last() == Some(&"."));
        let number = |word: &str| word.parse::<usize>().unwrap();
        match last.expect("the child has said something")[..] {
            // The deletion begins behind the last of these.
            ["durable", of, "60", "."] if rows == 0 => println!("{of} was just deleted"),
            ["durable", of, n, "."] => assert!(life == number(of) && rows >= number(n)),
            ["deleted", of, "."] => assert!(rows == 0 || life > number(of)),
            ref other => panic!("{other:?}"),
        }
    }
}

fn seeded() -> fastrand::Rng {
    let seed = std::env::var("STORE_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("STORE_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Lets a child say some lines, kills it, and gives all that it has said. The last line may be cut short.
fn said_until_killed(mut child: Command, rng: &mut fastrand::Rng) -> Vec<String> {
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // Before its own lines the test binary says some.
    let wait = rng.usize(5..150);
    let mut said: Vec<String> = lines.by_ref().take(wait).collect();
    assert_eq!(said.len(), wait, "the child ended by itself");
    // Commits go on while the signal is on its way; a busy wait of random length moves the moment.
    for _ in 0..rng.usize(0..200_000) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have said more before it died.
    said.extend(lines);
    said
}

/// A whole line of the child; the last one may be cut short.
fn acknowledged_by(line: &str) -> Option<usize> {
    line.strip_prefix("durable ")?.strip_suffix(" rows")?.parse().ok()
}

/// Checks that the rows are 0, 1, 2, … without a gap, and the events, too; gives how many rows there are that an event speaks of.
#[tokio::main(flavor = "current_thread")]
async fn check(folder: &std::path::Path) -> usize {
    let store = Store::open(StoreConfig::new(folder)).await.unwrap();
    let stored = store.load(&room("r")).await.unwrap();
    assert_eq!(stored.damaged, 0);
    let numbers = numbers(&stored);
    let expected: Vec<usize> = (0..numbers.len()).collect();
    assert_eq!(numbers, expected);
    let wanted = EventQuery {
        span: EventSpan::After(EventSeq(0)),
        kinds: vec![],
        origin: None,
        limit: u16::MAX.try_into().unwrap(),
    };
    let said = store.events(&room("r"), wanted).await.unwrap();
    let seqs: Vec<u64> = said.events.iter().map(|event| event.seq.0).collect();
    assert_eq!((seqs, stored.last_event), ((1..=said.last.0).collect(), said.last));
    let spoken_of = |body: &[u8]| std::str::from_utf8(body).unwrap().parse().unwrap();
    let rows = said.events.iter().map(|event| spoken_of(&event.body)).max().unwrap_or(0);
    assert!(rows <= numbers.len(), "an event speaks of {rows} rows, {} are there", numbers.len());
    store.close().await.unwrap();
    rows
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
    let store = Store::open(StoreConfig::new(PathBuf::from(folder))).await.unwrap();
    let r = room("r");
    let mut next = numbers(&store.load(&r).await.unwrap()).len();
    let mut log = store.log(&r);
    loop {
        let count = 1 + next % 40;
        log.append((next..next + count).map(|n| row(format!("{n};")))).unwrap();
        next += count;
        let (kind, body) = (EventKind::parse("chat.message").unwrap(), row(next.to_string()));
        log.append_event(NewEvent { at: SystemTime::now(), kind, origin: None, body }).unwrap();
        while log.heard_events() < log.appended_events() {
            log.changed().await;
        }
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

/// Which life's rows are there, and how many: all of one life, from its first on, without a gap.
#[tokio::main(flavor = "current_thread")]
async fn check_one_life(folder: &std::path::Path) -> (usize, usize) {
    let store = Store::open(StoreConfig::new(folder)).await.unwrap();
    let numbers = numbers(&store.load(&room("r")).await.unwrap());
    let first = numbers.first().copied().unwrap_or_default();
    assert_eq!(numbers, (first..first + numbers.len()).collect::<Vec<_>>());
    assert_eq!(first % 1_000, 0, "the first rows are gone");
    store.close().await.unwrap();
    (first / 1_000, numbers.len())
}

/// The other child: lives of a room, one after the other, each folded now and then. Row `n` of life `l` is 1000 l + n.
#[tokio::test]
async fn deletes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let first: usize = std::env::var(FIRST_LIFE).unwrap().parse().unwrap();
    let store = Store::open(StoreConfig::new(PathBuf::from(folder))).await.unwrap();
    let (r, mut out) = (room("r"), std::io::stdout());
    store.delete_room(&r).await.unwrap();
    for life in first.. {
        let mut log = store.log(&r);
        for rows in [20, 40, 60] {
            log.append((rows - 20..rows).map(|n| row(format!("{};", life * 1_000 + n)))).unwrap();
            durable(&mut log).await;
            writeln!(out, "durable {life} {rows} .").unwrap();
            let (store, r) = (store.clone(), r.clone());
            let compaction = tokio::spawn(async move { store.compact(&r, fold).await });
            if rows < 60 {
                compaction.await.unwrap().unwrap();
            }
        }
        log.append([row(format!("{};", life * 1_000 + 60))]).unwrap();
        store.delete_room(&r).await.unwrap();
        writeln!(out, "deleted {life} .").unwrap();
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
