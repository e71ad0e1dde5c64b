-- What is kept of a room beside its document: its event log, and latest values. Their bodies are the room's own.
-- Times are milliseconds since 1970 (UTC). Names are compared byte by byte.

-- The events of a room, in the order in which they were committed. Retention deletes the oldest.
CREATE TABLE events (
    room     bigint NOT NULL,             -- rooms.id
    seq      bigint NOT NULL,             -- counts from 1 in each room, without holes; given in the commit, see event_counters
    at       bigint NOT NULL,             -- when it happened
    kind     text   COLLATE "C" NOT NULL, -- what it is about: chat.message
    id       bytea  NOT NULL,             -- given before the commit, 16 bytes like no others: writing it again after an
                                          -- unknown outcome writes nothing twice
    origin   bytea  NOT NULL,             -- hash of who sent it and of their own id for it (32 bytes), by which it is known
                                          -- when it is sent again; its id where they gave none
    checksum bigint NOT NULL,             -- CRC-32 over seq and at (8 bytes little-endian each), the length of kind (8 bytes),
                                          -- kind, and body
    body     bytea  NOT NULL,             -- all else
    PRIMARY KEY (room, seq)
);

CREATE UNIQUE INDEX events_by_origin ON events (room, origin);

-- One line a room that ever had an event: the last number, also when the event itself was deleted. Whoever commits events
-- locks the lines of their rooms, in the order of the rooms, so that numbers are seen in order and nobody waits in a circle.
CREATE TABLE event_counters (
    room bigint PRIMARY KEY, -- rooms.id
    last bigint NOT NULL     -- events.seq of the newest
) WITH (fillfactor = 50);

-- What only counts as it is now: each agent's status, the present warnings, a text that is being streamed.
CREATE TABLE latest (
    room bigint NOT NULL,             -- rooms.id
    kind text   COLLATE "C" NOT NULL, -- what it is about: agent.status
    key  text   COLLATE "C" NOT NULL, -- whose it is: an agent's
    at   bigint NOT NULL,             -- since when it is so; of two who write it the later one wins
    body bytea,                       -- the value; none only inside of the transaction that deletes it
    PRIMARY KEY (room, kind, key)
) WITH (fillfactor = 50);

-- As for the other tables: see the migration of row security.
DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname IN ('anon', 'authenticated')) THEN
        FOREACH name IN ARRAY ARRAY['events', 'event_counters', 'latest'] LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        END LOOP;
    END IF;
END $$;
