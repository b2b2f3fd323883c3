-- When rows of an hour changed, by project: one more for each insert that has rows of it, whoever makes
-- it. A verdict, late content, a twin, a replay: all of them are inserts of whole rows.
CREATE TABLE IF NOT EXISTS $database.hour_changes $on_cluster
(
    hour        DateTime('UTC'),
    project     LowCardinality(String),
    changes     SimpleAggregateFunction(sum, UInt64),
    changed_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree$everywhere
ORDER BY (hour, project)
TTL toDateTime(hour) + toIntervalDay($retention_days);

CREATE MATERIALIZED VIEW IF NOT EXISTS $database.hour_changes_of_spans $on_cluster
TO $database.hour_changes
AS SELECT toStartOfHour(start_time) AS hour, project, toUInt64(1) AS changes, now64(3, 'UTC') AS changed_at
FROM $database.spans_raw$local
GROUP BY hour, project;

-- What boards count, for hours in which nothing changes any more: five minutes of a service a row, as
-- classify makes them (classify/tallies/). They count as long as nothing changed since: `changes` is
-- what hour_changes said when they were made. The rows stay the truth.
CREATE TABLE IF NOT EXISTS $database.hour_tallies $on_cluster
(
    hour          DateTime('UTC'),
    project       LowCardinality(String),
    made_at       DateTime64(6, 'UTC'),
    changes       UInt64,
    at            DateTime('UTC'),
    service_name  LowCardinality(String),
    environment   LowCardinality(String),
    replayed      Bool,
    twin          Bool,
    spans         UInt64,
    whole         UInt64,
    traces        UInt64,
    errors        UInt64,
    durations     Array(Float64) CODEC(ZSTD(1)),
    users         Array(UInt64) CODEC(ZSTD(1)),
    cost_usd      Nullable(Float64),
    failed        Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    judged        Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    abstained     Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    scores        Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    squares       Map(LowCardinality(String), Float64) CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree$everywhere
PARTITION BY toDate(hour)
ORDER BY (hour, project, made_at, at, service_name, environment)
TTL toDateTime(hour) + toIntervalDay($retention_days)
SETTINGS ttl_only_drop_parts = 1;

-- The hours whose tallies count, and which of them.
CREATE OR REPLACE VIEW $database.settled_hours $on_cluster AS
SELECT hour, max(made) AS made_at
FROM
(
    SELECT hour, project, sum(c) AS changed, argMax(m, at) AS counted, max(at) AS made
    FROM
    (
        SELECT hour, project, changes AS c, toUInt64(0) AS m, toDateTime64(0, 6, 'UTC') AS at
        FROM $database.hour_changes
        UNION ALL
        SELECT hour, project, toUInt64(0) AS c, changes AS m, made_at AS at
        FROM $database.hour_tallies
    )
    GROUP BY hour, project
)
GROUP BY hour
HAVING min(changed = counted AND changed > 0);
