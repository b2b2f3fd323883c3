-- What enrichment found, once for each state of an alert, whoever is told of it.
CREATE TABLE cases
(
    case_key  TEXT PRIMARY KEY,
    found     TEXT NOT NULL,
    complete  INTEGER NOT NULL,
    found_at  INTEGER NOT NULL
) STRICT;
-- The alert's state, which state_key has with the reason for telling it once more.
ALTER TABLE deliveries ADD COLUMN case_key TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET case_key = CASE
    WHEN state_key LIKE '%] steady' THEN substr(state_key, 1, length(state_key) - length(' steady'))
    WHEN state_key LIKE '%] acknowledged' THEN substr(state_key, 1, length(state_key) - length(' acknowledged'))
    ELSE state_key END;
CREATE INDEX ix_case ON deliveries (case_key);
-- The first delivery of the group that it was told with.
ALTER TABLE deliveries RENAME COLUMN fold TO told_with;
DROP INDEX ix_fold;
CREATE INDEX ix_told_with ON deliveries (told_with) WHERE told_with IS NOT NULL;
