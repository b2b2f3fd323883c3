-- Rules that can't be evaluated; see unevaluated.py.
CREATE TABLE failing_rules
(
    fingerprint TEXT PRIMARY KEY,
    rule        TEXT NOT NULL,
    cause       TEXT NOT NULL,
    error       TEXT NOT NULL,
    severity    TEXT NOT NULL,
    since       INTEGER NOT NULL,
    heard_at    INTEGER NOT NULL
) STRICT;
