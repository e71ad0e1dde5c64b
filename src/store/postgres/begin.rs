//! How transactions begin: with their limits, which end with them. What is set for a connection would not hold behind a
//! pooler, which gives the next transaction another one. The pool and the sink begin by it; nothing is asked outside of a
//! transaction but at the start.

use std::time::Duration;

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

/// A writing transaction of ours pauses for no longer than this: a process that was stopped in the middle of one must not keep
/// others from writing.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Begins a transaction, in one round trip. The server ends each statement that takes longer than the client would wait, and
/// whose client pauses for too long: after that nobody needs its locks.
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
    let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let limit = millis(options.patience);
    let pause = if how == Begin::Write { millis(options.patience.min(PAUSE_MAX)) } else { limit };
    let statement = format!(
        "{begin}; SET LOCAL statement_timeout = {limit}; SET LOCAL idle_in_transaction_session_timeout = {pause}"
    );
    connection.begin_with(AssertSqlSafe(statement)).await
}
