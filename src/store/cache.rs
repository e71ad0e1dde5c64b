//! Snapshots in Redis, so that a room that was closed lately is opened without its snapshot being read from the database.
//! An entry's name says which snapshot it is: the room's number, which no other room ever gets, its generation, length
//! and checksum. The database says which of them is the present one, each time, so nothing that is found here can be
//! stale; what is found and is not that snapshot counts as nothing. Used by the Postgres reader. It must never make
//! anybody wait for long, and nothing is wrong when it is not there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::snapshot::Encoded;
use crate::bus::redis::{RedisConnection, RedisOptions};

/// Nobody waits longer for Redis than the database takes.
const PATIENCE: Duration = Duration::from_millis(100);
/// While Redis does not answer, it is not asked again before this.
const PAUSE: Duration = Duration::from_secs(1);

/// How snapshots are kept in Redis.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// The server.
    pub redis: RedisOptions,
    /// How long one stays.
    pub keep: Duration,
    /// Compressed bytes of the largest that is kept.
    pub snapshot_bytes: usize,
}

/// See the module. Clones share the connection.
#[derive(Debug, Clone)]
pub(super) struct SnapshotCache {
    options: Arc<CacheOptions>,
    connection: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    connection: Option<RedisConnection>,
    not_before: Option<Instant>,
}

/// Which snapshot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SnapshotName {
    /// `rooms.id`
    pub(super) room: i64,
    pub(super) generation: u64,
    pub(super) checksum: u32,
    pub(super) raw_length: u64,
}

impl SnapshotCache {
    pub(super) fn new(options: CacheOptions) -> Self {
        Self { options: Arc::new(options), connection: Arc::default() }
    }

    /// The compressed snapshot of this name, if it is there.
    pub(super) async fn get(&self, name: &SnapshotName) -> Option<Vec<u8>> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(name));
        let data: Option<Vec<u8>> = self.run(command).await?;
        let encoded = Encoded { checksum: name.checksum, raw_length: name.raw_length, data: data? };
        // Another program may use the same names.
        let is_whole = encoded.data.len() <= self.options.snapshot_bytes && encoded.decode().is_ok();
        is_whole.then_some(encoded.data)
    }

    /// Keeps a snapshot for a while. Nobody waits for it.
    pub(super) fn put(&self, name: SnapshotName, data: &[u8]) {
        if data.len() > self.options.snapshot_bytes {
            return;
        }
        let mut command = redis::cmd("SET");
        command.arg(self.key(&name)).arg(data).arg("PX").arg(self.options.keep.as_millis().max(1).to_string());
        let cache = self.clone();
        tokio::spawn(async move { cache.run::<()>(command).await });
    }

    fn key(&self, name: &SnapshotName) -> String {
        let SnapshotName { room, generation, checksum, raw_length } = name;
        format!("{}snapshot:{room}:{generation}:{raw_length}:{checksum:08x}", self.options.redis.prefix)
    }

    async fn run<T: redis::FromRedisValue>(&self, command: redis::Cmd) -> Option<T> {
        let connection = timeout(PATIENCE, self.connection()).await.ok()??;
        match timeout(PATIENCE, connection.run(command)).await {
            Ok(Ok(answer)) => Some(answer),
            failed => {
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "snapshots cannot be kept in Redis");
                }
                *self.connection.lock().await = State { connection: None, not_before: Some(Instant::now() + PAUSE) };
                None
            }
        }
    }

    async fn connection(&self) -> Option<RedisConnection> {
        let mut state = self.connection.lock().await;
        if state.connection.is_none() && state.not_before.is_none_or(|time| time <= Instant::now()) {
            // Whoever comes meanwhile does without.
            state.not_before = Some(Instant::now() + PAUSE);
            let (options, cache) = (Arc::clone(&self.options), self.clone());
            tokio::spawn(async move {
                if let Ok(connection) = options.redis.connect().await {
                    cache.connection.lock().await.connection = Some(connection);
                }
            });
        }
        state.connection.clone()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("connected", &self.connection.is_some()).finish_non_exhaustive()
    }
}
