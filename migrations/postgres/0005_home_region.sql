-- Where a room's people are, so that clients can find the nearest node. The row security of rosters holds for the new
-- column as for the others.
ALTER TABLE rosters ADD COLUMN home_region text; -- a region's name, 1 to 64 bytes; none: the room is at home nowhere
