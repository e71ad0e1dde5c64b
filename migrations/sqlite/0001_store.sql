-- The store of triproom: what every room's document is made of.

-- One line a room that anything was ever written for. A room that was only opened has none.
CREATE TABLE rooms (
    id         INTEGER PRIMARY KEY,     -- short key that the other tables use instead of the name
    name       TEXT    NOT NULL UNIQUE, -- the room's name as clients send it, compared byte by byte
    created_at INTEGER NOT NULL         -- first write, in milliseconds since 1970 (UTC)
) STRICT;

-- The updates that no snapshot holds yet, in the order in which they were accepted.
-- Deliberately without an index on room: that would make every commit several times dearer. The server keeps
-- the map room -> sequences in memory and builds it by one scan when it starts; compaction keeps the table short.
CREATE TABLE log (
    seq      INTEGER PRIMARY KEY, -- given by the server, rising over all rooms, never given twice
    room     INTEGER NOT NULL,    -- rooms.id
    checksum INTEGER NOT NULL,    -- CRC-32 over seq and room (8 bytes little-endian each) and data
    data     BLOB    NOT NULL     -- the update, byte for byte as its client sent it
) STRICT;

-- The folded state of a room: all updates up to some moment as one.
CREATE TABLE snapshots (
    room       INTEGER PRIMARY KEY, -- rooms.id
    generation INTEGER NOT NULL,    -- 1 for the first, one more with each that replaces it; guards against two writers
    checksum   INTEGER NOT NULL,    -- CRC-32 over the uncompressed bytes
    raw_length INTEGER NOT NULL,    -- how many bytes these are
    data       BLOB    NOT NULL,    -- one zstd frame
    written_at INTEGER NOT NULL     -- in milliseconds since 1970 (UTC)
) STRICT;

-- The snapshot before the present one, kept so that a damaged one is not the end of a room.
CREATE TABLE older_snapshots (
    room       INTEGER PRIMARY KEY, -- rooms.id
    generation INTEGER NOT NULL,
    checksum   INTEGER NOT NULL,
    raw_length INTEGER NOT NULL,
    data       BLOB    NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;

-- One line. Compaction may empty the log, so the highest sequence is remembered apart from it.
CREATE TABLE sequences (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL -- no sequence up to this one may be given again
) STRICT;
INSERT INTO sequences (one, last) VALUES (1, 0);
