//! How transactions begin: with their limits, which end with them. What is set for a connection would not hold behind a
//! pooler, which gives the next transaction another one. The pool and the sink begin by it; nothing is asked outside of a
//! transaction but at the start.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};

use crate::store::PostgresOptions;

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Begin {
    /// Read all as of one moment.
    Read,
    /// Read and write.
    Write,
    /// What a writing one does, as far as that is reading.
    WriteNothing,
}

/// Begins a transaction, in one round trip. The server ends each statement, and each pause of ours, that takes longer than
/// the client would wait: after that nobody needs its locks.
pub(super) async fn begin<'c>(
    connection: &'c mut PgConnection,
    how: Begin,
    options: &PostgresOptions,
) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
    let begin = match how {
        Begin::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Begin::Write => "BEGIN",
        Begin::WriteNothing => "BEGIN READ ONLY",
    };
    // The most that the server takes is 24 days.
    let limit = i32::try_from(options.patience.as_millis()).unwrap_or(i32::MAX);
    let statement = format!(
        "{begin}; SET LOCAL statement_timeout = {limit}; SET LOCAL idle_in_transaction_session_timeout = {limit}"
    );
    connection.begin_with(AssertSqlSafe(statement)).await
}
