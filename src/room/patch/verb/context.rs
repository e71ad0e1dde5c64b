//! In whose name and when operations are done, and by what chance ids are made: the core has neither a clock nor dice, so
//! all of it comes in with the operations. Made by whoever takes them from a client; read by `read`.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::room::principal::PrincipalId;

/// Characters of a made id, of 32 kinds each: none that is easily taken for another.
const ID_CHARACTERS: usize = 12;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What the server adds to operations.
#[derive(Debug, Clone)]
pub struct Context {
    /// Their author.
    pub by: PrincipalId,
    /// When they came.
    pub at: Timestamp,
    /// Random bytes, other ones for every list of operations: the ids of what is added follow from them.
    pub seed: [u8; 16],
}

impl Context {
    /// The id of what the operation at `index` adds.
    pub(super) fn id(&self, prefix: &str, index: usize) -> String {
        let hash = Sha256::new().chain_update(self.seed).chain_update(index.to_le_bytes()).finalize();
        let characters = hash.iter().take(ID_CHARACTERS).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        format!("{prefix}-{}", characters.collect::<String>())
    }
}
