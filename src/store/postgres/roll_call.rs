//! Which servers are up that share the database, by its own clock. Called through the store's `Reader`. It must never wait
//! for another server's row.

use super::begin::Begin;
use super::pool::PostgresPool;
use crate::room::node::NodeId;
use crate::store::error::StoreError;

/// Says that this node is up, and which others said so in the last seconds.
pub(super) async fn roll_call(pool: &PostgresPool, node: NodeId) -> Result<Vec<NodeId>, StoreError> {
    let id = node.0.cast_signed();
    let others: Vec<i64> = pool
        .transact(
            Begin::Write,
            move |connection| {
                Box::pin(async move {
                    // Those that were killed are forgotten by whoever comes first.
                    sqlx::query(
                        "DELETE FROM nodes WHERE id IN (SELECT id FROM nodes
                         WHERE seen_at < now() - interval '1 minute' FOR UPDATE SKIP LOCKED)",
                    )
                    .persistent(false)
                    .execute(&mut *connection)
                    .await?;
                    sqlx::query(
                        "INSERT INTO nodes (id, seen_at) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET seen_at = now()",
                    )
                    .bind(id)
                    .persistent(false)
                    .execute(&mut *connection)
                    .await?;
                    sqlx::query_scalar("SELECT id FROM nodes WHERE id <> $1 AND seen_at > now() - interval '3 seconds'")
                        .bind(id)
                        .persistent(false)
                        .fetch_all(&mut *connection)
                        .await
                })
            },
            None,
        )
        .await?;
    Ok(others.into_iter().map(|id| NodeId(id.cast_unsigned())).collect())
}
