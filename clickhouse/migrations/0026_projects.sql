-- Whose data a row is: the project of the key that it was sent with, '' for the default one. It is
-- part of the key, so that no project's span ever takes the place of another's.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER replay_of,
    MODIFY ORDER BY (toStartOfHour(start_time), trace_id, span_id, fingerprint, project);

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER replay_of;

ALTER TABLE $database.span_content$local $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER attributes,
    MODIFY ORDER BY (toStartOfHour(time), trace_id, span_id, time, record_id, project);

-- cluster only
ALTER TABLE $database.span_content $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER attributes;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Keys: a row is a state of one, the newest counts. `hash`: SHA-256 of the key, in hexadecimal; a key
-- is 32 random bytes, which nobody guesses, so that a slow hash would only slow its users.
CREATE TABLE IF NOT EXISTS $database.api_keys $on_cluster
(
    id                String,
    project           LowCardinality(String),
    name              String,
    scopes            Array(LowCardinality(String)),
    hash              String,
    spans_per_second  UInt32 DEFAULT 0,
    created_at        DateTime64(3, 'UTC'),
    revoked_at        DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC'),
    changed_at        DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (id, changed_at);

-- When they were used, to the minute.
CREATE TABLE IF NOT EXISTS $database.api_key_uses $on_cluster
(
    id       String,
    used_at  DateTime('UTC')
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY id;

-- What was done that changes more than a row of one's own: by whom, when, to what. Nothing of ours
-- changes or removes a row.
CREATE TABLE IF NOT EXISTS $database.audit $on_cluster
(
    at       DateTime64(3, 'UTC') DEFAULT now64(3),
    who      String,
    project  LowCardinality(String),
    act      LowCardinality(String),
    what     String
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY at;
