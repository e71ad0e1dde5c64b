-- Which servers are up, by the word of the database that they share: two that hear nothing of each other find out here.
CREATE TABLE nodes (
    id      bigint      PRIMARY KEY, -- the number that the server drew when it started
    seen_at timestamptz NOT NULL     -- when it last said that it is up, by the database's clock
);

-- As in 0004: nobody but the owner reads it by way of an API.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname IN ('anon', 'authenticated')) THEN
        ALTER TABLE nodes ENABLE ROW LEVEL SECURITY;
    END IF;
END $$;
