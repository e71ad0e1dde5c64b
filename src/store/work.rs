//! Work on a database that goes on whether its caller waits for it or has left, because it holds a lock or a connection.
//! The directory and the Postgres pool run it. It must never hide a panic.

use std::panic::resume_unwind;
use std::pin::Pin;

use super::error::StoreError;

/// The statements of one transaction, and what came of them.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// Runs `work` on a task of its own and waits for it.
pub(super) async fn on_own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime ends.
            Err(_) => Err(StoreError::Closed),
        },
    }
}
