//! The statements of a copy, the same in both databases: this file is compiled twice, once for each engine, because sqlx's
//! types differ while the SQL does not. The engine beside it says how a transaction begins and what else it has to note.

use sqlx::{Connection, QueryBuilder, Row};

use super::{BEGIN, BEGIN_READ, Engine, EngineConnection, EngineRow, NOTE_SEQUENCE};
use crate::room::id::RoomId;
use crate::store::moment::now;
use crate::store::seal::{row_checksum, signed};
use crate::store::transfer::RoomWrite;
use crate::store::transfer::table::{KEPT_TABLES, Kind, Line, Lines, Table, Value};
use crate::store::{Sequence, StoredRow};

/// Lines of one INSERT; an event may be long.
const INSERT_LINES: usize = 100;
/// Rows of one INSERT, and bytes after which it takes no further one.
const INSERT_ROWS: usize = 1_000;
const INSERT_BYTES: usize = 4 << 20;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// The lines of a room.
pub(in crate::store::transfer) async fn room_lines(
    connection: &mut EngineConnection,
    table: &Table,
    room: &RoomId,
) -> Result<Vec<Line>> {
    let mut query = select(table);
    query.push(" WHERE room = ").push_bind(room.as_str().to_owned());
    read(connection, table, query).await
}

/// What is kept of a room beside its document, as of one moment.
pub(in crate::store::transfer) async fn kept_lines(
    connection: &mut EngineConnection,
    room: &RoomId,
) -> Result<Vec<Lines>> {
    let mut transaction = connection.begin_with(BEGIN_READ).await?;
    let mut kept = Vec::with_capacity(KEPT_TABLES.len());
    for table in &KEPT_TABLES {
        kept.push(Lines::new(table, room_lines(&mut transaction, table, room).await?));
    }
    transaction.commit().await?;
    Ok(kept)
}

/// At most `limit` lines in the order of their keys, from the one behind `after` on.
pub(in crate::store::transfer) async fn page(
    connection: &mut EngineConnection,
    table: &Table,
    after: Option<&Line>,
    limit: i64,
) -> Result<Vec<Line>> {
    let key: Vec<&str> = table.columns[..table.key].iter().map(|(name, _)| *name).collect();
    let key = key.join(", ");
    let mut query = select(table);
    if let Some(after) = after {
        query.push(format!(" WHERE ({key}) > ("));
        push_list(&mut query, table, after.key());
        query.push(")");
    }
    query.push(format!(" ORDER BY {key} LIMIT ")).push_bind(limit);
    read(connection, table, query).await
}

/// The line with the key of this one.
pub(in crate::store::transfer) async fn same_key(
    connection: &mut EngineConnection,
    table: &Table,
    line: &Line,
) -> Result<Option<Line>> {
    let mut query = select(table);
    push_key(&mut query, table, line);
    Ok(read(connection, table, query).await?.pop())
}

/// When the room was first written to.
pub(in crate::store::transfer) async fn written_at(
    connection: &mut EngineConnection,
    room: &RoomId,
) -> Result<Option<i64>> {
    let query = sqlx::query_scalar("SELECT created_at FROM rooms WHERE name = $1").bind(room.as_str());
    query.fetch_optional(connection).await
}

/// Puts these lines in the place of those with their keys, in one transaction.
pub(in crate::store::transfer) async fn put_lines(
    connection: &mut EngineConnection,
    table: &Table,
    lines: &[Line],
) -> Result<()> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    for line in lines {
        for gone in [Some(table.name), table.settles].into_iter().flatten() {
            let mut query = QueryBuilder::new(format!("DELETE FROM {gone}"));
            push_key(&mut query, table, line);
            query.build().execute(&mut *transaction).await?;
        }
    }
    insert_lines(&mut transaction, table, lines).await?;
    transaction.commit().await
}

/// Puts a room in the place of what is there of it, in one transaction.
pub(in crate::store::transfer) async fn put_room(
    connection: &mut EngineConnection,
    write: &RoomWrite<'_>,
) -> Result<()> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    for lines in write.lines.iter().chain(write.kept) {
        let mut query = QueryBuilder::new(format!("DELETE FROM {} WHERE room = ", lines.table.name));
        push(&mut query, lines.table.columns[0].1, &Value::Text(write.room.as_str().to_owned()));
        query.build().execute(&mut *transaction).await?;
    }
    for lines in write.lines {
        insert_lines(&mut transaction, lines.table, &lines.lines).await?;
    }
    delete_document(&mut transaction, write).await?;
    if let Some(written_at) = write.written_at {
        let id: i64 = sqlx::query_scalar("INSERT INTO rooms (name, created_at) VALUES ($1, $2) RETURNING id")
            .bind(write.room.as_str())
            .bind(written_at)
            .fetch_one(&mut *transaction)
            .await?;
        insert_document(&mut transaction, id, write).await?;
        for lines in write.kept {
            insert_lines(&mut transaction, lines.table, &lines.lines).await?;
        }
    }
    transaction.commit().await
}

async fn delete_document(connection: &mut EngineConnection, write: &RoomWrite<'_>) -> Result<()> {
    let id: Option<i64> = sqlx::query_scalar("SELECT id FROM rooms WHERE name = $1")
        .bind(write.room.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(id) = id else { return Ok(()) };
    if let Some((first, last)) = write.old_rows {
        // By sequence, too: one of the logs has no index on room.
        sqlx::query("DELETE FROM log WHERE room = $1 AND seq BETWEEN $2 AND $3")
            .bind(id)
            .bind(signed(first.0))
            .bind(signed(last.0))
            .execute(&mut *connection)
            .await?;
    }
    for statement in ["DELETE FROM snapshots WHERE room = $1", "DELETE FROM rooms WHERE id = $1"] {
        sqlx::query(statement).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_document(connection: &mut EngineConnection, id: i64, write: &RoomWrite<'_>) -> Result<()> {
    if let Some(snapshot) = &write.snapshot {
        sqlx::query(
            "INSERT INTO snapshots (room, generation, checksum, raw_length, data, written_at) VALUES ($1, 1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(i64::from(snapshot.checksum))
        .bind(signed(snapshot.raw_length))
        .bind(&snapshot.data[..])
        .bind(now())
        .execute(&mut *connection)
        .await?;
    }
    let (mut rest, mut next) = (write.rows, write.first.0);
    while !rest.is_empty() {
        let (chunk, others) = rest.split_at(fitting(rest));
        let mut query = QueryBuilder::new("INSERT INTO log (room, seq, checksum, data) ");
        query.push_values((next..).map(Sequence).zip(chunk), |mut tuple, (sequence, row)| {
            tuple.push_bind(id).push_bind(signed(sequence.0));
            tuple.push_bind(i64::from(row_checksum(sequence, id, &row.data))).push_bind(row.data.to_vec());
        });
        query.build().execute(&mut *connection).await?;
        next += chunk.len() as u64;
        rest = others;
    }
    if let Some(note) = NOTE_SEQUENCE {
        sqlx::query(note).bind(signed(next - 1)).execute(connection).await?;
    }
    Ok(())
}

/// How many of these rows go into one INSERT.
fn fitting(rows: &[StoredRow]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&StoredRow| {
        let room_left = bytes < INSERT_BYTES;
        bytes += row.data.len();
        room_left
    };
    rows.iter().take(INSERT_ROWS).take_while(fits).count()
}

async fn insert_lines(connection: &mut EngineConnection, table: &Table, lines: &[Line]) -> Result<()> {
    for lines in lines.chunks(INSERT_LINES) {
        let mut query = QueryBuilder::new(format!("INSERT INTO {} ({}) VALUES ", table.name, table.list()));
        for (at, line) in lines.iter().enumerate() {
            query.push(if at == 0 { "(" } else { ", (" });
            push_list(&mut query, table, &line.values);
            query.push(")");
        }
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn select(table: &Table) -> QueryBuilder<Engine> {
    QueryBuilder::new(format!("SELECT {} FROM {}", table.list(), table.from))
}

async fn read(connection: &mut EngineConnection, table: &Table, mut query: QueryBuilder<Engine>) -> Result<Vec<Line>> {
    query.build().fetch_all(connection).await?.iter().map(|row| read_line(table, row)).collect()
}

fn read_line(table: &Table, row: &EngineRow) -> Result<Line> {
    let values = table.columns.iter().enumerate().map(|(at, (_, kind))| {
        let value = match kind {
            Kind::Room | Kind::Text => row.try_get::<Option<String>, _>(at)?.map(Value::Text),
            Kind::Integer => row.try_get::<Option<i64>, _>(at)?.map(Value::Integer),
            Kind::Flag => row.try_get::<Option<bool>, _>(at)?.map(Value::Flag),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(Value::Bytes),
        };
        Ok(value.unwrap_or(Value::Null))
    });
    Ok(table.line(values.collect::<Result<_>>()?))
}

/// ` WHERE` the key is that of `line`.
fn push_key(query: &mut QueryBuilder<Engine>, table: &Table, line: &Line) {
    for (at, (column, value)) in table.columns.iter().zip(line.key()).enumerate() {
        query.push(if at == 0 { " WHERE " } else { " AND " }).push(column.0).push(" = ");
        push(query, column.1, value);
    }
}

fn push_list(query: &mut QueryBuilder<Engine>, table: &Table, values: &[Value]) {
    for (at, (column, value)) in table.columns.iter().zip(values).enumerate() {
        if at > 0 {
            query.push(", ");
        }
        push(query, column.1, value);
    }
}

fn push(query: &mut QueryBuilder<Engine>, kind: Kind, value: &Value) {
    match (value, kind) {
        (Value::Text(room), Kind::Room) => {
            query.push("(SELECT id FROM rooms WHERE name = ").push_bind(room.clone()).push(")")
        }
        (Value::Text(text), _) => query.push_bind(text.clone()),
        (Value::Integer(number), _) => query.push_bind(*number),
        (Value::Flag(flag), _) => query.push_bind(*flag),
        (Value::Bytes(bytes), _) => query.push_bind(bytes.clone()),
        (Value::Null, Kind::Room | Kind::Text) => query.push_bind(None::<String>),
        (Value::Null, Kind::Integer) => query.push_bind(None::<i64>),
        (Value::Null, Kind::Flag) => query.push_bind(None::<bool>),
        (Value::Null, Kind::Bytes) => query.push_bind(None::<Vec<u8>>),
    };
}
