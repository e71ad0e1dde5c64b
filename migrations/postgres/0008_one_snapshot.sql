-- The snapshot before the present one is no longer kept: it doubled what a room takes on disk, and to fall back to it was to
-- lose all that was written since. A new one is decoded and compared, and read back, before it takes the old one's place; what
-- a disk does to it later is what backups are for.
DROP TABLE older_snapshots;
