-- Where a room's people are, so that clients can find the nearest node. The number is that of the same step in Postgres.
ALTER TABLE rosters ADD COLUMN home_region TEXT; -- a region's name, 1 to 64 bytes; none: the room is at home nowhere
