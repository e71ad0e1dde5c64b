-- Where the roles of Supabase are, its API lets them read and write whatever tables there are, secrets included. With row
-- security and no policy they see nothing; the owner of the tables, as which the server connects, sees everything.
-- deploy/supabase.sql opens what a signed-in user may read.
DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname IN ('anon', 'authenticated')) THEN
        FOREACH name IN ARRAY ARRAY[
            'rooms', 'log', 'snapshots', 'older_snapshots', 'rosters', 'members', 'deleted_rooms', 'api_keys', 'secrets',
            'answers', 'answers_total', 'creations', '_sqlx_migrations'
        ] LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        END LOOP;
    END IF;
END $$;
