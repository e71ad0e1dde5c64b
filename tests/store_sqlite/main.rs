//! What only the SQLite store has to stand: its files, its folder, the disk under it, and a kill at any moment.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod directory;
mod disk;
mod files;
mod kill;

use bytes::Bytes;
use triproom::room::id::RoomId;
use triproom::store::{RoomLog, Store, StoredRoom};

fn room(name: &str) -> RoomId {
    RoomId::parse(name, 4096).unwrap()
}

fn row(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

fn texts(stored: &StoredRoom) -> Vec<String> {
    stored.rows.iter().map(|row| String::from_utf8(row.data.to_vec()).unwrap()).collect()
}

async fn durable(log: &mut RoomLog) {
    while log.durable() < log.appended() {
        log.changed().await;
    }
}

/// Appends `count` numbered rows, one commit each, and waits for them.
async fn write_numbers(store: &Store, name: &str, count: usize) {
    let mut log = store.log(&room(name));
    for n in 0..count {
        log.append([row(n.to_string())]).unwrap();
        durable(&mut log).await;
    }
}

/// Calls this test binary again for one test of its own, with one more variable.
fn myself(test: &str, variable: &str, value: &std::ffi::OsStr) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}
