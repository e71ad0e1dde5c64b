//! The statements of events for Postgres.

#[path = "statements.rs"]
pub(in crate::store) mod statements;

use sqlx::postgres::{PgRow, Postgres};

type Engine = Postgres;
type EngineConnection = sqlx::PgConnection;
type EngineRow = PgRow;
