-- GenAI content that came as log records, waiting for the classify pass to put it on its span.
-- `merged` is the version: the same record sent again with 0 never undoes a merge.
CREATE TABLE IF NOT EXISTS $database.span_content$local $on_cluster
(
    trace_id     String CODEC(ZSTD(1)),
    span_id      String CODEC(ZSTD(1)),
    time         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    record_id    UInt64,
    name         LowCardinality(String),
    attributes   String CODEC(ZSTD(1)),
    ingested_at  DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    merged       UInt8 DEFAULT 0,

    INDEX ix_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_merged merged TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(merged)
PARTITION BY toDate(time)
ORDER BY (toStartOfHour(time), trace_id, span_id, time, record_id)
TTL toDateTime(time) + toIntervalDay($retention_days)
SETTINGS ttl_only_drop_parts = 1;

-- cluster only
CREATE TABLE IF NOT EXISTS $database.span_content $on_cluster AS $database.span_content_local
ENGINE = Distributed('$cluster', '$database', 'span_content_local', cityHash64(trace_id));
