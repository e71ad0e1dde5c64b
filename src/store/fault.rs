//! Faults on demand, for tests: commits that fail, commits that succeed and say that they failed, commits that hang.
//! Tests hold one end, the writer the other. Without a switch in the configuration none of this runs.

use std::sync::Arc;

use tokio::sync::watch;

use super::error::StoreError;

/// What goes wrong at every commit until the switch is set anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The transaction is rolled back and reported as failed.
    BeforeCommit,
    /// The transaction is committed and reported as failed: for the writer its outcome is unknown.
    AfterCommit,
    /// The writer waits before it commits, until the switch is set to something else.
    Stall,
    /// The commit that waits, or else the next one, is made; those behind it wait.
    Step,
}

/// Commits a transaction, unless a test wants it otherwise.
pub(super) async fn commit<DB: sqlx::Database>(
    transaction: sqlx::Transaction<'_, DB>,
    fault: Option<&FaultSwitch>,
) -> Result<(), StoreError> {
    committing(async { Ok(transaction.commit().await?) }, fault).await
}

/// Does what commits, unless a test wants it otherwise.
pub(super) async fn committing(
    commit: impl Future<Output = Result<(), StoreError>>,
    fault: Option<&FaultSwitch>,
) -> Result<(), StoreError> {
    if let Some(fault) = fault {
        fault.before_commit().await?;
    }
    commit.await?;
    if let Some(fault) = fault {
        fault.after_commit()?;
    }
    Ok(())
}

/// A shared handle that makes the store's commits fail. For tests.
#[derive(Debug, Clone, Default)]
pub struct FaultSwitch {
    fault: Arc<watch::Sender<Fault>>,
    struck: Arc<watch::Sender<u64>>,
}

impl FaultSwitch {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every commit meets `fault`.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many commits met a fault, to wait on.
    pub fn struck(&self) -> watch::Receiver<u64> {
        self.struck.subscribe()
    }

    async fn before_commit(&self) -> Result<(), StoreError> {
        let mut fault = self.fault.subscribe();
        if *fault.borrow_and_update() == Fault::Stall {
            self.strike();
            // An error would mean that the sender is gone; `self` holds it.
            let _ = fault.wait_for(|fault| *fault != Fault::Stall).await;
        }
        let now = *fault.borrow();
        match now {
            Fault::BeforeCommit => {
                self.strike();
                return Err(StoreError::Injected("before"));
            }
            Fault::Step => self.set(Fault::Stall),
            Fault::None | Fault::AfterCommit | Fault::Stall => {}
        }
        Ok(())
    }

    fn after_commit(&self) -> Result<(), StoreError> {
        if *self.fault.borrow() == Fault::AfterCommit {
            self.strike();
            return Err(StoreError::Injected("after"));
        }
        Ok(())
    }

    fn strike(&self) {
        self.struck.send_modify(|struck| *struck += 1);
    }
}
