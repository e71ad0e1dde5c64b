//! The public keys of whoever issues tokens (RFC 7517): read from an address or a file, kept, and read again.
//! `jwt` takes keys from here. One task does all reading, so there is never more than one question under way. What it
//! cannot read anew goes on serving as it was.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::{Notify, watch};

use super::http::{self, AskError};
use super::options::{JwtOptions, KeySetSource};

/// A key set may have so many bytes.
const BYTES: usize = 1 << 20;

/// A key and the one algorithm that it verifies.
pub(super) struct PublicKey {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// See the module.
pub(super) struct KeySet {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
    pause: Duration,
}

/// What is known after a number of readings.
#[derive(Clone)]
struct Known {
    keys: Arc<[Arc<PublicKey>]>,
    /// When the last reading ended, well or not.
    read_at: Instant,
    /// Whether it failed.
    failed: bool,
}

/// Why no key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has no such key, as far as is known.
    Unknown,
    /// It may have, but it cannot be asked.
    IssuerDown,
}

/// Why a key set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The issuer does not answer as it should.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Nobody can be asked: the system's TLS roots, most likely.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
    /// It is no key set.
    #[error("it is no key set: {0}")]
    Nonsense(#[from] serde_json::Error),
}

/// Reads the set again, for as long as it lives. To be spawned.
pub(super) struct Reading {
    source: Source,
    refresh: Duration,
    pause: Duration,
    known: watch::Sender<Known>,
    wanted: Arc<Notify>,
}

impl KeySet {
    /// Reads the set for the first time. An address that does not answer is asked again later; a file must be there.
    pub(super) async fn open(options: &JwtOptions, place: &KeySetSource) -> Result<(Self, Reading), KeySetError> {
        let JwtOptions { refresh, pause, timeout, .. } = *options;
        let source = Source::new(place, timeout)?;
        let first = match (source.read().await, place) {
            (Ok(keys), _) => Known { keys, read_at: Instant::now(), failed: false },
            (Err(error), KeySetSource::File(_)) => return Err(error),
            (Err(error), KeySetSource::Url(_)) => {
                tracing::warn!(%error, "the key set cannot be fetched; it is tried again soon");
                Known { keys: Arc::new([]), read_at: Instant::now(), failed: true }
            }
        };
        let (sender, known) = watch::channel(first);
        let wanted = Arc::new(Notify::new());
        let reading = Reading { source, refresh, pause, known: sender, wanted: Arc::clone(&wanted) };
        Ok((Self { known, wanted, pause }, reading))
    }

    /// The keys that may have signed a token of this algorithm and key id, as known now.
    pub(super) fn known(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<Arc<PublicKey>> {
        let known = Arc::clone(&self.known.borrow().keys);
        // A set may give its keys no names, and a token may name none.
        let fits = |key: &&Arc<PublicKey>| {
            key.algorithm == algorithm && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        };
        known.iter().filter(fits).cloned().collect()
    }

    /// The same after reading the set anew, if that was not done just before.
    pub(super) async fn fresh(&self, algorithm: Algorithm, id: Option<&str>) -> Result<Vec<Arc<PublicKey>>, NoKey> {
        let mut reading = self.known.clone();
        let read_at = reading.borrow_and_update().read_at;
        if read_at.elapsed() >= self.pause {
            self.wanted.notify_one();
            if reading.changed().await.is_err() {
                return Err(NoKey::IssuerDown);
            }
        }
        let keys = self.known(algorithm, id);
        match (keys.is_empty(), reading.borrow().failed) {
            (false, _) => Ok(keys),
            (true, true) => Err(NoKey::IssuerDown),
            (true, false) => Err(NoKey::Unknown),
        }
    }
}

impl Reading {
    pub(super) async fn run(self) {
        loop {
            let Known { read_at, failed, .. } = *self.known.borrow();
            let pause = if failed { self.refresh.min(self.pause) } else { self.refresh };
            tokio::select! {
                () = tokio::time::sleep_until((read_at + pause).into()) => {}
                () = self.wanted.notified() => {
                    if read_at.elapsed() < self.pause {
                        // Somebody asked while the last reading was under way.
                        continue;
                    }
                }
            }
            let read = self.source.read().await;
            if let Err(error) = &read {
                tracing::warn!(%error, "the key set cannot be read; the keys known so far go on serving");
            }
            self.known.send_modify(|known| {
                known.read_at = Instant::now();
                known.failed = read.is_err();
                if let Ok(keys) = read {
                    known.keys = keys;
                }
            });
        }
    }
}

/// How the set is read.
enum Source {
    Web { url: Url, client: Client, timeout: Duration },
    File(PathBuf),
}

impl Source {
    fn new(place: &KeySetSource, timeout: Duration) -> Result<Self, KeySetError> {
        Ok(match place {
            KeySetSource::Url(url) => Self::Web { url: url.clone(), client: http::client()?, timeout },
            KeySetSource::File(path) => Self::File(path.clone()),
        })
    }

    async fn read(&self) -> Result<Arc<[Arc<PublicKey>]>, KeySetError> {
        let bytes = match self {
            Self::Web { url, client, timeout } => fetch(client, url.clone(), *timeout).await?,
            Self::File(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || read_file(&path)).await.map_err(std::io::Error::other)??
            }
        };
        parse(&bytes)
    }
}

async fn fetch(client: &Client, url: Url, timeout: Duration) -> Result<Vec<u8>, AskError> {
    let response = client.get(url).timeout(timeout).send().await?;
    if !response.status().is_success() {
        return Err(AskError::Status(response.status()));
    }
    http::body(response, BYTES).await
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > BYTES { Err(std::io::Error::other(AskError::TooLong(BYTES))) } else { Ok(bytes) }
}

/// Reads a set. Keys that are for something else, or of a kind that is not known here, are passed over (RFC 7517 §5).
fn parse(bytes: &[u8]) -> Result<Arc<[Arc<PublicKey>]>, KeySetError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(bytes)?;
    Ok(set.keys.into_iter().filter_map(|key| public_key(serde_json::from_value(key).ok()?)).map(Arc::new).collect())
}

/// Binds a key to the one algorithm of its type, whatever a token's header says later.
fn public_key(jwk: Jwk) -> Option<PublicKey> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let says_otherwise = common.key_algorithm.is_some_and(|named| named != algorithm.into());
    if !is_for_signatures || says_otherwise {
        return None;
    }
    Some(PublicKey { algorithm, key: DecodingKey::from_jwk(&jwk).ok()?, id: jwk.common.key_id })
}
