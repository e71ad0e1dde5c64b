-- What makes requests with an idempotency key safe from a crash in their middle, and bounds what is kept of them.
-- Times are milliseconds since 1970 (UTC).

-- Rooms that were made for a request with an idempotency key, until its answer is kept: a line comes with its room, in one
-- transaction, so that the same request finds the room again and completes it. It goes with the answer, or with the room.
CREATE TABLE creations (
    principal   TEXT    NOT NULL, -- who asked
    key         TEXT    NOT NULL, -- the idempotency key
    fingerprint BLOB    NOT NULL  -- hash of the request, so that another one under the same key is noticed
                CHECK (length(fingerprint) = 32),
    room        TEXT    NOT NULL, -- the name of the room that it made
    made_at     INTEGER NOT NULL, -- when; old lines are deleted
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;

-- One line: how many answers are kept, and how many bytes they take. The triggers keep it, so that nobody has to count.
CREATE TABLE answers_total (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    answers INTEGER NOT NULL,
    bytes   INTEGER NOT NULL -- each answer's body, and 512 bytes for the rest of its line
) STRICT;
INSERT INTO answers_total (one, answers, bytes)
    SELECT 1, count(*), coalesce(sum(length(body) + 512), 0) FROM answers;

CREATE TRIGGER answer_kept AFTER INSERT ON answers BEGIN
    UPDATE answers_total SET answers = answers + 1, bytes = bytes + length(NEW.body) + 512;
END;

CREATE TRIGGER answer_dropped AFTER DELETE ON answers BEGIN
    UPDATE answers_total SET answers = answers - 1, bytes = bytes - length(OLD.body) - 512;
END;
