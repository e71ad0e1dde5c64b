-- What is kept of a room beside its document: its event log, and latest values. Their bodies are the room's own.
-- Times are milliseconds since 1970 (UTC). Names are compared byte by byte.

-- The events of a room, in the order in which they were committed. Retention deletes the oldest.
CREATE TABLE events (
    room     INTEGER NOT NULL, -- rooms.id
    seq      INTEGER NOT NULL, -- counts from 1 in each room, without holes; given in the commit, see event_counters
    at       INTEGER NOT NULL, -- when it happened
    kind     TEXT    NOT NULL, -- what it is about: chat.message
    id       BLOB    NOT NULL, -- given before the commit, 16 bytes like no others: writing it again after an unknown outcome
                               -- writes nothing twice
    origin   BLOB    NOT NULL, -- hash of who sent it and of their own id for it (32 bytes), by which it is known when it is
                               -- sent again; its id where they gave none
    checksum INTEGER NOT NULL, -- CRC-32 over seq and at (8 bytes little-endian each), the length of kind (8 bytes), kind, and body
    body     BLOB    NOT NULL, -- all else
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX events_by_origin ON events (room, origin);

-- One line a room that ever had an event: the last number, also when the event itself was deleted.
CREATE TABLE event_counters (
    room INTEGER PRIMARY KEY, -- rooms.id
    last INTEGER NOT NULL     -- events.seq of the newest
) STRICT;

-- What only counts as it is now: each agent's status, the present warnings, a text that is being streamed.
CREATE TABLE latest (
    room INTEGER NOT NULL, -- rooms.id
    kind TEXT    NOT NULL, -- what it is about: agent.status
    key  TEXT    NOT NULL, -- whose it is: an agent's
    at   INTEGER NOT NULL, -- since when it is so; of two who write it the later one wins
    body BLOB,             -- the value; none only inside of the transaction that deletes it
    PRIMARY KEY (room, kind, key)
) STRICT, WITHOUT ROWID;
