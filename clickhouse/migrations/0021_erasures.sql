-- What somebody asked to have forgotten: its states, the newest counts. It does not say whom.
CREATE TABLE IF NOT EXISTS $database.erasures $on_cluster
(
    id           String,
    asked_at     DateTime64(3, 'UTC'),
    asked_by     LowCardinality(String),
    traces       UInt32,
    removed      Map(LowCardinality(String), UInt64),
    notes        Array(String),
    removed_at   DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC'),
    finished_at  DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC'),
    changed_at   DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (id, changed_at);

-- Its traces, for as long as something of them may still come: a sender's retry, a batch that was
-- being judged.
CREATE TABLE IF NOT EXISTS $database.forgotten_traces $on_cluster
(
    erasure       String,
    trace_id      String,
    forgotten_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (erasure, trace_id)
TTL toDateTime(forgotten_at) + toIntervalDay(1);
