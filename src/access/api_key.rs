//! Agents' API keys: made once, kept as hashes, found by them, and taken back while they are in use.
//! `Access::identify` finds them, passes wait for their revocation, the command line makes them. A key's text must never
//! be kept or logged.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use super::failures::Effort;
use super::may::role_of_key;
use super::{BadToken, Credential, Grant, Identity, Refused};
use crate::room::principal::Principal;
use crate::store::directory::{Directory, KeyId, KeyRecord};

/// What every key begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "trk_";
/// Keys that are remembered.
const REMEMBERED: usize = 1_000;
/// For how long.
const MEMORY: Duration = Duration::from_secs(5);
/// How often revocations are looked for while a key is in use.
const POLL: Duration = Duration::from_millis(500);

/// A new key, and the hash by which it is found.
pub struct NewKey {
    /// To be shown once.
    pub text: String,
    /// To be kept.
    pub hash: [u8; 32],
    /// Names it from then on.
    pub id: KeyId,
}

impl NewKey {
    /// A key that nobody guesses.
    pub fn random() -> Self {
        let (mut secret, mut id) = ([0; 32], [0; 6]);
        getrandom::fill(&mut secret).and_then(|()| getrandom::fill(&mut id)).expect("the system gives random bytes");
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { hash: hash(&text), text, id: KeyId::parse(&id).expect("hex digits are a key's id") }
    }
}

/// See the module.
pub(super) struct Keys {
    directory: Directory,
    found: Cache<[u8; 32], (Instant, Arc<Identity>)>,
    /// When keys were found not to be revoked of which only their tickets are seen.
    standing: Cache<KeyId, Instant>,
    revoked: watch::Sender<HashSet<KeyId>>,
    in_use: Notify,
}

impl Keys {
    pub(super) fn new(directory: Directory) -> Self {
        let revoked = watch::Sender::new(HashSet::new());
        let (found, standing) = (Cache::new(REMEMBERED), Cache::new(REMEMBERED));
        Self { directory, found, standing, revoked, in_use: Notify::new() }
    }

    /// Whether a token is meant to be a key.
    pub(super) fn is_key(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Whose a key is.
    pub(super) async fn find(&self, token: &str, effort: Effort<'_>) -> Result<Arc<Identity>, Refused> {
        let hash = hash(token);
        if let Some((since, identity)) = self.found.get(&hash)
            && since.elapsed() < MEMORY
            && !self.is_revoked(&identity)
        {
            return Ok(identity);
        }
        let _asking = effort.spend().await?;
        let asked = Instant::now();
        let record = self.directory.key_by_hash(hash).await?;
        let record = record.filter(|record| record.revoked_at.is_none()).ok_or(BadToken::NoSuchKey)?;
        let identity = Arc::new(identity(record));
        self.found.insert(hash, (asked, Arc::clone(&identity)));
        Ok(identity)
    }

    /// Whether a key is in force that only its ticket tells of.
    pub(super) async fn stands(&self, key: &KeyId) -> Result<(), Refused> {
        if self.revoked.borrow().contains(key) {
            return Err(BadToken::NoSuchKey.into());
        }
        if self.standing.get(key).is_some_and(|since| since.elapsed() < MEMORY) {
            return Ok(());
        }
        let asked = Instant::now();
        if self.directory.revoked_keys().await?.contains(key) {
            return Err(BadToken::NoSuchKey.into());
        }
        self.standing.insert(key.clone(), asked);
        Ok(())
    }

    /// Done when the key is revoked.
    pub(super) async fn revoked(&self, key: &KeyId) {
        let mut revoked = self.revoked.subscribe();
        self.in_use.notify_one();
        // The sender is this very `Keys`.
        let _ = revoked.wait_for(|revoked| revoked.contains(key)).await;
    }

    /// Looks for revocations for ever, as long as somebody waits for one. To be spawned once.
    pub(super) async fn poll(self: Arc<Self>) {
        loop {
            if self.revoked.receiver_count() == 0 {
                self.in_use.notified().await;
            }
            match self.directory.revoked_keys().await {
                Ok(ids) => self.publish(ids.into_iter().collect()),
                Err(error) => tracing::warn!(%error, "revocations of keys cannot be read at present"),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn publish(&self, ids: HashSet<KeyId>) {
        self.revoked.send_if_modified(|known| {
            let is_news = *known != ids;
            *known = ids;
            is_news
        });
    }

    fn is_revoked(&self, identity: &Identity) -> bool {
        matches!(&identity.credential, Credential::Key(id) if self.revoked.borrow().contains(id))
    }
}

fn identity(record: KeyRecord) -> Identity {
    let name = record.agent.as_str().split_once(':').map(|(_, name)| name);
    let mut principal = Principal::new(record.agent.clone(), name);
    principal.on_behalf_of.clone_from(&record.on_behalf_of);
    let role = role_of_key(&record);
    Identity {
        principal: Arc::new(principal),
        grant: Grant::Rooms { rooms: record.rooms, role },
        credential: Credential::Key(record.id),
        expires_at: None,
        signed_at: None,
        room_made_at: None,
    }
}

/// The key's secret is 256 random bits: a plain hash cannot be turned round.
fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
