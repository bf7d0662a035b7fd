-- Smaller indexes. A unit has few reports, so its index needs nothing else. An index over runs.last
-- made each report rewrite a row with all its index entries, and runs are few: a purge reads all.

DROP INDEX reports_unit;
CREATE INDEX reports_unit ON reports (unit);
DROP INDEX runs_last;
