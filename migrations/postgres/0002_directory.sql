-- The directory of triproom: who may be where. A room's document is in the tables of the first migration; here a room is
-- known by its name, because it may have members before anything was written in it.
-- Times are milliseconds since 1970 (UTC). Names and ids are compared byte by byte.

-- One line a room that somebody made. With authentication off rooms need none.
CREATE TABLE rosters (
    room               text    COLLATE "C" PRIMARY KEY, -- the room's name
    visibility         text    NOT NULL                 -- who sees it beside its members
                       CHECK (visibility IN ('private', 'shared', 'public')),
    editors_may_invite boolean NOT NULL,                -- whether editors invite viewers and commenters
    created_at         bigint  NOT NULL                 -- when it was made
);

-- Everybody who was given a role in a room that has a roster. A room that had an owner keeps one.
CREATE TABLE members (
    room      text   COLLATE "C" NOT NULL, -- rosters.room
    principal text   COLLATE "C" NOT NULL, -- a person's id, or agent: and an agent's name
    role      text   NOT NULL              -- what they may do
              CHECK (role IN ('viewer', 'commenter', 'editor', 'admin', 'owner')),
    name      text,                        -- what others read, as it was when they were added
    added_by  text   COLLATE "C",          -- the principal who added them; none for whoever made the room
    added_at  bigint NOT NULL,             -- when
    PRIMARY KEY (room, principal)
);

-- A member's rooms, in the order of their names.
CREATE INDEX rooms_of_members ON members (principal, room);

-- Rooms whose roster was deleted while their document is still stored. Nobody can make a room of such a name, who would
-- find that document in it. The line goes with the document.
CREATE TABLE deleted_rooms (
    room text COLLATE "C" PRIMARY KEY -- the room's name
);

-- Agents' API keys, revoked ones too. The keys themselves are nowhere.
CREATE TABLE api_keys (
    id           text   COLLATE "C" PRIMARY KEY, -- the key's public name
    hash         bytea  NOT NULL UNIQUE          -- SHA-256 of the key
                 CHECK (length(hash) = 32),
    agent        text   COLLATE "C" NOT NULL,    -- the principal that it proves
    rooms        text,                           -- the names of the rooms that it opens, a JSON array; none: all rooms
    role         text   NOT NULL                 -- the role in them
                 CHECK (role IN ('viewer', 'commenter', 'editor', 'admin', 'owner')),
    scopes       text   NOT NULL,                -- what the role is capped to, a JSON array of room:read, room:write, …
    on_behalf_of text   COLLATE "C",             -- the person that the agent acts for
    created_at   bigint NOT NULL,                -- when it was made
    revoked_at   bigint                          -- since when it opens nothing any more
);

-- Asked for several times a second.
CREATE INDEX revoked_keys ON api_keys (id) WHERE revoked_at IS NOT NULL;

-- Random bytes that the servers sign with. Whoever reads them can make tickets.
CREATE TABLE secrets (
    name   text  PRIMARY KEY,      -- what it is for
    secret bytea NOT NULL          -- made at the first use, never changed
           CHECK (length(secret) = 32)
);

-- What requests with an idempotency key were answered, for the case that they are repeated.
CREATE TABLE answers (
    principal   text   COLLATE "C" NOT NULL, -- who asked; each has keys of their own
    key         text   COLLATE "C" NOT NULL, -- the idempotency key
    fingerprint bytea  NOT NULL              -- hash of the request, so that another one under the same key is noticed
                CHECK (length(fingerprint) = 32),
    status      bigint NOT NULL,             -- the HTTP status of the answer
    body        bytea  NOT NULL,             -- and its body
    answered_at bigint NOT NULL,             -- when; old lines are deleted
    PRIMARY KEY (principal, key)
);

-- The oldest answers.
CREATE INDEX answers_by_age ON answers (answered_at);
