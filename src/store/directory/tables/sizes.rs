//! How much is stored of rooms' documents and events.
//! Part of [`EngineDirectory`]. It must never read what is in them.

use sqlx::Row;

use super::{EngineDirectory, EngineRow, query, room_name};
use crate::room::id::RoomId;
use crate::store::directory::roster::RoomSize;
use crate::store::error::StoreError;
use crate::store::moment::from_millis;

impl EngineDirectory {
    pub(in crate::store::directory) async fn sizes(
        &self,
        first: &RoomId,
        last: &RoomId,
    ) -> Result<Vec<RoomSize>, StoreError> {
        let (first, last) = (first.clone(), last.clone());
        self.read(move |connection| {
            Box::pin(async move {
                // Events are counted by their numbers: there are no holes among those that are kept.
                let rows = query(
                    "WITH wanted AS (SELECT id, name, created_at FROM rooms WHERE name BETWEEN $1 AND $2),
                          logged AS (SELECT room, count(*) AS lines, CAST(sum(length(data)) AS bigint) AS bytes
                                     FROM log WHERE room IN (SELECT id FROM wanted) GROUP BY room)
                     SELECT name, created_at, coalesce(lines, 0), coalesce(bytes, 0),
                         coalesce((SELECT CAST(length(data) AS bigint) FROM snapshots WHERE snapshots.room = id), 0),
                         coalesce((SELECT last + 1 - coalesce((SELECT min(seq) FROM events WHERE events.room = wanted.id), last + 1)
                                   FROM event_counters WHERE event_counters.room = wanted.id), 0)
                     FROM wanted LEFT JOIN logged ON logged.room = id ORDER BY name",
                )
                .bind(first.as_str())
                .bind(last.as_str())
                .fetch_all(connection)
                .await?;
                rows.iter().map(read_size).collect()
            })
        })
        .await
    }
}

fn read_size(row: &EngineRow) -> Result<RoomSize, sqlx::Error> {
    let count = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    Ok(RoomSize {
        room: room_name(row.try_get(0)?)?,
        written_at: from_millis(row.try_get(1)?),
        rows: count(2)?,
        row_bytes: count(3)?,
        snapshot_bytes: count(4)?,
        events: count(5)?,
    })
}
