//! Brings the events of one room to one address: in order, each again and again until the address says that it has it, and
//! remembers in the store how far it came. Of several nodes that have the room open, one does it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{StatusCode, Url, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Post;
use super::digest::Digest;
use crate::access::http::{self, AskError, SIGNATURE};
use crate::hub::Standing;
use crate::hub::feed::Interest;
use crate::hub::follower::{Followed, Follower};
use crate::room::event::{Event, Gap};
use crate::room::id::RoomId;
use crate::room::kept::{EventKind, EventSeq, LatestKey};
use crate::store::{RoomLog, StoreError};

/// Where it is kept how far a courier came.
const KIND: &str = "_webhook";
/// The pause after a first failure, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// A courier whose room another node looks after sees so often whether that is still so.
const LOOK: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Courier {
    post: Post,
    room: RoomId,
    url: Url,
    log: RoomLog,
    kind: EventKind,
    key: LatestKey,
}

/// How far it came.
#[derive(Serialize, Deserialize)]
struct Progress {
    /// The last event that was taken.
    cursor: u64,
    /// The document's version of which the address knows.
    version: String,
}

/// How a round of following ended.
enum Ended {
    /// The room is closed, and all of it was brought.
    Closed,
    /// Another node looked after the room and does so no longer: what it did not bring is brought from here.
    Inherited,
}

impl Courier {
    pub(super) fn new(post: Post, room: RoomId, url: Url) -> Self {
        // An address may be longer than a key, and may hold a secret.
        let key = Sha256::digest(url.as_str()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let key = LatestKey::parse(&key).expect("a hash is a key");
        let (kind, log) = (EventKind::parse(KIND).expect("a kind"), post.store.log(&room));
        Self { post, room, url, log, kind, key }
    }

    /// Works until the room is closed.
    pub(super) async fn run(self) {
        loop {
            // It keeps the room open no longer than it takes to begin.
            let Ok(visit) = self.post.hub.visit(&self.room) else { return };
            let Ok(known) = self.progress().await else { return };
            let after = known.as_ref().map(|known| EventSeq(known.cursor));
            let Ok(follower) = visit.follow(Interest::Everything, after).await else { return };
            let Ok(version) = visit.settled().await.map(|version| version.to_string()) else { return };
            drop(visit);
            let mut digest = Digest::default();
            let progress = known.unwrap_or_else(|| {
                let begun = Progress { cursor: follower.cursor().0, version: version.clone() };
                self.note(&begun);
                begun
            });
            if progress.version != version {
                digest.miss();
            }
            match self.follow(follower, digest, progress).await {
                Ended::Closed => return,
                Ended::Inherited => {}
            }
        }
    }

    async fn follow(&self, mut events: Follower, mut digest: Digest, mut progress: Progress) -> Ended {
        let mut is_others = false;
        loop {
            let due = digest.due(self.post.options.digest);
            let next = tokio::select! {
                next = events.next() => Some(next),
                () = until(due) => None,
                () = tokio::time::sleep(LOOK), if is_others => None,
            };
            let is_closed = matches!(next, Some(Err(_)));
            if is_closed && is_others {
                // Of a closed room nobody is second. What the other one did not bring waits until the room opens again.
                return Ended::Closed;
            }
            match self.post.hub.standing(&self.room).await {
                Standing::First if is_others => return Ended::Inherited,
                Standing::First => {}
                Standing::Other => {
                    is_others = true;
                    digest = Digest::default();
                    if is_closed {
                        return Ended::Closed;
                    }
                    continue;
                }
            }
            match next {
                Some(Ok(Followed::Kept { seq, json, .. })) => {
                    self.bring(json).await;
                    progress.cursor = seq.0;
                    self.note(&progress);
                }
                Some(Ok(Followed::Gap { after, next })) => {
                    let gap = Event::Gap(Gap { after: after.0.to_string(), next: next.0.to_string() });
                    self.bring(gap.encode(Some(&self.room), Timestamp::now(), None, None)).await;
                }
                Some(Ok(Followed::Passing(json))) => digest.hear(&json),
                Some(Ok(Followed::Missed)) => digest.miss(),
                Some(Err(_)) | None => {
                    if digest.due(Duration::ZERO).is_some() {
                        self.bring_changes(&mut digest, &mut progress).await;
                    }
                }
            }
            if is_closed {
                return Ended::Closed;
            }
        }
    }

    /// Posts what changed, when all of it is durable. What cannot be posted now is found when the room opens again.
    async fn bring_changes(&self, digest: &mut Digest, progress: &mut Progress) {
        let Ok(visit) = self.post.hub.visit(&self.room) else { return };
        let Ok(version) = visit.settled().await.map(|version| version.to_string()) else { return };
        drop(visit);
        let data = digest.take(version.clone());
        let at = crate::room::event::moment(Timestamp::now());
        let body = json!({ "v": 1, "type": "doc.changed", "data": data, "room": self.room.as_str(), "at": at });
        self.bring(body.to_string().into()).await;
        progress.version = version;
        self.note(progress);
    }

    /// Posts until it is taken.
    async fn bring(&self, body: Bytes) {
        let mut pause = PAUSE;
        loop {
            match self.try_to_bring(&body).await {
                Ok(()) => {
                    metrics::counter!("triproom_webhook_posts_total", "result" => "taken").increment(1);
                    return;
                }
                Err(error) => {
                    metrics::counter!("triproom_webhook_posts_total", "result" => "failed").increment(1);
                    tracing::warn!(room = %self.room.for_log(), %error, ?pause, "a webhook did not take an event; it is tried again");
                }
            }
            tokio::time::sleep(pause.mul_f64(spread())).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn try_to_bring(&self, body: &Bytes) -> Result<(), AskError> {
        let mut request = self
            .post
            .client
            .post(self.url.clone())
            .timeout(self.post.options.timeout)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.post.options.secret {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            request = request.header(SIGNATURE, http::signature(secret.bytes(), now, body));
        }
        let status = request.body(body.clone()).send().await?.status();
        if status.is_success() || status == StatusCode::GONE { Ok(()) } else { Err(AskError::Status(status)) }
    }

    /// How far it came; nothing at its first time.
    async fn progress(&self) -> Result<Option<Progress>, StoreError> {
        let latest = self.post.store.latest(&self.room).await?;
        let own = latest.into_iter().find(|latest| latest.kind == self.kind && latest.key == self.key);
        Ok(own.and_then(|latest| serde_json::from_slice(&latest.body).ok()))
    }

    fn note(&self, progress: &Progress) {
        let body = serde_json::to_vec(progress).expect("numbers and texts are JSON");
        let noted = self.log.put_latest(self.kind.clone(), self.key.clone(), SystemTime::now(), body.into());
        if let Err(error) = noted {
            // Then some events are brought twice.
            tracing::debug!(%error, "how far a webhook came is not noted");
        }
    }
}

async fn until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// From a half to one and a half, so that not all couriers come back at the same moment.
fn spread() -> f64 {
    let mut byte = [0];
    // Without randomness they do.
    let _ = getrandom::fill(&mut byte);
    0.5 + f64::from(byte[0]) / 255.0
}
