//! The product's own word on who somebody is: a signed question to its endpoint, for products whose sessions are no JWTs.
//! `Access::identify` asks, and passes ask again for as long as they live. A token must never go anywhere but there.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use quick_cache::sync::Cache;
use reqwest::{Client, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::failures::Effort;
use super::http::{self, AskError, SIGNATURE, signature};
use super::options::WebhookOptions;
use super::{BadToken, Credential, Grant, Identity, Refused, Token};
use crate::room::id::RoomId;
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;

/// An answer has at most so many bytes.
const BYTES: usize = 64 << 10;
/// So many questions are under way at most.
const AT_ONCE: usize = 64;
/// So many answers are remembered.
const REMEMBERED: usize = 10_000;
/// Whoever is let in is asked about again no sooner than this.
const BREATH: Duration = Duration::from_secs(1);

/// What the webhook is asked, to be asked again later. Cheap to clone, and never shown.
#[derive(Clone)]
pub struct Question(Arc<Asked>);

struct Asked {
    token: Token,
    room: Option<RoomId>,
    address: IpAddr,
    /// Of token and room: one answer serves all who ask this.
    hash: [u8; 32],
}

/// See the module.
pub(super) struct Webhook {
    options: WebhookOptions,
    client: Client,
    places: Semaphore,
    answers: Cache<[u8; 32], (Instant, Arc<Identity>)>,
}

/// What the endpoint says when it lets somebody in.
#[derive(Deserialize)]
struct Answer {
    principal: String,
    name: Option<String>,
    role: String,
}

impl Webhook {
    pub(super) fn new(options: WebhookOptions, client: Client) -> Self {
        Self { options, client, places: Semaphore::new(AT_ONCE), answers: Cache::new(REMEMBERED) }
    }

    /// Who the endpoint says this is. Several who ask the same at once get one answer.
    pub(super) async fn identify(&self, question: Question, effort: Effort<'_>) -> Result<Arc<Identity>, Refused> {
        let hash = question.0.hash;
        let is_stale = |asked: Instant| asked.elapsed() >= self.options.cache;
        self.answers.remove_if(&hash, |(asked, _)| is_stale(*asked));
        let answer = self.answers.get_or_insert_async(&hash, async {
            let _asking = effort.spend().await?;
            let asked = Instant::now();
            Ok((asked, Arc::new(self.ask(question).await?)))
        });
        answer.await.map(|(_, identity)| identity)
    }

    /// Asks again and again; done when the answer is another one than `identity`. A webhook that is down changes nothing.
    pub(super) async fn changed(&self, question: &Question, identity: &Identity) -> Result<Arc<Identity>, Refused> {
        loop {
            // The answer may have been asked for by somebody else, and some time ago.
            let asked = self.answers.peek(&question.0.hash).map_or_else(Instant::now, |(asked, _)| asked);
            let next = (asked + self.options.cache).max(Instant::now() + BREATH);
            tokio::time::sleep_until(next.into()).await;
            match self.identify(question.clone(), Effort::Any).await {
                Ok(again) if *again == *identity => {}
                Err(Refused::IssuerDown) => {}
                other => return other,
            }
        }
    }

    async fn ask(&self, question: Question) -> Result<Identity, Refused> {
        let limit = self.options.timeout;
        let asked = tokio::time::timeout(limit, self.post(&question.0)).await;
        let answer = match asked.unwrap_or(Err(AskError::TooSlow(limit))) {
            Ok(body) => read(&body, question),
            Err(AskError::Status(StatusCode::UNAUTHORIZED)) => return Err(BadToken::TurnedDown.into()),
            Err(AskError::Status(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)) => return Err(Refused::NoSuchRoom),
            Err(error) => Err(error),
        };
        answer.map_err(|error| {
            tracing::warn!(%error, "the webhook gave no answer");
            Refused::IssuerDown
        })
    }

    async fn post(&self, asked: &Asked) -> Result<Vec<u8>, AskError> {
        let _place = self.places.acquire().await.expect("nobody closes it");
        let room = asked.room.as_ref().map(RoomId::as_str);
        let body = json!({ "token": asked.token.text(), "room": room, "address": asked.address }).to_string();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let request = self
            .client
            .post(self.options.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signature(self.options.secret.bytes(), now, body.as_bytes()));
        let response = request.body(body).send().await?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Status(response.status()));
        }
        http::body(response, BYTES).await
    }
}

impl Question {
    pub(super) fn new(token: &Token, room: Option<&RoomId>, address: IpAddr) -> Self {
        let hash = Sha256::new()
            .chain_update(token.text().len().to_be_bytes())
            .chain_update(token.text())
            .chain_update(room.map_or("", RoomId::as_str));
        Self(Arc::new(Asked { token: token.clone(), room: room.cloned(), address, hash: hash.finalize().into() }))
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for Question {}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("room", &self.0.room).finish_non_exhaustive()
    }
}

fn read(body: &[u8], question: Question) -> Result<Identity, AskError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| AskError::Nonsense(error.to_string()))?;
    let id = PrincipalId::user(&answer.principal).map_err(|error| AskError::Nonsense(error.to_string()))?;
    let role: Role = answer.role.parse().map_err(|error| AskError::Nonsense(format!("{error}")))?;
    let grant = match &question.0.room {
        Some(room) => Grant::Room { room: room.clone(), role, issuer: None },
        None => Grant::Member { cap: role },
    };
    let principal = Arc::new(Principal::new(id, answer.name.as_deref()));
    let credential = Credential::Webhook(question);
    Ok(Identity { principal, grant, credential, expires_at: None, signed_at: None, room_made_at: None })
}
