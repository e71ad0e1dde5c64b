//! The options that make a server one of many nodes.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{at_least_a_second, bytes, duration};
use crate::bus::redis::{BadRedisUrl, RedisOptions};
use crate::room::region::Region;
use crate::store::CacheOptions;

/// How this server works together with others.
#[derive(Debug, Clone, Args)]
pub struct NodesConfig {
    /// Redis server that carries messages between nodes, as `redis://user:password@host:6379` (rediss:// with TLS); takes a database
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = redis, value_name = "URL")]
    pub redis_url: Option<RedisUrl>,
    /// What the names of all channels and keys in Redis begin with
    #[arg(long, env = "TRIPROOM_REDIS_PREFIX", default_value = "triproom:", value_name = "TEXT")]
    pub redis_prefix: String,
    /// File with the certificate, in PEM, of the authority that signed the one of the Redis server; otherwise the system's count
    #[arg(long, env = "TRIPROOM_REDIS_CA", value_name = "FILE")]
    pub redis_ca: Option<PathBuf>,
    /// How long Redis may take to answer before the connection is replaced
    #[arg(long, env = "TRIPROOM_REDIS_TIMEOUT", default_value = "2s", value_parser = at_least_a_second, value_name = "TIME")]
    pub redis_timeout: Duration,
    /// Bytes that may wait to be sent to Redis; beyond, messages are lost and nodes compare their documents instead
    #[arg(long, env = "TRIPROOM_REDIS_QUEUE", default_value = "16MiB", value_name = "SIZE")]
    pub redis_queue: ByteSize,
    /// How long the snapshot of a room that was closed stays in Redis; 0s keeps none there
    #[arg(long, env = "TRIPROOM_REDIS_KEEP", default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub redis_keep: Duration,
    /// Bytes of the largest snapshot, compressed, that is kept in Redis
    #[arg(long, env = "TRIPROOM_REDIS_SNAPSHOT", default_value = "4MiB", value_name = "SIZE")]
    pub redis_snapshot: ByteSize,
    /// What `/readyz` says while messages between nodes do not arrive
    #[arg(long, env = "TRIPROOM_WITHOUT_REDIS", value_enum, default_value = "unready", value_name = "STATE")]
    pub without_redis: WithoutRedis,
    /// Where this node is; others and the bootstrap of rooms name it
    #[arg(long, env = "TRIPROOM_REGION", value_name = "NAME")]
    pub region: Option<Region>,
}

/// What a node that hears no other one says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WithoutRedis {
    /// It is not ready: clients are better sent to others.
    Unready,
    /// It is ready: what its clients write is saved, and others see it later.
    Ready,
}

/// An address of a Redis server. Shows no password, nor does an error about it.
#[derive(Clone)]
pub struct RedisUrl(Result<Box<RedisOptions>, BadRedisUrl>);

/// Why the other nodes cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// See there.
    #[error("REDIS_URL: {0}")]
    Url(#[from] BadRedisUrl),
    /// The file cannot be read.
    #[error("--redis-ca {file}: {source}")]
    Authority {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is of another kind.
    #[error("--redis-ca {file}: there is no certificate in PEM in it")]
    NoCertificate {
        /// Which.
        file: PathBuf,
    },
    /// Nodes share what they keep.
    #[error("REDIS_URL is for nodes that share a database: set DATABASE_URL, too")]
    NoDatabase,
}

impl NodesConfig {
    /// How Redis is reached, if there is to be one.
    pub fn redis(&self) -> Result<Option<RedisOptions>, NodesError> {
        let Some(RedisUrl(options)) = &self.redis_url else { return Ok(None) };
        let mut options = *options.clone()?;
        options.prefix.clone_from(&self.redis_prefix);
        options.patience = self.redis_timeout;
        options.queue_bytes = bytes(self.redis_queue);
        if let Some(file) = &self.redis_ca {
            let read = std::fs::read(file);
            let certificate = read.map_err(|source| NodesError::Authority { file: file.clone(), source })?;
            if !matches!(CertificateDer::pem_slice_iter(&certificate).next(), Some(Ok(_))) {
                return Err(NodesError::NoCertificate { file: file.clone() });
            }
            options.authority = Some(certificate);
        }
        Ok(Some(options))
    }
}

impl NodesConfig {
    /// How snapshots are kept on this server, if they are.
    pub fn cache(&self, redis: &RedisOptions) -> Option<CacheOptions> {
        let (keep, snapshot_bytes) = (self.redis_keep, bytes(self.redis_snapshot));
        (!keep.is_zero()).then(|| CacheOptions { redis: redis.clone(), keep, snapshot_bytes })
    }
}

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// Takes whatever it is: what the parser refuses it shows, and here is a password in it.
#[expect(clippy::unnecessary_wraps, reason = "the parser of options wants it")]
fn redis(text: &str) -> Result<RedisUrl, String> {
    Ok(RedisUrl(RedisOptions::new(text).map(Box::new)))
}
