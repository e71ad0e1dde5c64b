//! The statements of events and latest values, the same in both databases: this file is compiled twice, once for each
//! engine, because sqlx's types differ while the SQL does not. The sinks call them inside the transaction of a commit, the
//! readers inside one that only reads. No statement stays prepared: a pooler would mix them up.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hashbrown::HashMap;
use sqlx::{QueryBuilder, Row};

use super::{Engine, EngineConnection, EngineRow};
use crate::room::id::RoomId;
use crate::room::kept::{EventKind, EventSeq, Latest, LatestKey, NoKeptName, StoredEvent};
use crate::store::events::numbering::{Known, Numbered, Numbering};
use crate::store::events::retention::{RETAIN_EVENTS, Retention};
use crate::store::events::waiting::{EventId, News, QueuedEvent, QueuedLatest};
use crate::store::events::{EventPage, EventQuery, EventSpan};
use crate::store::moment::{from_millis, millis};
use crate::store::seal::{event_checksum, signed};
use crate::store::sink::Attempt;

/// Lines of one statement; each has a handful of parameters, of which SQLite takes 32,766.
const LINES: usize = 500;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Writes what of a batch is not rows, and says what became of each event; of rooms without an id nothing is written.
pub(in crate::store) async fn commit(
    connection: &mut EngineConnection,
    news: &News,
    ids: &HashMap<RoomId, i64>,
    attempt: Attempt,
) -> Result<Vec<Option<Numbered>>> {
    put_latest(connection, &news.latest, ids).await?;
    // Last, because it locks what other servers wait for.
    commit_events(connection, &news.events, ids, attempt).await
}

async fn commit_events(
    connection: &mut EngineConnection,
    events: &[QueuedEvent],
    ids: &HashMap<RoomId, i64>,
    attempt: Attempt,
) -> Result<Vec<Option<Numbered>>> {
    let with_ids = || events.iter().map(|event| (ids.get(event.life.room()).copied(), event));
    let rooms: BTreeSet<i64> = with_ids().filter_map(|(room, _)| room).collect();
    if rooms.is_empty() {
        return Ok(events.iter().map(|_| None).collect());
    }
    let counters = lock_counters(connection, &rooms).await?;
    // With the counters locked nobody else adds to these rooms, so what is not there now will not come.
    let maybe_known = with_ids().filter(|(_, event)| attempt == Attempt::Again || event.event.origin.is_some());
    let sought: Vec<(i64, &[u8])> = maybe_known.filter_map(|(room, event)| Some((room?, event.origin()))).collect();
    let known = find(connection, &sought).await?;
    let Numbering { new, answers, counters } = Numbering::new(with_ids(), counters, known);
    insert(connection, &new).await?;
    set_counters(connection, &counters).await?;
    Ok(answers)
}

/// The last numbers of these rooms, which stay so until the transaction ends.
async fn lock_counters(connection: &mut EngineConnection, rooms: &BTreeSet<i64>) -> Result<BTreeMap<i64, EventSeq>> {
    let rooms: Vec<i64> = rooms.iter().copied().collect();
    let mut counters = BTreeMap::new();
    for rooms in rooms.chunks(LINES) {
        let mut query = QueryBuilder::<Engine>::new("INSERT INTO event_counters (room, last) ");
        query.push_values(rooms, |mut line, room| {
            line.push_bind(*room).push("0");
        });
        // A line that changes nothing locks the counter all the same.
        query.push(" ON CONFLICT (room) DO UPDATE SET last = event_counters.last RETURNING room, last");
        for row in query.build().persistent(false).fetch_all(&mut *connection).await? {
            counters.insert(row.try_get(0)?, seq(&row, 1)?);
        }
    }
    Ok(counters)
}

async fn set_counters(connection: &mut EngineConnection, counters: &BTreeMap<i64, EventSeq>) -> Result<()> {
    let counters: Vec<(&i64, &EventSeq)> = counters.iter().collect();
    for counters in counters.chunks(LINES) {
        let mut query = QueryBuilder::<Engine>::new("INSERT INTO event_counters (room, last) ");
        query.push_values(counters, |mut line, (room, last)| {
            line.push_bind(**room).push_bind(signed(last.0));
        });
        query.push(" ON CONFLICT (room) DO UPDATE SET last = excluded.last");
        query.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Those of these events that are there.
async fn find(connection: &mut EngineConnection, sought: &[(i64, &[u8])]) -> Result<Known> {
    let mut known = Known::new();
    for sought in sought.chunks(LINES) {
        // Crossed, because SQLite would read all events to look for theirs among the sought.
        let mut query = QueryBuilder::<Engine>::new("SELECT room, origin, seq, id FROM (");
        query.push_values(sought, |mut line, (room, origin)| {
            line.push_bind(*room).push_bind(*origin);
        });
        query.push(") AS sought CROSS JOIN events WHERE room = sought.column1 AND origin = sought.column2");
        for row in query.build().persistent(false).fetch_all(&mut *connection).await? {
            let id = row.try_get::<&[u8], _>(3)?.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            known.insert((row.try_get(0)?, row.try_get(1)?), (seq(&row, 2)?, EventId(id)));
        }
    }
    Ok(known)
}

async fn insert(connection: &mut EngineConnection, new: &[(i64, EventSeq, &QueuedEvent)]) -> Result<()> {
    for new in new.chunks(LINES) {
        let mut query =
            QueryBuilder::<Engine>::new("INSERT INTO events (room, seq, at, kind, id, origin, checksum, body) ");
        query.push_values(new, |mut line, (room, seq, queued)| {
            let event = &queued.event;
            let at = millis(event.at);
            line.push_bind(*room).push_bind(signed(seq.0)).push_bind(at).push_bind(event.kind.as_str());
            line.push_bind(&queued.id.0[..]).push_bind(queued.origin());
            line.push_bind(i64::from(event_checksum(*seq, at, event.kind.as_str(), &event.body)));
            line.push_bind(&event.body[..]);
        });
        query.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Puts each value in the place of an older one. In the order of their keys, so that two servers do not wait in a circle.
async fn put_latest(
    connection: &mut EngineConnection,
    latest: &[QueuedLatest],
    ids: &HashMap<RoomId, i64>,
) -> Result<()> {
    let with_ids = latest.iter().filter_map(|latest| Some((*ids.get(latest.life.room())?, latest)));
    let mut latest: Vec<(i64, &QueuedLatest)> = with_ids.collect();
    latest.sort_unstable_by(|(room, one), (other_room, other)| {
        (room, &one.kind, &one.key).cmp(&(other_room, &other.kind, &other.key))
    });
    for latest in latest.chunks(LINES) {
        let mut query = QueryBuilder::<Engine>::new("INSERT INTO latest (room, kind, key, at, body) ");
        query.push_values(latest, |mut line, (room, latest)| {
            line.push_bind(*room).push_bind(latest.kind.as_str()).push_bind(latest.key.as_str());
            line.push_bind(latest.at).push_bind(latest.body.as_deref());
        });
        query.push(
            " ON CONFLICT (room, kind, key) DO UPDATE SET at = excluded.at, body = excluded.body
             WHERE latest.at <= excluded.at",
        );
        query.build().persistent(false).execute(&mut *connection).await?;
    }
    let with_gone: BTreeSet<i64> =
        latest.iter().filter(|(_, latest)| latest.body.is_none()).map(|(room, _)| *room).collect();
    for room in with_gone {
        sqlx::query::<Engine>("DELETE FROM latest WHERE room = $1 AND body IS NULL")
            .bind(room)
            .persistent(false)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The number of the room's newest event.
pub(in crate::store) async fn last(connection: &mut EngineConnection, room: &RoomId) -> Result<EventSeq> {
    let last: Option<i64> = sqlx::query_scalar::<Engine, _>(
        "SELECT last FROM event_counters JOIN rooms ON rooms.id = event_counters.room WHERE rooms.name = $1",
    )
    .bind(room.as_str())
    .persistent(false)
    .fetch_optional(connection)
    .await?;
    Ok(EventSeq(last.unwrap_or_default().cast_unsigned()))
}

/// A page of the room's events.
pub(in crate::store) async fn page(
    connection: &mut EngineConnection,
    room: &RoomId,
    wanted: &EventQuery,
) -> Result<EventPage> {
    let Some((id, first, last)) = extent(connection, room).await? else { return Ok(EventPage::default()) };
    let mut query = QueryBuilder::<Engine>::new("SELECT seq, at, kind, checksum, body FROM events WHERE room = ");
    query.push_bind(id);
    match wanted.span {
        EventSpan::After(seq) => query.push(" AND seq > ").push_bind(bounded(seq)),
        EventSpan::Before(seq) => query.push(" AND seq < ").push_bind(bounded(seq)),
    };
    if let Some(origin) = &wanted.origin {
        query.push(" AND origin = ").push_bind(origin.as_bytes().to_vec());
    }
    if !wanted.kinds.is_empty() {
        let mut kinds = query.push(" AND kind IN (").separated(", ");
        for kind in &wanted.kinds {
            kinds.push_bind(kind.as_str());
        }
        query.push(")");
    }
    query.push(match wanted.span {
        EventSpan::After(_) => " ORDER BY seq LIMIT ",
        EventSpan::Before(_) => " ORDER BY seq DESC LIMIT ",
    });
    let limit = i64::from(wanted.limit.get());
    let rows = query.push_bind(limit).build().persistent(false).fetch_all(connection).await?;
    let mut page = EventPage { first, last, ..EventPage::default() };
    for row in &rows {
        let Some(event) = read_event(row)? else {
            let seq = row.try_get::<i64, _>(0)?;
            tracing::error!(room = %room.for_log(), seq, "an event fails its checksum; it is left out and kept where it is");
            metrics::counter!("triproom_store_damaged_events_total").increment(1);
            page.damaged += 1;
            continue;
        };
        page.events.push(event);
    }
    page.events.sort_unstable_by_key(|event| event.seq);
    Ok(page)
}

/// The room's id, its first event that is kept or the next that will be, and its newest.
async fn extent(connection: &mut EngineConnection, room: &RoomId) -> Result<Option<(i64, EventSeq, EventSeq)>> {
    let row = sqlx::query::<Engine>(
        "SELECT room, coalesce((SELECT min(seq) FROM events WHERE events.room = event_counters.room), last + 1), last
         FROM event_counters JOIN rooms ON rooms.id = event_counters.room WHERE rooms.name = $1",
    )
    .bind(room.as_str())
    .persistent(false)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.try_get(0)?, seq(&row, 1)?, seq(&row, 2)?))).transpose()
}

/// An event, if it is whole.
fn read_event(row: &EngineRow) -> Result<Option<StoredEvent>> {
    let (seq, at): (EventSeq, i64) = (seq(row, 0)?, row.try_get(1)?);
    let (kind, body): (&str, &[u8]) = (row.try_get(2)?, row.try_get(4)?);
    if i64::from(event_checksum(seq, at, kind, body)) != row.try_get::<i64, _>(3)? {
        return Ok(None);
    }
    let kind = EventKind::parse(kind).map_err(unreadable)?;
    Ok(Some(StoredEvent { seq, at: from_millis(at), kind, body: Bytes::copy_from_slice(body) }))
}

/// The room's latest values, in the order of their kinds and keys.
pub(in crate::store) async fn latest(connection: &mut EngineConnection, room: &RoomId) -> Result<Vec<Latest>> {
    let rows = sqlx::query::<Engine>(
        "SELECT kind, key, at, body FROM latest JOIN rooms ON rooms.id = latest.room WHERE rooms.name = $1
         ORDER BY kind, key",
    )
    .bind(room.as_str())
    .persistent(false)
    .fetch_all(connection)
    .await?;
    let read = |row: &EngineRow| {
        Ok(Latest {
            kind: EventKind::parse(row.try_get(0)?).map_err(unreadable)?,
            key: LatestKey::parse(row.try_get(1)?).map_err(unreadable)?,
            at: from_millis(row.try_get(2)?),
            body: Bytes::copy_from_slice(row.try_get(3)?),
        })
    };
    rows.iter().map(read).collect()
}

/// Deletes some of the oldest events that are to go, and says how many; fewer than [`RETAIN_EVENTS`] were the last.
pub(in crate::store) async fn retain(
    connection: &mut EngineConnection,
    room: &RoomId,
    retention: Retention,
) -> Result<u64> {
    let Some((id, _, last)) = extent(connection, room).await? else { return Ok(0) };
    let rows = sqlx::query::<Engine>("SELECT seq, at FROM events WHERE room = $1 ORDER BY seq LIMIT $2")
        .bind(id)
        .bind(signed(RETAIN_EVENTS as u64))
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?;
    let oldest = rows.iter().map(|row| Ok((seq(row, 0)?, row.try_get(1)?)));
    let Some(bound) = retention.bound(&oldest.collect::<Result<Vec<_>>>()?, last) else { return Ok(0) };
    let deleted = sqlx::query::<Engine>("DELETE FROM events WHERE room = $1 AND seq <= $2")
        .bind(id)
        .bind(signed(bound.0))
        .persistent(false)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

fn seq(row: &EngineRow, column: usize) -> Result<EventSeq> {
    Ok(EventSeq(row.try_get::<i64, _>(column)?.cast_unsigned()))
}

/// As the database counts; a stranger may ask for any number.
fn bounded(seq: EventSeq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn unreadable(error: NoKeptName) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
