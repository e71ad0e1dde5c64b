//! The statements of events for SQLite.

#[path = "statements.rs"]
pub(in crate::store) mod statements;

use sqlx::sqlite::{Sqlite, SqliteRow};

type Engine = Sqlite;
type EngineConnection = sqlx::SqliteConnection;
type EngineRow = SqliteRow;
