-- Lets users who are signed in with Supabase read the rooms that they are members of, straight from the tables: who they
-- are is the `sub` of their token, which is what auth.uid() gives and what triproom keeps as a member's id. They write
-- through the server alone; users who are not signed in get nothing, and nobody but the server gets keys or secrets.
--
-- Run it as the role that the server connects as, after the server's first start and after each start of a newer version:
--     psql "$DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f deploy/supabase.sql
-- It may be run again. It needs Postgres 14 or newer.

-- Supabase grants everything on every new table; so first take everything away.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'rooms', 'log', 'snapshots', 'rosters', 'members', 'deleted_rooms', 'api_keys', 'secrets',
        'answers', 'answers_total', 'creations', 'nodes', 'events', 'event_counters', 'latest', '_sqlx_migrations'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('REVOKE ALL ON TABLE %I FROM PUBLIC, anon, authenticated', name);
    END LOOP;
END $$;
REVOKE ALL ON SEQUENCE log_blocks, rooms_id_seq FROM PUBLIC, anon, authenticated;

GRANT SELECT ON rooms, rosters, members, log, snapshots, events, latest TO authenticated;

-- The names of the rooms that whoever asks is a member of. It runs as its owner, because a policy on members that looked
-- into members would ask itself. Tokens of agents and guests are triproom's own: nobody else's may begin like them.
CREATE OR REPLACE FUNCTION triproom_my_rooms() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
BEGIN ATOMIC
    SELECT room FROM members
    WHERE principal = nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
        AND principal NOT LIKE 'agent:%' AND principal NOT LIKE 'guest:%';
END;
REVOKE ALL ON FUNCTION triproom_my_rooms() FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION triproom_my_rooms() TO authenticated;

DROP POLICY IF EXISTS triproom_members_read ON rooms;
CREATE POLICY triproom_members_read ON rooms FOR SELECT TO authenticated
    USING (name IN (SELECT triproom_my_rooms()));

DROP POLICY IF EXISTS triproom_members_read ON rosters;
CREATE POLICY triproom_members_read ON rosters FOR SELECT TO authenticated
    USING (room IN (SELECT triproom_my_rooms()));

DROP POLICY IF EXISTS triproom_members_read ON members;
CREATE POLICY triproom_members_read ON members FOR SELECT TO authenticated
    USING (room IN (SELECT triproom_my_rooms()));

-- Of rooms they see their own alone, by the policy above.
DROP POLICY IF EXISTS triproom_members_read ON log;
CREATE POLICY triproom_members_read ON log FOR SELECT TO authenticated
    USING (room IN (SELECT id FROM rooms));

DROP POLICY IF EXISTS triproom_members_read ON snapshots;
CREATE POLICY triproom_members_read ON snapshots FOR SELECT TO authenticated
    USING (room IN (SELECT id FROM rooms));

DROP POLICY IF EXISTS triproom_members_read ON events;
CREATE POLICY triproom_members_read ON events FOR SELECT TO authenticated
    USING (room IN (SELECT id FROM rooms));

DROP POLICY IF EXISTS triproom_members_read ON latest;
CREATE POLICY triproom_members_read ON latest FOR SELECT TO authenticated
    USING (room IN (SELECT id FROM rooms));
