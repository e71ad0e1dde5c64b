//! What is kept of requests with an idempotency key, for the case that they are repeated.
//! The directory keeps it, `api` answers by it.

use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;

/// A request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceKey {
    /// Who sent it; each principal has keys of its own.
    pub scope: PrincipalId,
    /// Its key.
    pub key: String,
    /// Of the request, so that another one under the same key is noticed.
    pub fingerprint: [u8; 32],
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// What came of a request with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// It was answered.
    Answered(Remembered),
    /// It made this room, and was not answered.
    Made(RoomId),
    /// It was another request.
    Other,
}

/// How much is kept. Beyond, the oldest go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Answers.
    pub answers: usize,
    /// Bytes of them, with half a KiB for each beside its body.
    pub bytes: u64,
}
