-- What the services count about themselves, sampled, so that the Monitor dashboard needs no
-- Prometheus. Counters are as the services have them: they start at 0 with each `instance`.
CREATE TABLE IF NOT EXISTS $database.stack_metrics$local $on_cluster
(
    time      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    service   LowCardinality(String),
    instance  LowCardinality(String),
    metric    LowCardinality(String),
    labels    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    value     Float64 CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(time)
ORDER BY (metric, time)
TTL toDateTime(time) + toIntervalDay($retention_days)
SETTINGS ttl_only_drop_parts = 1;

-- cluster only
CREATE TABLE IF NOT EXISTS $database.stack_metrics $on_cluster AS $database.stack_metrics_local
ENGINE = Distributed('$cluster', '$database', 'stack_metrics_local', cityHash64(instance));
