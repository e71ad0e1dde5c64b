//! Why somebody is not let in or may not do something: one enum that `session` maps to close codes and `api` to problems.
//! Its texts are for clients; what only the operator should read is logged where it happens.

use std::time::Duration;

use super::may::Denial;
use crate::room::event::Fault;
use crate::store::StoreError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no token.
    #[error("a token is needed")]
    NoToken,
    /// The token proves nothing here.
    #[error("the token is not accepted: {0}")]
    BadToken(#[from] BadToken),
    /// The token was good, but is no more.
    #[error("the token has expired")]
    Expired,
    /// Too many refused tokens came from this address.
    #[error("too many refused tokens from this address; try again in {} s", retry_after.as_secs().max(1))]
    TooManyFailures {
        /// When to try again.
        retry_after: Duration,
    },
    /// There is no such room, or the caller may not know that there is.
    #[error("there is no such room")]
    NoSuchRoom,
    /// The caller may not do this.
    #[error(transparent)]
    Forbidden(Denial),
    /// There is a room of this name.
    #[error("there is a room of this name")]
    RoomExists,
    /// That principal is no member of the room.
    #[error("there is no such member")]
    NoSuchMember,
    /// That principal is a member of the room.
    #[error("that is a member already")]
    AlreadyMember,
    /// The room has as many members as it may have.
    #[error("the room has its {most} members, the most that it may have")]
    TooManyMembers {
        /// How many that is.
        most: usize,
    },
    /// The store does not answer.
    #[error("the store does not answer at present; try again")]
    StoreDown,
    /// Whoever says which tokens are good does not answer.
    #[error("tokens cannot be checked at present; try again")]
    IssuerDown,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is longer than `--max-token`.
    #[error("it is too long")]
    TooLong,
    /// It is no JWT, key or ticket.
    #[error("it is malformed")]
    Malformed,
    /// Its algorithm is none of those that are configured.
    #[error("it is signed in a way that is not accepted")]
    Algorithm,
    /// No key of the key set fits it.
    #[error("it is signed with an unknown key")]
    UnknownKey,
    /// The signature is not over these bytes by that key.
    #[error("its signature is wrong")]
    Signature,
    /// Its time has not come (`nbf`).
    #[error("it is not valid yet")]
    NotYet,
    /// It is for somebody else (`aud`).
    #[error("it is for another audience")]
    Audience,
    /// It is by somebody else (`iss`).
    #[error("it is by another issuer")]
    Issuer,
    /// It lacks `sub` or `exp`, or they are not what they should be.
    #[error("its claims are not complete")]
    Claims,
    /// It says that nobody is signed in (Supabase's role `anon`).
    #[error("nobody is signed in")]
    Anonymous,
    /// There is no such API key, or it was revoked.
    #[error("there is no such key, or it was revoked")]
    NoSuchKey,
    /// It is meant to go on for another token, but is of another principal.
    #[error("it is somebody else's")]
    SomebodyElse,
    /// The webhook says no.
    #[error("it was turned down")]
    TurnedDown,
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::NoSuchRoom => Self::NoSuchRoom,
            other => Self::Forbidden(other),
        }
    }
}

impl From<Denial> for Fault {
    fn from(denial: Denial) -> Self {
        let fault = Self::new("permission_denied", format!("This is not allowed: {denial}."));
        if let Denial::Forbidden { needs } = denial { fault.expected(format!("the role {needs}")) } else { fault }
    }
}

impl From<StoreError> for Refused {
    /// Tells the operator what the client is not told.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the directory failed");
        Self::StoreDown
    }
}
