-- Ends of alerts that Grafana told of while it could not evaluate their rule; see stages/record.py.
CREATE TABLE held_resolutions
(
    fingerprint  TEXT PRIMARY KEY,
    rule         TEXT NOT NULL,
    alert        TEXT NOT NULL,
    destinations TEXT NOT NULL,
    held_at      INTEGER NOT NULL,
    evaluated_at INTEGER NOT NULL
) STRICT;
