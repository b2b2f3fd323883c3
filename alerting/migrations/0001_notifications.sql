-- Grafana's notifications as they came; see spool.py.
CREATE TABLE notifications
(
    id               INTEGER PRIMARY KEY,
    content_key      BLOB NOT NULL UNIQUE,
    received_at      INTEGER NOT NULL,
    last_received_at INTEGER NOT NULL,
    times_received   INTEGER NOT NULL DEFAULT 1,
    body             BLOB NOT NULL
) STRICT;
CREATE INDEX ix_last_received ON notifications (last_received_at);
