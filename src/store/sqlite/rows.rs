//! The transaction that writes a batch: its rows, and what else is in it.
//! Only the sink calls it. It must never write a row twice, nor take another process's row for its own.

use std::sync::LazyLock;

use hashbrown::HashMap;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection, Row, Sqlite, SqliteConnection};

use crate::room::id::RoomId;
use crate::store::error::StoreError;
use crate::store::events::sqlite::statements;
use crate::store::fault::{FaultSwitch, commit, committing};
use crate::store::ledger::Batch;
use crate::store::moment::now;
use crate::store::seal::{SealedRow, signed};
use crate::store::sink::{Attempt, Committed};

/// Rows of the largest statement. Where there are many, those that fill it go by one that need not look for places left.
const BULK: usize = 128;

const INSERT_ONE: &str = "INSERT INTO log (seq, room, checksum, data) VALUES (?,?,?,?)";
static INSERT_BULK: LazyLock<String> =
    LazyLock::new(|| format!("INSERT INTO log (seq, room, checksum, data) VALUES {}", places(BULK)));

/// Rows of the statements for fewer. Each statement is a hop to SQLite's thread and back, which costs as much as some dozens of
/// rows, so all go into one, and what is left of its places is null; of each size there is one, for preparing costs as much, too.
const SIZES: [usize; 7] = [2, 4, 8, 16, 32, 64, BULK];
static INSERT_SOME: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| {
    SIZES.map(|size| {
        format!(
            "INSERT INTO log (seq, room, checksum, data) \
             SELECT column1, column2, column3, column4 FROM (VALUES {}) WHERE column1 IS NOT NULL",
            places(size)
        )
    })
});

fn places(rows: usize) -> String {
    vec!["(?,?,?,?)"; rows].join(",")
}

/// One transaction for a batch, see [`Sink::commit_batch`](crate::store::sink::Sink::commit_batch).
pub(super) async fn commit_batch(
    connection: &mut SqliteConnection,
    batch: &Batch,
    known: &HashMap<RoomId, Option<i64>>,
    attempt: Attempt,
    fault: Option<&FaultSwitch>,
) -> Result<Committed, StoreError> {
    let is_plain = attempt == Attempt::First && batch.rows.len() <= BULK && batch.news.len() == 0;
    if let Some(ids) = all_known(known).filter(|_| is_plain) {
        // One statement is a transaction by itself.
        let rows = sealed(batch, &ids);
        committing(insert(connection, &rows), fault).await?;
        return Ok(Committed { ids, events: Vec::new() });
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let ids = room_ids(&mut transaction, known).await?;
    let rows = sealed(batch, &ids);
    if attempt == Attempt::First || !already_there(&mut transaction, &rows).await? {
        insert(&mut transaction, &rows).await?;
    }
    let events = statements::commit(&mut transaction, &batch.news, &ids, attempt).await?;
    commit(transaction, fault).await?;
    Ok(Committed { ids, events })
}

/// The ids of all these rooms, when each has one.
fn all_known(known: &HashMap<RoomId, Option<i64>>) -> Option<HashMap<RoomId, i64>> {
    known.iter().map(|(room, id)| Some((room.clone(), (*id)?))).collect()
}

fn sealed<'a>(batch: &'a Batch, ids: &HashMap<RoomId, i64>) -> Vec<SealedRow<'a>> {
    batch.rows.iter().map(|row| SealedRow::new(row, ids[row.life.room()])).collect()
}

/// The ids of all these rooms; those without one get one.
pub(super) async fn room_ids(
    connection: &mut SqliteConnection,
    known: &HashMap<RoomId, Option<i64>>,
) -> Result<HashMap<RoomId, i64>, StoreError> {
    let mut ids = HashMap::with_capacity(known.len());
    let mut unknown = HashMap::new();
    for (room, id) in known {
        match id {
            Some(id) => _ = ids.insert(room.clone(), *id),
            None => _ = unknown.insert(room.as_str(), room),
        }
    }
    if unknown.is_empty() {
        return Ok(ids);
    }
    // Two statements, however many rooms there are.
    let names = serde_json::to_string(&unknown.keys().collect::<Vec<_>>()).expect("strings are JSON");
    sqlx::query("INSERT INTO rooms (name, created_at) SELECT value, ?2 FROM json_each(?1) WHERE TRUE ON CONFLICT (name) DO NOTHING")
        .bind(&names)
        .bind(now())
        .execute(&mut *connection)
        .await?;
    let rows = sqlx::query("SELECT id, name FROM rooms WHERE name IN (SELECT value FROM json_each(?))")
        .bind(&names)
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let room = unknown[row.try_get::<&str, _>(1)?];
        ids.insert(room.clone(), row.try_get(0)?);
    }
    Ok(ids)
}

/// Whether an earlier attempt at exactly this batch was committed after all.
async fn already_there(connection: &mut SqliteConnection, rows: &[SealedRow<'_>]) -> Result<bool, StoreError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(true) };
    let (first, last) = (first.row.sequence, last.row.sequence);
    let found = sqlx::query("SELECT count(*), coalesce(sum(checksum), 0) FROM log WHERE seq BETWEEN ? AND ?")
        .bind(signed(first.0))
        .bind(signed(last.0))
        .fetch_one(connection)
        .await?;
    let (count, sum): (i64, i64) = (found.try_get(0)?, found.try_get(1)?);
    if count == 0 {
        return Ok(false);
    }
    let expected: i64 = rows.iter().map(|row| i64::from(row.checksum)).sum();
    if count.cast_unsigned() == rows.len() as u64 && sum == expected {
        return Ok(true);
    }
    Err(StoreError::ForeignRows { first: first.0, last: last.0 })
}

async fn insert(connection: &mut SqliteConnection, rows: &[SealedRow<'_>]) -> Result<(), StoreError> {
    let (bulks, rest) = rows.as_chunks::<BULK>();
    for bulk in bulks {
        insert_each(connection, INSERT_BULK.as_str(), bulk).await?;
    }
    match rest {
        [] => Ok(()),
        [_] => insert_each(connection, INSERT_ONE, rest).await,
        // What is not bound is null.
        rest => insert_each(connection, &INSERT_SOME[SIZES.partition_point(|size| *size < rest.len())], rest).await,
    }
}

/// By a statement that has parameters for these rows.
async fn insert_each(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[SealedRow<'_>],
) -> Result<(), StoreError> {
    let query = rows.iter().fold(sqlx::query(statement), |query, row| bind(query, row));
    query.execute(connection).await?;
    Ok(())
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, sealed: &SealedRow<'_>) -> Query<'q, Sqlite, SqliteArguments> {
    let SealedRow { row, room, checksum } = sealed;
    query.bind(signed(row.sequence.0)).bind(*room).bind(*checksum).bind(&row.data[..])
}
