//! Broken, foreign and newer files; a folder that is taken or cannot be made.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use triproom::store::{LogPosition, Place, ReadOnlyStore, Store, StoreConfig, StoreError, StoreHealth};

use crate::{durable, myself, room, row, texts, write_numbers};

const DATABASE: &str = "triproom.sqlite";
const WAL: &str = "triproom.sqlite-wal";

async fn refused(folder: &Path) -> StoreError {
    match Store::open(StoreConfig::new(folder)).await {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    let error = refused(folder.path()).await;
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    let other = myself("files::opens_the_folder_it_is_given", "STORE_OTHER_FOLDER", folder.path().as_os_str());
    let answer = output(other).await;
    assert!(answer.contains("is in use by another process"), "{answer}");
    store.close().await.unwrap();
    let again = myself("files::opens_the_folder_it_is_given", "STORE_OTHER_FOLDER", folder.path().as_os_str());
    assert!(output(again).await.contains("opened"));
}

/// The other process of the test above.
#[tokio::test]
async fn opens_the_folder_it_is_given() {
    let Some(folder) = std::env::var_os("STORE_OTHER_FOLDER") else { return };
    match Store::open(StoreConfig::new(PathBuf::from(folder))).await {
        Ok(store) => {
            println!("opened");
            store.close().await.unwrap();
        }
        Err(error) => println!("{error}"),
    }
}

/// Runs a command to its end on a thread that may wait, and gives what it printed.
async fn output(mut command: std::process::Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_folder_that_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = refused(&file.join("data")).await;
    assert!(matches!(error, StoreError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("file/data") && error.to_string().contains("check that"), "{error}");
}

#[tokio::test]
async fn folders_are_made_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    Store::open(StoreConfig::new(&deep)).await.unwrap().close().await.unwrap();
    assert!(deep.join(DATABASE).exists());
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let garbage: Vec<u8> = (0..40_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(folder.path().join(DATABASE), &garbage).unwrap();
    let error = refused(folder.path()).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(".recover"), "{error}");
    assert_eq!(fs::read(folder.path().join(DATABASE)).unwrap(), garbage, "it is left as it was");
}

#[tokio::test]
async fn a_database_that_lost_its_pages() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    let mut log = store.log(&room("r"));
    log.append((0..2_000).map(|n| crate::row(format!("{n} {}", "x".repeat(100))))).unwrap();
    store.close().await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join(DATABASE)).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xa5; (length / 2) as usize], length / 2).unwrap();
    let error = refused(folder.path()).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_database_of_a_later_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    write_numbers(&store, "r", 1).await;
    store.close().await.unwrap();
    let mut file = SqliteConnectOptions::new().filename(folder.path().join(DATABASE)).connect().await.unwrap();
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                  VALUES (9999, 'tomorrow', TRUE, x'00', 0)";
    sqlx::query(insert).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
    let error = refused(folder.path()).await;
    assert!(matches!(error, StoreError::NewerSchema { version: 9999, .. }), "{error}");
}

/// A crash leaves the write-ahead log with a half-written end: what was committed before it is all there.
#[tokio::test]
async fn a_write_ahead_log_with_a_broken_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    write_numbers(&store, "r", 60).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (database, wal) = (fs::read(folder.path().join(DATABASE)).unwrap(), fs::read(folder.path().join(WAL)).unwrap());
    assert!(wal.len() > 100_000, "the rows are in the write-ahead log");
    let mut shortest = 60;
    for round in 0..30 {
        let copy = tempfile::tempdir().unwrap();
        let mut wal = wal.clone();
        if round > 0 {
            // Cut somewhere in the last fifth, or scribbled over from there on: what is before it are tables, and then rows.
            let from = rng.usize(wal.len() * 4 / 5..wal.len());
            if rng.bool() {
                wal.truncate(from);
            } else {
                wal[from..].fill_with(|| rng.u8(..));
            }
        }
        fs::write(copy.path().join(DATABASE), &database).unwrap();
        fs::write(copy.path().join(WAL), &wal).unwrap();
        let store = Store::open(StoreConfig::new(copy.path())).await.unwrap();
        let stored = store.load(&room("r")).await.unwrap();
        let expected: Vec<String> = (0..stored.rows.len()).map(|n| n.to_string()).collect();
        assert_eq!((texts(&stored), stored.damaged), (expected, 0));
        assert!(stored.rows.len() >= 30, "only {} rows", stored.rows.len());
        assert!(round > 0 || stored.rows.len() == 60);
        shortest = shortest.min(stored.rows.len());
        // And it goes on from there.
        write_numbers(&store, "s", 3).await;
        store.close().await.unwrap();
    }
    assert!(shortest < 60, "no round broke anything");
    store.close().await.unwrap();
}

/// Somebody wrote to the file behind the lock's back: our rows are neither lost to theirs nor written over them.
#[tokio::test]
async fn a_foreign_row_in_our_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    let mut foreign = SqliteConnectOptions::new().filename(folder.path().join(DATABASE)).connect().await.unwrap();
    sqlx::query("INSERT INTO log VALUES (2, 77, 0, x'00')").execute(&mut foreign).await.unwrap();
    let (mut log, mut health) = (store.log(&room("r")), store.health());
    log.append(["a", "b", "c"].map(crate::row)).unwrap();
    let says_so = |health: &StoreHealth| matches!(health, StoreHealth::Failing { error, .. } if error.contains("another process"));
    health.wait_for(says_so).await.unwrap();
    assert_eq!((texts(&store.load(&room("r")).await.unwrap()).len(), log.durable()), (3, LogPosition(0)));
    sqlx::query("DELETE FROM log WHERE seq = 2").execute(&mut foreign).await.unwrap();
    foreign.close().await.unwrap();
    crate::durable(&mut log).await;
    assert_eq!(texts(&store.load(&room("r")).await.unwrap()), ["a", "b", "c"]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn whoever_looks_waits_for_nobody_who_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    write_numbers(&store, "r", 3).await;
    let mut other = SqliteConnectOptions::new().filename(folder.path().join(DATABASE)).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let looking = tokio::time::timeout(Duration::from_secs(2), ReadOnlyStore::open(&place));
    let looking = looking.await.expect("reading takes no lock").unwrap();
    assert_eq!(texts(&looking.load(&room("r")).await.unwrap()), ["0", "1", "2"]);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_closed_is_as_long_as_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    let mut log = store.log(&room("long"));
    log.append([row("x".repeat(4 << 20))]).unwrap();
    durable(&mut log).await;
    write_numbers(&store, "short", 1).await;
    store.delete_room(&room("long")).await.unwrap();
    store.close().await.unwrap();
    let length = fs::metadata(folder.path().join(DATABASE)).unwrap().len();
    assert!(length < 128 << 10, "{length} bytes");
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    assert_eq!(texts(&store.load(&room("short")).await.unwrap()), ["0"]);
    store.close().await.unwrap();
}
