//! Who is asking, and what they may do: tokens, keys, tickets, the webhook, roles, rosters.
//! `session` and `api` turn what a caller presents into an [`Identity`], that into a [`Pass`] for a room, and ask the pass
//! before everything. It must never look into a document, and no rule stands anywhere but in [`may`](mod@may).

pub mod api_key;
mod change;
mod claims;
mod failures;
pub mod http;
mod identify;
pub mod identity;
mod issue;
mod jwt;
mod key_set;
mod listing;
pub mod may;
pub mod options;
mod origins;
mod pass;
mod presented;
mod refused;
mod rosters;
pub mod ticket;
pub mod webhook;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use http::AskError;
pub use identity::{Credential, Grant, Identity};
pub use issue::{Purpose, TicketRequest};
pub use key_set::KeySetError;
pub use may::{Action, Decision, Denial, Standing, may, role_in, writes_in};
pub use options::AccessOptions;
pub use origins::{Names, NoOrigin, Origins, Stranger};
pub use pass::{Pass, PassChange, PassEnd};
pub use presented::{Presented, Token};
pub use refused::{BadToken, Refused};
pub use ticket::Ticket;

use crate::bus::Bus;
use crate::room::id::RoomId;
use crate::store::StoreError;
use crate::store::directory::{Directory, Roster};
use api_key::Keys;
use change::Change;
use failures::Failures;
use identify::by_name;
use jwt::Tokens;
use key_set::KeySet;
use may::makes_on_entry;
use options::{JwtOptions, KeySetSource};
use rosters::Rosters;
use ticket::Tickets;
use webhook::Webhook;

/// That a room is not there is said so long after the question, or a multiple of it: whether there is a roster to read,
/// and how long it is, makes no difference that could be measured.
const REFUSAL: Duration = Duration::from_millis(10);

/// See the module. A cheap handle.
#[derive(Clone)]
pub struct Access {
    shared: Arc<Shared>,
}

struct Shared {
    options: AccessOptions,
    directory: Directory,
    rosters: Rosters,
    origins: Origins,
    failures: Failures,
    tickets: Tickets,
    keys: Arc<Keys>,
    /// The way to other nodes, when there can be any.
    bus: Option<Bus>,
    tokens: Option<Tokens>,
    webhook: Option<Webhook>,
    /// Whoever says no name while authentication is off.
    nobody: Arc<Identity>,
    /// What reads key sets and revocations; ends with the last handle.
    _background: JoinSet<()>,
}

/// Why access cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// See there.
    #[error(transparent)]
    Origin(#[from] NoOrigin),
    /// There are no keys to begin with.
    #[error("--jwks {place}: {source}")]
    KeySet {
        /// Where they should be.
        place: KeySetSource,
        /// Why they are not there.
        source: KeySetError,
    },
    /// The system's TLS roots, most likely.
    #[error("--auth-webhook: nobody can be asked over HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// The secrets cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Access {
    /// Reads secrets and key sets, and starts what reads them again.
    /// Other nodes hear of changes by the bus.
    pub async fn open(options: AccessOptions, directory: Directory, bus: Option<Bus>) -> Result<Self, AccessError> {
        let mut background = JoinSet::new();
        let (mut tokens, mut webhook) = (None, None);
        let keys = Arc::new(Keys::new(directory.clone()));
        if let Some(proof) = &options.proof {
            background.spawn(Arc::clone(&keys).poll());
            if let Some(jwt) = &proof.jwt {
                tokens = Some(Tokens::new(jwt, open_key_set(jwt, &mut background).await?));
            }
            if let Some(options) = &proof.webhook {
                webhook = Some(Webhook::new(options.clone(), http::client()?));
            }
        }
        let names = if options.proof.is_none() { Names::Sure } else { Names::Any };
        let shared = Shared {
            rosters: Rosters::new(directory.clone(), options.rosters),
            origins: Origins::parse(&options.origins, names)?,
            failures: Failures::new(options.failures),
            tickets: Tickets::open(&directory).await?,
            keys,
            tokens,
            webhook,
            nobody: Arc::new(by_name("")),
            _background: background,
            directory,
            bus,
            options,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether authentication is off.
    pub fn is_open(&self) -> bool {
        self.shared.options.proof.is_none()
    }

    /// From where browsers may come.
    pub fn origins(&self) -> &Origins {
        &self.shared.origins
    }

    /// The address that a request counts for.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        failures::address(peer, headers, self.shared.options.forwarded)
    }

    /// Lets somebody into a room in which they have a role.
    pub async fn enter(&self, who: &Arc<Identity>, room: &RoomId) -> Result<Pass, Refused> {
        let asked = Instant::now();
        if who.expires_at.is_some_and(|end| end <= SystemTime::now()) {
            return Err(Refused::Expired);
        }
        if self.is_open() {
            return Ok(Pass::new(self, who, room, None)?);
        }
        let rosters = &self.shared.rosters;
        if let Some(held) = rosters.in_memory(room)
            && let Ok(pass) = Pass::new(self, who, room, Some(Arc::clone(&held)))
        {
            rosters.remember(&held);
            return Ok(pass);
        }
        // Memory never turns anybody away: whether it knows the room or not, the store is asked.
        let mut held = rosters.read(room).await?;
        if makes_on_entry(who, &Standing { room, roster: held.now().roster.as_deref() }) {
            match self.change(who, room, Change::new_room()).await {
                Ok(_) | Err(Refused::RoomExists) => held = rosters.read(room).await?,
                Err(refused) => return Err(refused),
            }
        }
        let Ok(pass) = Pass::new(self, who, room, Some(Arc::clone(&held))) else {
            drop(held);
            let answers = asked.elapsed().as_nanos().div_ceil(REFUSAL.as_nanos()).max(1);
            tokio::time::sleep_until(asked + REFUSAL * u32::try_from(answers).unwrap_or(u32::MAX)).await;
            return Err(Refused::NoSuchRoom);
        };
        rosters.remember(&held);
        Ok(pass)
    }

    /// Settings and members of the pass's room, while authentication is off, too. Nothing: nobody made the room.
    pub async fn members(&self, pass: &Pass) -> Result<Option<Arc<Roster>>, Refused> {
        if !self.is_open() {
            return Ok(pass.roster());
        }
        Ok(self.shared.directory.roster(pass.room()).await?.map(Arc::new))
    }

    /// Resolves when the credential stands for something else, or for nothing.
    async fn credential_news(&self, identity: &Identity) -> Result<Arc<Identity>, PassEnd> {
        match (&identity.credential, &self.shared.webhook) {
            (Credential::Key(key) | Credential::KeysTicket(key), _) => {
                self.shared.keys.revoked(key).await;
                Err(PassEnd::Revoked)
            }
            (Credential::Webhook(question), Some(webhook)) => {
                // Boxed, so that all the others, who never ask anybody, do not carry room for it.
                Box::pin(webhook.changed(question, identity)).await.map_err(|_| PassEnd::Revoked)
            }
            _ => std::future::pending().await,
        }
    }
}

async fn open_key_set(options: &JwtOptions, background: &mut JoinSet<()>) -> Result<Option<KeySet>, AccessError> {
    let Some(place) = &options.key_set else { return Ok(None) };
    let opened = KeySet::open(options, place).await;
    let (keys, reading) = opened.map_err(|source| AccessError::KeySet { place: place.clone(), source })?;
    background.spawn(reading.run());
    Ok(Some(keys))
}
