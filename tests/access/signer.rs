//! Issuers of tokens with real keys; the keys are in `tests/fixtures/keys`.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;

const RSA: &[u8] = include_bytes!("../fixtures/keys/rsa.der");
const RSA_NEXT: &[u8] = include_bytes!("../fixtures/keys/rsa-next.der");
const EC: &[u8] = include_bytes!("../fixtures/keys/ec.der");
const ED: &[u8] = include_bytes!("../fixtures/keys/ed.der");
/// The public key of `Signer::rsa`, as everybody can have it.
pub const RSA_PUBLIC: &[u8] = include_bytes!("../fixtures/keys/rsa-public.pem");

pub struct Signer {
    pub header: Header,
    pub key: EncodingKey,
}

impl Signer {
    pub fn secret(secret: impl AsRef<[u8]>) -> Self {
        Self { header: Header::new(Algorithm::HS256), key: EncodingKey::from_secret(secret.as_ref()) }
    }

    pub fn rsa() -> Self {
        Self { header: named(Algorithm::RS256, "rsa"), key: EncodingKey::from_rsa_der(RSA) }
    }

    /// Another RSA key, for rotation.
    pub fn rsa_next() -> Self {
        Self { header: named(Algorithm::RS256, "rsa-next"), key: EncodingKey::from_rsa_der(RSA_NEXT) }
    }

    pub fn ec() -> Self {
        Self { header: named(Algorithm::ES256, "ec"), key: EncodingKey::from_ec_der(EC) }
    }

    pub fn ed() -> Self {
        Self { header: named(Algorithm::EdDSA, "ed"), key: EncodingKey::from_ed_der(ED) }
    }

    /// The same key under another header.
    pub fn with(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    pub fn sign(&self, claims: &Value) -> String {
        encode(&self.header, claims, &self.key).unwrap()
    }
}

fn named(algorithm: Algorithm, id: &str) -> Header {
    Header { kid: Some(id.to_owned()), ..Header::new(algorithm) }
}

/// The public halves of all these keys, or of those with these names.
pub fn key_set(ids: &[&str]) -> Value {
    let all: Value = serde_json::from_str(include_str!("../fixtures/keys/jwks.json")).unwrap();
    let keys = all["keys"].as_array().unwrap().iter();
    let keys: Vec<_> = keys.filter(|key| ids.is_empty() || ids.contains(&key["kid"].as_str().unwrap())).collect();
    serde_json::json!({ "keys": keys })
}

/// These claims with an `exp`, unless they have one.
pub fn in_an_hour(mut claims: Value) -> Value {
    let exp = claims.as_object_mut().unwrap().entry("exp").or_insert(Value::Null);
    if exp.is_null() {
        *exp = (now() + 3_600).into();
    }
    claims
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A JWT of any parts.
pub fn assemble(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}
