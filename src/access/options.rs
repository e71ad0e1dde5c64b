//! What access is told at the start: what proves an identity, and every limit. Made from the command line by `config`.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

/// What access has to know.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    /// What proves an identity. Nothing: authentication is off, and everybody is an owner.
    pub proof: Option<Proof>,
    /// How long a ticket holds when nobody says.
    pub ticket_ttl: Duration,
    /// How long a ticket holds at most.
    pub ticket_ttl_max: Duration,
    /// Refused tokens a minute and address.
    pub failures: NonZeroU32,
    /// Whether the last entry of `X-Forwarded-For` is believed.
    pub forwarded: Forwarded,
    /// Origins that browsers may come from beside the server's own.
    pub origins: Vec<String>,
    /// Members of one room.
    pub members: usize,
    /// Bytes of a token.
    pub token_bytes: usize,
    /// Rosters that are kept in memory beside those of rooms in use.
    pub rosters: usize,
}

/// What proves an identity beside keys and tickets: at least one of the two.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Tokens of the product's login.
    pub jwt: Option<JwtOptions>,
    /// The product's own sessions.
    pub webhook: Option<WebhookOptions>,
}

/// How JWTs are checked.
#[derive(Debug, Clone)]
pub struct JwtOptions {
    /// For HS256.
    pub secret: Option<Secret>,
    /// Where the keys for RS256, ES256 and EdDSA are.
    pub key_set: Option<KeySetSource>,
    /// Audiences, one of which a token must name; none: `aud` is not looked at.
    pub audiences: Vec<String>,
    /// Issuers, one of which a token must name; none: `iss` is not looked at.
    pub issuers: Vec<String>,
    /// How far clocks may be apart when a token comes in.
    pub leeway: Duration,
    /// How often the key set is read again.
    pub refresh: Duration,
    /// How long after a reading an unknown key, or a failure, makes it be read again at the earliest.
    pub pause: Duration,
    /// How long reading it may take.
    pub timeout: Duration,
}

/// Where a key set (RFC 7517 §5) comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetSource {
    /// An address.
    Url(Url),
    /// A file.
    File(PathBuf),
}

impl fmt::Display for KeySetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

/// How the webhook is asked.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// Where.
    pub url: Url,
    /// What signs the question.
    pub secret: Secret,
    /// How long it may take.
    pub timeout: Duration,
    /// How long an answer holds.
    pub cache: Duration,
}

/// Whether the last entry of `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// There is no proxy in front, or it does not say.
    Ignored,
    /// A proxy adds the address that it saw as the last entry.
    Trusted,
}

/// A secret of the operator.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
