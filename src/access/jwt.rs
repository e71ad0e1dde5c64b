//! Tokens of the product's login: JWTs (RFC 7519) with HS256 by a shared secret, or RS256, ES256 and EdDSA by a key set.
//! `Access::identify` gives every JWT here that is no ticket. A key verifies one algorithm, whatever a header says.

use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::de::DeserializeOwned;

use super::claims::Claims;
use super::failures::Effort;
use super::key_set::{KeySet, NoKey};
use super::options::JwtOptions;
use super::{BadToken, Identity, Refused};

/// What verifies tokens.
pub(super) struct Tokens {
    secret: Option<DecodingKey>,
    keys: Option<KeySet>,
    checks: Validation,
    leeway: Duration,
}

impl Tokens {
    pub(super) fn new(options: &JwtOptions, keys: Option<KeySet>) -> Self {
        let secret = options.secret.as_ref().map(|secret| DecodingKey::from_secret(secret.bytes()));
        let mut checks = Validation {
            leeway: options.leeway.as_secs(),
            validate_nbf: true,
            validate_aud: !options.audiences.is_empty(),
            ..Validation::default()
        };
        let mut required = vec!["exp"];
        if !options.audiences.is_empty() {
            checks.set_audience(&options.audiences);
            required.push("aud");
        }
        if !options.issuers.is_empty() {
            checks.set_issuer(&options.issuers);
            required.push("iss");
        }
        checks.set_required_spec_claims(&required);
        Self { secret, keys, checks, leeway: options.leeway }
    }

    /// Who a token is of.
    pub(super) async fn verify(&self, token: &str, header: &Header, effort: Effort<'_>) -> Result<Identity, Refused> {
        let claims: Claims = match (header.alg, &self.secret, &self.keys) {
            (Algorithm::HS256, Some(secret), _) => self.decode(token, secret, Algorithm::HS256)?,
            (Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA, _, Some(keys)) => {
                self.decode_by_set(token, header, keys, effort).await?
            }
            _ => return Err(BadToken::Algorithm.into()),
        };
        claims.identity(self.leeway, SystemTime::now())
    }

    async fn decode_by_set(
        &self,
        token: &str,
        header: &Header,
        keys: &KeySet,
        effort: Effort<'_>,
    ) -> Result<Claims, Refused> {
        let mut candidates = keys.known(header.alg, header.kid.as_deref());
        if candidates.is_empty() {
            let _asking = effort.spend().await?;
            let fresh = keys.fresh(header.alg, header.kid.as_deref()).await;
            candidates = fresh.map_err(|error| match error {
                NoKey::Unknown => BadToken::UnknownKey.into(),
                NoKey::IssuerDown => Refused::IssuerDown,
            })?;
        }
        let mut outcome = Err(BadToken::UnknownKey.into());
        for candidate in candidates {
            outcome = self.decode(token, &candidate.key, candidate.algorithm);
            if outcome != Err(BadToken::Signature.into()) {
                break;
            }
        }
        outcome
    }

    fn decode(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Refused> {
        decode_claims(token, key, &Validation { algorithms: vec![algorithm], ..self.checks.clone() })
    }
}

/// The header of a JWT, nothing checked; nothing when it is none, or asks for what is not understood here (`crit`).
pub(super) fn header(token: &str) -> Option<Header> {
    decode_header(token).ok().filter(|header| header.crit.is_none())
}

/// The claims of a JWT, everything checked.
pub(super) fn decode_claims<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    checks: &Validation,
) -> Result<T, Refused> {
    let bad = match decode(token, key, checks) {
        Ok(decoded) => return Ok(decoded.claims),
        Err(error) => match error.kind() {
            ErrorKind::ExpiredSignature => return Err(Refused::Expired),
            ErrorKind::InvalidSignature => BadToken::Signature,
            ErrorKind::ImmatureSignature => BadToken::NotYet,
            ErrorKind::InvalidAlgorithm => BadToken::Algorithm,
            ErrorKind::InvalidAudience => BadToken::Audience,
            ErrorKind::InvalidIssuer => BadToken::Issuer,
            ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => BadToken::Audience,
            ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => BadToken::Issuer,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
                BadToken::Claims
            }
            _ => BadToken::Malformed,
        },
    };
    Err(bad.into())
}
