-- What follows from them: the state of each alert, who is to be told, silences; see store/.
ALTER TABLE notifications ADD COLUMN processed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX ix_processed ON notifications (processed, id);
CREATE TABLE alerts
(
    fingerprint TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    alert       TEXT NOT NULL,
    starts_at   INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    changes     TEXT NOT NULL DEFAULT '[]',
    repeats     INTEGER NOT NULL DEFAULT 0,
    flapping    INTEGER NOT NULL DEFAULT 0,
    state_key   TEXT NOT NULL
) STRICT;
CREATE TABLE deliveries
(
    id          INTEGER PRIMARY KEY,
    state_key   TEXT NOT NULL,
    destination TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    event       TEXT NOT NULL,
    dedup_key   TEXT NOT NULL,
    alert       TEXT NOT NULL,
    status      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    sent_at     INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    error       TEXT NOT NULL DEFAULT '',
    fold        INTEGER,
    UNIQUE (state_key, destination)
) STRICT;
CREATE INDEX ix_due ON deliveries (status, destination, due_at);
CREATE INDEX ix_told ON deliveries (fingerprint, destination, id);
CREATE TABLE silences
(
    id         INTEGER PRIMARY KEY,
    matchers   TEXT NOT NULL,
    until      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    comment    TEXT NOT NULL DEFAULT ''
) STRICT;
