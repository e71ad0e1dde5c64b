//! The options of access: what proves who somebody is, and its limits. Part of `Config`; the server makes
//! [`AccessOptions`] of them, or says at the start what does not fit together.

use std::num::NonZeroU32;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use reqwest::Url;

use super::{at_least_a_second, bytes, duration};
use crate::access::AccessOptions;
use crate::access::options::{Forwarded, JwtOptions, KeySetSource, Proof, Secret, WebhookOptions};

/// Below this, a secret for HS256 is easier to guess than its signature is to forge (RFC 7518 §3.2).
const SECRET_BYTES: usize = 32;

/// Whether somebody has to prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Everybody is an owner, by the name that they say.
    Off,
    /// Everybody brings a token, a key or a ticket.
    Jwt,
}

/// See the module.
#[derive(Debug, Clone, Args)]
pub struct AccessConfig {
    /// Whether callers prove who they are: off or jwt; jwt as soon as there is something to prove it by
    #[arg(long, env = "TRIPROOM_AUTH", value_enum, value_name = "WAY")]
    pub auth: Option<Auth>,
    /// Secret of tokens signed with HS256
    #[arg(long, env = "TRIPROOM_JWT_SECRET", hide_env_values = true, value_parser = secret, value_name = "SECRET")]
    pub jwt_secret: Option<Secret>,
    /// Address or file of the keys of tokens signed with RS256, ES256 or EdDSA
    #[arg(long, env = "TRIPROOM_JWKS", value_parser = key_set, value_name = "URL|FILE")]
    pub jwks: Option<KeySetSource>,
    /// How often these keys are read again
    #[arg(long, env = "TRIPROOM_JWKS_REFRESH", default_value = "5m", value_parser = at_least_a_second, value_name = "TIME")]
    pub jwks_refresh: Duration,
    /// How often they are read again at most because a token names an unknown one
    #[arg(long, env = "TRIPROOM_JWKS_PAUSE", default_value = "10s", value_parser = at_least_a_second, value_name = "TIME")]
    pub jwks_pause: Duration,
    /// How long reading them may take
    #[arg(long, env = "TRIPROOM_JWKS_TIMEOUT", default_value = "5s", value_parser = duration, value_name = "TIME")]
    pub jwks_timeout: Duration,
    /// Audiences (aud), one of which a token must name; any when none is given
    #[arg(long, env = "TRIPROOM_JWT_AUDIENCE", value_delimiter = ',', value_name = "NAME")]
    pub jwt_audience: Vec<String>,
    /// Issuers (iss), one of which a token must name; any when none is given
    #[arg(long, env = "TRIPROOM_JWT_ISSUER", value_delimiter = ',', value_name = "NAME")]
    pub jwt_issuer: Vec<String>,
    /// How far the issuer's clock may be from this one when a token comes in
    #[arg(long, env = "TRIPROOM_JWT_LEEWAY", default_value = "30s", value_parser = leeway, value_name = "TIME")]
    pub jwt_leeway: Duration,
    /// Address that says whose a token is, for sessions that are no JWTs
    #[arg(long, env = "TRIPROOM_AUTH_WEBHOOK", value_parser = web_address, value_name = "URL")]
    pub auth_webhook: Option<Url>,
    /// Secret that signs what is sent there
    #[arg(long, env = "TRIPROOM_AUTH_WEBHOOK_SECRET", hide_env_values = true, value_parser = secret, value_name = "SECRET")]
    pub auth_webhook_secret: Option<Secret>,
    /// How long its answer may take
    #[arg(long, env = "TRIPROOM_AUTH_WEBHOOK_TIMEOUT", default_value = "2s", value_parser = duration, value_name = "TIME")]
    pub auth_webhook_timeout: Duration,
    /// How long its answer holds
    #[arg(long, env = "TRIPROOM_AUTH_WEBHOOK_CACHE", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub auth_webhook_cache: Duration,
    /// Refused tokens a minute from one address
    #[arg(long, env = "TRIPROOM_AUTH_FAILURES", default_value = "30", value_name = "COUNT")]
    pub auth_failures: NonZeroU32,
    /// Take a client's address from the last entry of X-Forwarded-For, which a proxy in front has written
    #[arg(long, env = "TRIPROOM_TRUST_FORWARDED")]
    pub trust_forwarded: bool,
    /// Origins (scheme and host) that web pages may come from beside the server's own; * for all. While authentication is
    /// off, the server is known by its address, as localhost and by these names alone
    #[arg(long, env = "TRIPROOM_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// How long a room ticket holds when nobody says
    #[arg(long, env = "TRIPROOM_TICKET_TTL", default_value = "1h", value_parser = ticket_time, value_name = "TIME")]
    pub ticket_ttl: Duration,
    /// How long a room ticket holds at most
    #[arg(long, env = "TRIPROOM_MAX_TICKET_TTL", default_value = "7d", value_parser = ticket_time, value_name = "TIME")]
    pub max_ticket_ttl: Duration,
    /// Members of one room
    #[arg(long, env = "TRIPROOM_MAX_MEMBERS", default_value_t = 1_000, value_name = "COUNT")]
    pub max_members: usize,
    /// Bytes of a token
    #[arg(long, env = "TRIPROOM_MAX_TOKEN", default_value = "4KiB", value_name = "SIZE")]
    pub max_token: ByteSize,
    /// Rooms whose members stay in memory after the last of them has left
    #[arg(long, env = "TRIPROOM_ROSTERS", default_value_t = 1_000, value_name = "COUNT")]
    pub rosters: usize,
}

/// Options that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessConfigError {
    /// Off, and yet there is something to prove identities by.
    #[error("--auth off lets everybody in, but {0} is given; leave out one of the two")]
    OffBut(&'static str),
    /// On, but nobody could prove anything.
    #[error("--auth jwt needs --jwt-secret, --jwks or --auth-webhook, by which callers prove who they are")]
    NoProof,
    /// Anybody could answer in the server's name.
    #[error("--auth-webhook needs --auth-webhook-secret, which signs what is sent there")]
    NoWebhookSecret,
    /// It signs nothing.
    #[error("--auth-webhook-secret is of no use without --auth-webhook")]
    NoWebhook,
}

impl AccessConfig {
    /// What access has to know.
    pub fn options(&self) -> Result<AccessOptions, AccessConfigError> {
        Ok(AccessOptions {
            proof: self.proof()?,
            ticket_ttl: self.ticket_ttl,
            ticket_ttl_max: self.max_ticket_ttl,
            failures: self.auth_failures,
            forwarded: if self.trust_forwarded { Forwarded::Trusted } else { Forwarded::Ignored },
            origins: self.allow_origin.clone(),
            members: self.max_members,
            token_bytes: bytes(self.max_token),
            rosters: self.rosters,
        })
    }

    fn proof(&self) -> Result<Option<Proof>, AccessConfigError> {
        let given = [
            ("--jwt-secret", self.jwt_secret.is_some()),
            ("--jwks", self.jwks.is_some()),
            ("--auth-webhook", self.auth_webhook.is_some()),
        ];
        let given = given.into_iter().find_map(|(name, is_given)| is_given.then_some(name));
        match (self.auth, given) {
            (Some(Auth::Off), Some(name)) => Err(AccessConfigError::OffBut(name)),
            (Some(Auth::Jwt), None) => Err(AccessConfigError::NoProof),
            (_, None) if self.auth_webhook_secret.is_some() => Err(AccessConfigError::NoWebhook),
            (_, None) => Ok(None),
            (_, Some(_)) => Ok(Some(Proof { jwt: self.jwt(), webhook: self.webhook()? })),
        }
    }

    fn jwt(&self) -> Option<JwtOptions> {
        if self.jwt_secret.is_none() && self.jwks.is_none() {
            return None;
        }
        if self.jwt_secret.as_ref().is_some_and(|secret| secret.bytes().len() < SECRET_BYTES) {
            tracing::warn!("--jwt-secret has less than {SECRET_BYTES} bytes: good enough to try things out");
        }
        Some(JwtOptions {
            secret: self.jwt_secret.clone(),
            key_set: self.jwks.clone(),
            audiences: self.jwt_audience.clone(),
            issuers: self.jwt_issuer.clone(),
            leeway: self.jwt_leeway,
            refresh: self.jwks_refresh,
            pause: self.jwks_pause,
            timeout: self.jwks_timeout,
        })
    }

    fn webhook(&self) -> Result<Option<WebhookOptions>, AccessConfigError> {
        match (&self.auth_webhook, &self.auth_webhook_secret) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(AccessConfigError::NoWebhook),
            (Some(_), None) => Err(AccessConfigError::NoWebhookSecret),
            (Some(url), Some(secret)) => Ok(Some(WebhookOptions {
                url: url.clone(),
                secret: secret.clone(),
                timeout: self.auth_webhook_timeout,
                cache: self.auth_webhook_cache,
            })),
        }
    }
}

/// A secret; an empty one would be known to everybody.
pub fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("a secret is not empty".to_owned()) } else { Ok(Secret::new(text)) }
}

/// How long a ticket may hold: long enough to be used, and not for ever.
pub fn ticket_time(text: &str) -> Result<Duration, String> {
    let time = at_least_a_second(text)?;
    if time > Duration::from_hours(10 * 366 * 24) { Err("at most ten years".to_owned()) } else { Ok(time) }
}

fn leeway(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time > Duration::from_hours(1) { Err("at most 1h".to_owned()) } else { Ok(time) }
}

fn key_set(text: &str) -> Result<KeySetSource, String> {
    match text.split_once("://") {
        Some(_) => web_address(text).map(KeySetSource::Url),
        None if text.is_empty() => Err("an address or a file".to_owned()),
        None => Ok(KeySetSource::File(text.into())),
    }
}

fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err("begins with https:// or http://".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        access: AccessConfig,
    }

    fn options(line: &[&str]) -> Result<AccessOptions, AccessConfigError> {
        Line::try_parse_from(["triproom"].iter().chain(line)).expect("it can be read").access.options()
    }

    #[test]
    fn it_is_off_until_there_is_something_to_prove_identities_by() {
        assert!(options(&[]).expect("fits").proof.is_none());
        assert!(options(&["--auth", "off"]).expect("fits").proof.is_none());
        assert!(options(&["--jwt-secret", "s"]).expect("fits").proof.is_some_and(|proof| proof.jwt.is_some()));
        assert!(options(&["--jwks", "keys.json"]).expect("fits").proof.is_some_and(|proof| proof.jwt.is_some()));
        let webhook = ["--auth-webhook", "https://app.example.com/auth", "--auth-webhook-secret", "s"];
        assert!(options(&webhook).expect("fits").proof.is_some_and(|proof| proof.webhook.is_some()));
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        let off = |rest: &[&str]| options(&[&["--auth", "off"], rest].concat()).map(drop);
        assert_eq!(off(&["--jwt-secret", "s"]), Err(AccessConfigError::OffBut("--jwt-secret")));
        assert_eq!(off(&["--jwks", "https://a.example/jwks"]), Err(AccessConfigError::OffBut("--jwks")));
        assert_eq!(options(&["--auth", "jwt"]).map(drop), Err(AccessConfigError::NoProof));
        let webhook = ["--auth-webhook", "https://app.example.com/auth"];
        assert_eq!(options(&webhook).map(drop), Err(AccessConfigError::NoWebhookSecret));
        assert_eq!(options(&["--auth-webhook-secret", "s"]).map(drop), Err(AccessConfigError::NoWebhook));
    }

    #[test]
    fn what_makes_no_sense_is_not_read() {
        for line in [
            ["--jwt-secret", ""],
            ["--jwks", "ftp://a.example/jwks"],
            ["--jwks", ""],
            ["--auth-webhook", "app.example.com"],
            ["--auth", "on"],
            ["--auth-failures", "0"],
            ["--max-ticket-ttl", "0s"],
            ["--max-ticket-ttl", "100y"],
            ["--jwt-leeway", "1d"],
        ] {
            assert!(Line::try_parse_from(["triproom"].iter().chain(&line)).is_err(), "{line:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let line = ["triproom", "--jwt-secret", "hush", "--auth-webhook-secret", "hush"];
        let access = Line::try_parse_from(line).expect("it can be read").access;
        assert!(!format!("{access:?}").contains("hush"));
    }
}
