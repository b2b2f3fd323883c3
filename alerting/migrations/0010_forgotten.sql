-- Traces that were forgotten while an alert about them fired, or was to be told yet: what names them goes
-- once it has ended; see store/forgotten.py. `project`: whose alerts go; NULL for all.
CREATE TABLE forgotten
(
    trace_id TEXT NOT NULL,
    project  TEXT,
    asked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_forgotten ON forgotten (project, trace_id);
