-- What makes requests with an idempotency key safe from a crash in their middle, and bounds what is kept of them.
-- Times are milliseconds since 1970 (UTC).

-- Rooms that were made for a request with an idempotency key, until its answer is kept: a line comes with its room, in one
-- transaction, so that the same request finds the room again and completes it. It goes with the answer, or with the room.
CREATE TABLE creations (
    principal   text   COLLATE "C" NOT NULL, -- who asked
    key         text   COLLATE "C" NOT NULL, -- the idempotency key
    fingerprint bytea  NOT NULL              -- hash of the request, so that another one under the same key is noticed
                CHECK (length(fingerprint) = 32),
    room        text   COLLATE "C" NOT NULL, -- the name of the room that it made
    made_at     bigint NOT NULL,             -- when; old lines are deleted
    PRIMARY KEY (principal, key)
);

-- One line: how many answers are kept, and how many bytes they take. The triggers keep it, so that nobody has to count.
CREATE TABLE answers_total (
    one     integer PRIMARY KEY CHECK (one = 1),
    answers bigint NOT NULL,
    bytes   bigint NOT NULL -- each answer's body, and 512 bytes for the rest of its line
);
INSERT INTO answers_total (one, answers, bytes)
    SELECT 1, count(*), coalesce(sum(length(body) + 512), 0) FROM answers;

CREATE FUNCTION answers_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE answers_total SET answers = answers + 1, bytes = bytes + length(NEW.body) + 512;
    ELSE
        UPDATE answers_total SET answers = answers - 1, bytes = bytes - length(OLD.body) - 512;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER answers_counted AFTER INSERT OR DELETE ON answers FOR EACH ROW EXECUTE FUNCTION answers_counted();
