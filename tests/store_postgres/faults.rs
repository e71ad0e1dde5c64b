//! A server that does not answer, and one that cuts connections.

use std::process::Command;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use triproom::store::StoreError;
use triproom::store::directory::{Created, RoomSettings};

use crate::database::TestDatabase;
use crate::house::{append, durable, open, room, text, until_failing};

/// Short, so that a test need not be patient.
const PATIENCE: Duration = Duration::from_secs(1);
/// By then a fault must have been called one, on a slow machine, too.
const BY_THEN: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(10);

/// All connections to the database but this one.
async fn others(operator: &mut PgConnection) -> Vec<i32> {
    let query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query_scalar(query).fetch_all(operator).await.unwrap()
}

async fn kill_others(operator: &mut PgConnection) {
    sqlx::query("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid")
        .bind(others(operator).await)
        .execute(operator)
        .await
        .unwrap();
}

/// Processes of the server that stand still until this goes.
struct Frozen(Vec<i32>);

impl Frozen {
    fn new(processes: Vec<i32>) -> Self {
        signal("-STOP", &processes);
        Self(processes)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, processes: &[i32]) {
    let ids = processes.iter().map(ToString::to_string);
    assert!(Command::new("kill").arg(signal).args(ids).status().unwrap().success(), "Postgres runs on this machine");
}

async fn rows(operator: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM log").fetch_one(operator).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waits_for_a_lock_is_a_fault_in_time() {
    let database = TestDatabase::create_local().await;
    let store = open(&database, PATIENCE).await;
    let mut log = store.log(&room("r"));
    append(&mut log, "before;");
    durable(&mut log).await;
    let mut operator = database.connect().await;
    let mut lock = operator.begin().await.unwrap();
    sqlx::query("LOCK TABLE log IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    append(&mut log, "during;");
    timeout(BY_THEN, until_failing(&store)).await.expect("the fault is called one");
    let load = timeout(BY_THEN, store.load(&room("r"))).await.expect("reading has an end, too");
    assert!(matches!(load, Err(StoreError::TimedOut { .. } | StoreError::Database(_))), "{load:?}");
    lock.rollback().await.unwrap();
    durable(&mut log).await;
    assert_eq!(text(&store.load(&room("r")).await.unwrap()), "before;during;");
    assert_eq!(rows(&mut operator).await, 2);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_frozen_is_a_fault_in_time() {
    let database = TestDatabase::create_local().await;
    let store = open(&database, PATIENCE).await;
    let (directory, r) = (store.directory(), room("r"));
    let mut log = store.log(&r);
    append(&mut log, "before;");
    durable(&mut log).await;
    directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap();
    let mut operator = database.connect().await;
    let frozen = Frozen::new(others(&mut operator).await);
    append(&mut log, "during;");
    let answers = timeout(BY_THEN, async {
        // Those who leave must not take the connection with them.
        drop(timeout(Duration::ZERO, directory.roster(&r)).await);
        tokio::join!(directory.roster(&r), directory.roster(&r), until_failing(&store))
    });
    let (one, other, ()) = answers.await.expect("the fault is called one");
    for answer in [one, other] {
        // A connection that is new meanwhile answers.
        assert!(matches!(answer, Ok(Some(_)) | Err(StoreError::TimedOut { .. })), "{answer:?}");
    }
    // It connects anew meanwhile, and does not wait for those that are frozen.
    timeout(BY_THEN, durable(&mut log)).await.expect("it is written by another connection");
    assert!(timeout(BY_THEN, directory.roster(&r)).await.expect("no connection is waited for").unwrap().is_some());
    drop(frozen);
    assert_eq!(text(&store.load(&r).await.unwrap()), "before;during;");
    assert_eq!(rows(&mut operator).await, 2);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_at_any_moment_cost_nothing_and_double_nothing() {
    let database = TestDatabase::create_local().await;
    let store = open(&database, LONG).await;
    let (directory, r) = (store.directory(), room("r"));
    directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap();
    let killer = tokio::spawn({
        let mut operator = database.connect().await;
        async move {
            for _ in 0..40 {
                kill_others(&mut operator).await;
                // Somebody connects again before the next blow.
                while others(&mut operator).await.is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    let mut log = store.log(&r);
    let (mut expected, mut made) = (String::new(), Vec::new());
    for n in 0.. {
        let next = format!("{n};");
        expected += &next;
        append(&mut log, next);
        assert!(directory.roster(&r).await.unwrap().is_some(), "a read is tried again");
        let other = room(&format!("other {n}"));
        // Only of a commit it may stay open whether it was made.
        match directory.create_room(&other, RoomSettings::default(), None, None).await {
            Ok(created) => {
                assert_eq!(created, Created::Made, "no write is made twice");
                made.push(other);
            }
            Err(error) => assert!(matches!(error, StoreError::Database(_)), "{error}"),
        }
        durable(&mut log).await;
        if killer.is_finished() {
            break;
        }
    }
    killer.await.unwrap();
    let stored = store.load(&r).await.unwrap();
    assert_eq!(text(&stored), expected);
    for other in &made {
        assert!(directory.roster(other).await.unwrap().is_some());
    }
    store.close().await.unwrap();
}
