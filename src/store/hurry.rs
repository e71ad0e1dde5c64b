//! Whether somebody waits until what is queued is committed. Room logs call it through the `Ledger`, the writer looks and
//! listens. It must never make any of them wait for the others.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Hurry {
    is_on: AtomicBool,
    begins: Notify,
}

impl Hurry {
    /// Somebody waits.
    pub(super) fn begin(&self) {
        if !self.is_on.swap(true, Ordering::Relaxed) {
            self.begins.notify_one();
        }
    }

    /// A batch was taken; when something was left, that has waited long enough.
    pub(super) fn taken(&self, is_all: bool) {
        self.is_on.store(!is_all, Ordering::Relaxed);
    }

    /// Whether somebody waits for the next batch, or did so for the last one.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Waits until it begins; now and then it has ended by then.
    pub(super) async fn begun(&self) {
        self.begins.notified().await;
    }
}
