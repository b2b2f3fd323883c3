-- Ends of alerts that Grafana told of while it could not evaluate their rule; see stages/record.py.
CREATE TABLE held_resolutions
(
    fingerprint  TEXT PRIMARY KEY,
    alert        TEXT NOT NULL,
    evaluated_at INTEGER NOT NULL
) STRICT;
