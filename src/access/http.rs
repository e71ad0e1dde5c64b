//! How this server asks others: a client that follows nobody's redirects, and answers that are read up to a bound.
//! Key sets and webhooks use it. What is asked for must never decide where to ask.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use sha2::Sha256;

/// What the signature of what is posted is in.
pub const SIGNATURE: &str = "x-triproom-signature";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Not reached, too slow, or broken off.
    #[error("{}", chain(.0))]
    Http(#[from] reqwest::Error),
    /// A redirect, or an error.
    #[error("it answered {0}")]
    Status(reqwest::StatusCode),
    /// The answer is too long.
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is not what it should be.
    #[error("its answer makes no sense: {0}")]
    Nonsense(String),
    /// It took longer than this, waiting for its turn included.
    #[error("it took longer than {0:?}")]
    TooSlow(Duration),
}

/// A client. Whoever asks says how long the exchange may take.
pub fn client() -> Result<Client, reqwest::Error> {
    // Whoever was first wins, and everybody here would choose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).user_agent("triproom").build()
}

/// The whole body, if it has at most `most` bytes.
pub(super) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, AskError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(AskError::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `t` is when it was posted, in seconds since 1970, so that an old one can be told; `v1` is the HMAC-SHA-256 over that, a dot and
/// the body.
pub fn signature(secret: &[u8], now: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{now}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={now},v1={hex}")
}

/// An error with what caused it; never the address, which may hold a secret.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { "not reached".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
