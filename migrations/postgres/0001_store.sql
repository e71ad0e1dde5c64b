-- The store of triproom: what every room's document is made of. Every table is keyed by the room first, and no
-- transaction is about two rooms, so that all of this can be partitioned by room later.
-- Times are milliseconds since 1970 (UTC). Names and ids are compared byte by byte.

-- One line a room that anything was ever written for. A room that was only opened has none.
CREATE TABLE rooms (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- short key that the other tables use; a room that is
                                                                -- deleted and made again gets another one
    name       text   COLLATE "C" NOT NULL UNIQUE,              -- the room's name as clients send it
    created_at bigint NOT NULL                                  -- first write
);

-- The updates that no snapshot holds yet.
CREATE TABLE log (
    room     bigint NOT NULL, -- rooms.id; whoever writes locks that line, which is cheaper than a foreign key
    seq      bigint NOT NULL, -- given by the server that took the update: its block (see log_blocks) and a number that rises
    checksum bigint NOT NULL, -- CRC-32 over seq and room (8 bytes little-endian each) and data
    data     bytea  NOT NULL, -- the update, byte for byte as its client sent it
    PRIMARY KEY (room, seq)
);

-- A server takes one value at its start: the upper half of its sequences. So it knows a row's place before it writes it,
-- and writing it again after an unknown outcome writes nothing twice.
CREATE SEQUENCE log_blocks;

-- The folded state of a room: all updates up to some moment as one.
CREATE TABLE snapshots (
    room       bigint PRIMARY KEY, -- rooms.id
    generation bigint NOT NULL,    -- 1 for the first, one more with each that replaces it; guards against two writers
    checksum   bigint NOT NULL,    -- CRC-32 over the uncompressed bytes
    raw_length bigint NOT NULL,    -- how many bytes these are
    data       bytea  NOT NULL,    -- one zstd frame
    written_at bigint NOT NULL     -- when
);

-- The snapshot before the present one, kept so that a damaged one is not the end of a room.
CREATE TABLE older_snapshots (
    room       bigint PRIMARY KEY, -- rooms.id
    generation bigint NOT NULL,
    checksum   bigint NOT NULL,
    raw_length bigint NOT NULL,
    data       bytea  NOT NULL,
    written_at bigint NOT NULL
);

-- They are compressed already.
ALTER TABLE snapshots ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE older_snapshots ALTER COLUMN data SET STORAGE EXTERNAL;
