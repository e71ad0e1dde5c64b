//! Room tickets: tokens that this server signs itself, for one principal, one room, one role and a short time.
//! `Access` issues and checks them, the command line signs them for development. A ticket is a JWT of a type of its own and
//! by a secret of its own, so that no other JWT passes for one, nor the other way round.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, encode};
use serde::{Deserialize, Serialize};

use super::jwt::decode_claims;
use super::{BadToken, Credential, Grant, Identity, Refused};
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;
use crate::store::StoreError;
use crate::store::directory::{Directory, KeyId};

/// The type in a ticket's header (RFC 8725 §3.11).
const TYPE: &str = "triproom-ticket+jwt";
/// The name of the secret in the directory.
const SECRET: &str = "tickets";

/// A ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What is presented later.
    pub token: String,
    /// Until when.
    pub expires_at: SystemTime,
    /// With which role at most.
    pub role: Role,
    /// On whose word it stands.
    pub behind: Behind,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("expires_at", &self.expires_at).field("role", &self.role).finish_non_exhaustive()
    }
}

/// On whose word a ticket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// A member: what they may not any more, the ticket gives no more.
    Member(PrincipalId),
    /// An agent's API key: when it is revoked the ticket is.
    Key(KeyId),
    /// Somebody whose role does not come from the room's members; for people who read the ticket. Only time ends it.
    Other(&'static str),
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => write!(f, "member {id}"),
            Self::Key(id) => write!(f, "key {id}"),
            Self::Other(word) => f.write_str(word),
        }
    }
}

/// Signs and checks tickets.
pub struct Tickets {
    signing: EncodingKey,
    checking: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<String>,
    room: String,
    role: String,
    iat: u64,
    exp: u64,
    jti: String,
    /// When the room was made, in milliseconds since 1970: clocks of nodes differ, and one of this name may be made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Tickets {
    /// With the secret in this directory, which is made when there is none.
    pub async fn open(directory: &Directory) -> Result<Self, StoreError> {
        Ok(Self::new(directory.secret(SECRET).await?))
    }

    fn new(secret: [u8; 32]) -> Self {
        Self { signing: EncodingKey::from_secret(&secret), checking: DecodingKey::from_secret(&secret) }
    }

    /// Signs a ticket for a room, of which it may be known when it was made. It ends on a whole second, at `until` or just before.
    pub fn sign(
        &self,
        holder: &Principal,
        (room, made): (&RoomId, Option<SystemTime>),
        role: Role,
        until: SystemTime,
        behind: &Behind,
    ) -> Ticket {
        let (by, via, key) = match behind {
            Behind::Member(id) => (Some(id.to_string()), None, None),
            Behind::Key(id) => (None, Some("key".to_owned()), Some(id.to_string())),
            Behind::Other(word) => (None, Some((*word).to_owned()), None),
        };
        let exp = seconds(until);
        let claims = Claims {
            sub: holder.id.to_string(),
            name: holder.name.as_deref().map(str::to_owned),
            on_behalf_of: holder.on_behalf_of.as_ref().map(PrincipalId::to_string),
            room: room.to_string(),
            role: role.to_string(),
            iat: seconds(SystemTime::now()),
            exp,
            jti: random_text(),
            made: made.map(millis),
            by,
            via,
            key,
        };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &claims, &self.signing).expect("texts and numbers are JSON, and any secret signs");
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(exp);
        Ticket { token, expires_at, role, behind: behind.clone() }
    }

    /// Who a ticket is of.
    pub(super) fn verify(&self, token: &str) -> Result<Identity, Refused> {
        let mut checks = Validation::new(Algorithm::HS256);
        checks.leeway = 0;
        checks.validate_aud = false;
        let claims: Claims = decode_claims(token, &self.checking, &checks)?;
        let identity = claims.identity().ok_or(BadToken::Claims)?;
        // The library takes the last second for a part of the time.
        if identity.expires_at.is_none_or(|end| end <= SystemTime::now()) {
            Err(Refused::Expired)
        } else {
            Ok(identity)
        }
    }
}

impl Claims {
    fn identity(self) -> Option<Identity> {
        let mut principal = Principal::new(PrincipalId::parse(&self.sub).ok()?, self.name.as_deref());
        principal.on_behalf_of = self.on_behalf_of.map(|id| PrincipalId::parse(&id)).transpose().ok()?;
        let issuer = match (self.by, self.via) {
            (Some(by), None) => Some(PrincipalId::parse(&by).ok()?),
            (None, Some(_)) => None,
            _ => return None,
        };
        let room = RoomId::parse(&self.room, ROOM_NAME_CEILING).ok()?;
        let grant = Grant::Room { room, role: self.role.parse().ok()?, issuer };
        let expires_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.exp));
        let credential = match self.key {
            Some(key) => Credential::KeysTicket(KeyId::parse(&key).ok()?),
            None => Credential::Ticket,
        };
        let signed_at = Some(SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.iat))?);
        let made = |millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
        let room_made_at = self.made.map(|millis| made(millis).ok_or(())).transpose().ok()?;
        let (principal, expires_at) = (Arc::new(principal), Some(expires_at?));
        Some(Identity { principal, grant, credential, expires_at, signed_at, room_made_at })
    }
}

/// Whether a JWT says that it is a ticket.
pub(super) fn is_ticket(header: &Header) -> bool {
    header.typ.as_deref() == Some(TYPE)
}

/// 128 random bits as text.
pub(super) fn random_text() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
