-- What each destination knows of each alert; see alert_state.py.
CREATE TABLE standings
(
    fingerprint TEXT NOT NULL,
    destination TEXT NOT NULL,
    state       TEXT NOT NULL,
    fires       INTEGER NOT NULL,
    is_open     INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    told_at     INTEGER NOT NULL,
    starts_at   INTEGER NOT NULL,
    changes     TEXT NOT NULL,
    turn        INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, destination)
) STRICT;
CREATE INDEX ix_standing ON standings (state);
INSERT INTO standings
SELECT a.fingerprint, d.destination,
    CASE
        WHEN a.flapping THEN 'flapping'
        WHEN a.status = 'resolved' THEN 'resolved'
        WHEN d.status = 'silenced' THEN 'silenced'
        ELSE 'firing'
    END,
    a.status = 'firing',
    d.event != 'resolve' AND d.status != 'silenced',
    a.changed_at, d.created_at, a.starts_at, a.changes, 0
FROM alerts a
INNER JOIN deliveries d ON d.id = (
    SELECT max(l.id) FROM deliveries l
    WHERE l.fingerprint = a.fingerprint AND l.destination = d.destination
        AND l.event != 'acknowledge' AND l.status != 'held'
);
-- A notification that comes again after another of its group says something new, though its words
-- are the same: an alert that fires, ends and fires anew may have the startsAt that it had.
CREATE TABLE notifications_2
(
    id               INTEGER PRIMARY KEY,
    content_key      BLOB NOT NULL,
    received_at      INTEGER NOT NULL,
    last_received_at INTEGER NOT NULL,
    times_received   INTEGER NOT NULL DEFAULT 1,
    body             BLOB NOT NULL,
    processed        INTEGER NOT NULL DEFAULT 0,
    group_key        BLOB NOT NULL DEFAULT x''
) STRICT;
INSERT INTO notifications_2 (id, content_key, received_at, last_received_at, times_received, body, processed)
SELECT id, content_key, received_at, last_received_at, times_received, body, processed FROM notifications;
DROP TABLE notifications;
ALTER TABLE notifications_2 RENAME TO notifications;
CREATE INDEX ix_last_received ON notifications (last_received_at);
CREATE INDEX ix_processed ON notifications (processed, id);
CREATE INDEX ix_group ON notifications (group_key, id);
