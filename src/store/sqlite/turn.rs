//! Whose turn it is to write to the file, among those in this process who do: the writer of the log and the directory.
//! SQLite lets one write at a time and has the others look again after pauses that grow, in no order: whoever comes
//! seldom would wait long beside somebody who comes all the time. Here they come in the order in which they asked.
//! It must never be kept over anything but a transaction.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// See the module. Clones share one turn.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// Waits for the turn, which lasts until the answer is dropped.
    pub(in crate::store) async fn take(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0).lock_owned().await
    }
}
