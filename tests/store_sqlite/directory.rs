//! The directory's file: opened by several processes at once, of another version, not there, readable by its owner alone.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};
use triproom::store::directory::{Created, Directory, RoomSettings};
use triproom::store::{Store, StoreConfig, StoreError};

use crate::{myself, room, texts, write_numbers};

const DATABASE: &str = "triproom.sqlite";

async fn connect(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join(DATABASE)).create_if_missing(true);
    options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap()
}

/// A database as the first release made it.
async fn first_release(folder: &Path) {
    let sql = include_str!("../../migrations/sqlite/0001_store.sql").into_sql_str();
    let migration = Migration::new(1, "store".into(), MigrationType::Simple, sql, false);
    let mut file = connect(folder).await;
    Migrator::with_migrations(vec![migration]).run(&mut file).await.unwrap();
    // One row, with the checksum that its place and its bytes have.
    sqlx::query("INSERT INTO rooms VALUES (1, 'r', 0)").execute(&mut file).await.unwrap();
    let mut hasher = crc32fast::Hasher::new();
    for part in [&1_u64.to_le_bytes()[..], &1_u64.to_le_bytes(), b"old"] {
        hasher.update(part);
    }
    let insert = sqlx::query("INSERT INTO log VALUES (1, 1, ?, ?)").bind(hasher.finalize()).bind(&b"old"[..]);
    insert.execute(&mut file).await.unwrap();
    file.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_the_first_release() {
    let folder = tempfile::tempdir().unwrap();
    first_release(folder.path()).await;
    let Err(error) = Directory::open_read_only(folder.path()).await else { panic!("it opened") };
    assert!(matches!(error, StoreError::OlderSchema { .. }), "{error}");
    assert!(error.to_string().contains("triproom migrate"), "{error}");
    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    assert_eq!(texts(&store.load(&room("r")).await.unwrap()), ["old"]);
    assert_eq!(store.directory().all_rooms(None, 10).await.unwrap().len(), 1);
    store.close().await.unwrap();

    // A command line may be the first to bring it up to date, while a server of the first release has it.
    let folder = tempfile::tempdir().unwrap();
    first_release(folder.path()).await;
    let mut server = connect(folder.path()).await;
    let directory = Directory::open(folder.path()).await.unwrap();
    assert_eq!(directory.create_room(&room("s"), RoomSettings::default(), None, None).await.unwrap(), Created::Made);
    directory.close().await;
    sqlx::query("INSERT INTO log VALUES (2, 1, 0, x'00')").execute(&mut server).await.unwrap();
    server.close().await.unwrap();
}

/// Brings it up to date from version 7, the last one that kept the snapshot before the present one.
#[tokio::test]
async fn a_database_that_kept_two_snapshots_of_a_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = connect(folder.path()).await;
    let all = Migrator::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite"))).await.unwrap();
    let old = all.iter().filter(|migration| migration.version <= 7).cloned().collect();
    Migrator::with_migrations(old).run(&mut file).await.unwrap();
    sqlx::query("INSERT INTO rooms VALUES (1, 'r', 0)").execute(&mut file).await.unwrap();
    for (insert, generation, state) in [
        ("INSERT INTO older_snapshots VALUES (1, ?, ?, ?, ?, 0)", 1, "first"),
        ("INSERT INTO snapshots VALUES (1, ?, ?, ?, ?, 0)", 2, "second"),
    ] {
        sqlx::query(insert)
            .bind(generation)
            .bind(crc32fast::hash(state.as_bytes()))
            .bind(i64::try_from(state.len()).unwrap())
            .bind(zstd::bulk::compress(state.as_bytes(), 3).unwrap())
            .execute(&mut file)
            .await
            .unwrap();
    }
    file.close().await.unwrap();

    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    write_numbers(&store, "r", 2).await;
    let stored = store.load(&room("r")).await.unwrap();
    assert_eq!(
        (stored.snapshot.as_deref(), texts(&stored)),
        (Some(&b"second"[..]), vec!["0".to_owned(), "1".to_owned()])
    );
    store.close().await.unwrap();
    let mut file = connect(folder.path()).await;
    let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'older_snapshots'";
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut file).await.unwrap(), 0);
    file.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_later_release() {
    let folder = tempfile::tempdir().unwrap();
    Directory::open(folder.path()).await.unwrap().close().await;
    let mut file = connect(folder.path()).await;
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                  VALUES (9999, 'tomorrow', TRUE, x'00', 0)";
    sqlx::query(insert).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
    for opened in [Directory::open(folder.path()).await, Directory::open_read_only(folder.path()).await] {
        let Err(error) = opened else { panic!("it opened") };
        assert!(matches!(error, StoreError::NewerSchema { version: 9999, .. }), "{error}");
    }
}

#[tokio::test]
async fn looking_makes_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = Directory::open_read_only(folder.path()).await else { panic!("it opened") };
    assert!(matches!(error, StoreError::NoDatabase { .. }), "{error}");
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let store = Store::open(StoreConfig::new(folder.path())).await.unwrap();
    store.directory().create_room(&room("r"), RoomSettings::default(), None, None).await.unwrap();
    let looking = Directory::open_read_only(folder.path()).await.unwrap();
    assert!(looking.roster(&room("r")).await.unwrap().is_some());
    let refused = looking.create_room(&room("s"), RoomSettings::default(), None, None).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
    store.directory().create_room(&room("t"), RoomSettings::default(), None, None).await.unwrap();
    assert_eq!(looking.all_rooms(None, 10).await.unwrap().len(), 2);
    looking.close().await;
    store.close().await.unwrap();
}

#[tokio::test]
async fn nobody_else_reads_the_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    Directory::open(&data).await.unwrap().secret("tickets").await.unwrap();
    let store = Store::open(StoreConfig::new(&data)).await.unwrap();
    write_numbers(&store, "r", 1).await;
    for file in [DATABASE, "triproom.sqlite-wal", "triproom.sqlite-shm"] {
        let mode = std::fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    store.close().await.unwrap();
}

/// A server and several command lines, all at once, in a folder that is not there yet.
#[test]
fn everybody_opens_at_once() {
    for _ in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let start = |part: &str| {
            let mut command = myself("directory::opens_with_the_others", "STORE_TOGETHER_FOLDER", data.as_os_str());
            command.env("STORE_TOGETHER_PART", part).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = ["server", "a", "b", "c", "d"].map(start).into();
        let mut secrets = Vec::new();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
            secrets.push(said.lines().find_map(|line| line.split_once("secret ")).expect("a secret").1.to_owned());
        }
        secrets.dedup();
        assert_eq!(secrets.len(), 1, "{secrets:?}");
    }
}

/// One of the processes of the test above.
#[tokio::test]
async fn opens_with_the_others() {
    let Some(folder) = std::env::var_os("STORE_TOGETHER_FOLDER") else { return };
    let part = std::env::var("STORE_TOGETHER_PART").unwrap();
    let secret = if part == "server" {
        let store = Store::open(StoreConfig::new(PathBuf::from(folder))).await.unwrap();
        write_numbers(&store, "r", 20).await;
        let secret = store.directory().secret("tickets").await.unwrap();
        store.close().await.unwrap();
        secret
    } else {
        let directory = Directory::open(Path::new(&folder)).await.unwrap();
        directory.create_room(&room(&part), RoomSettings::default(), None, None).await.unwrap();
        let secret = directory.secret("tickets").await.unwrap();
        directory.close().await;
        secret
    };
    println!("secret {secret:?}");
}

/// The same in one process, where they meet more closely: SQLite gives up at once on some of these meetings.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_file_meets_many_at_once() {
    for round in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        let mut openers = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let data = folder.path().join("data");
            openers.spawn(async move { Directory::open(&data).await.map(drop) });
        }
        for opened in openers.join_all().await {
            opened.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
}
