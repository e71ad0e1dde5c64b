-- A row of the log holds one update or several of one turn (src/room/row.rs). A server that does not know that would leave those
-- out, so it must not open the tables.
COMMENT ON TABLE log IS 'Updates that no snapshot holds: one a row, or several of one turn';
