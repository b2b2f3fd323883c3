-- The one wide table. A row is one span; the classifier inserts it again with its verdicts.
-- Time comes first in the key so that FINAL never has to cross partitions.
CREATE TABLE IF NOT EXISTS $database.spans_raw$local $on_cluster
(
    trace_id              String CODEC(ZSTD(1)),
    span_id               String CODEC(ZSTD(1)),
    parent_span_id        String CODEC(ZSTD(1)),
    session_id            String CODEC(ZSTD(1)),
    user_id               String CODEC(ZSTD(1)),
    service_name          LowCardinality(String),
    service_version       LowCardinality(String),
    environment           LowCardinality(String),

    name                  LowCardinality(String),
    step_kind             LowCardinality(String),
    start_time            DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ms           Float64 CODEC(ZSTD(1)),
    status                LowCardinality(String),
    error_type            LowCardinality(String),
    status_message        String CODEC(ZSTD(1)),

    provider              LowCardinality(String),
    model                 LowCardinality(String),
    input_tokens          Nullable(UInt32) CODEC(ZSTD(1)),
    output_tokens         Nullable(UInt32) CODEC(ZSTD(1)),
    cached_input_tokens   Nullable(UInt32) CODEC(ZSTD(1)),
    reasoning_tokens      Nullable(UInt32) CODEC(ZSTD(1)),
    cost_usd              Nullable(Float64) CODEC(ZSTD(1)),
    prompt_name           LowCardinality(String),
    prompt_version        LowCardinality(String),
    experiment            LowCardinality(String),
    variant               LowCardinality(String),
    agent_name            LowCardinality(String),

    input                 String CODEC(ZSTD(1)),
    output                String CODEC(ZSTD(1)),
    input_messages        String CODEC(ZSTD(1)),
    output_messages       String CODEC(ZSTD(1)),
    tool_definitions      String CODEC(ZSTD(1)),
    system_instructions   String CODEC(ZSTD(1)),
    tool_name             LowCardinality(String),
    documents             Array(String) CODEC(ZSTD(1)),
    document_scores       Array(Float32) CODEC(ZSTD(1)),

    code_file             LowCardinality(String),
    code_line             UInt32 CODEC(ZSTD(1)),
    code_function         LowCardinality(String),
    code_revision         LowCardinality(String),
    code_repository       LowCardinality(String),

    attributes            Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events                String CODEC(ZSTD(1)),
    links                 String CODEC(ZSTD(1)),
    scope_name            LowCardinality(String),
    scope_version         LowCardinality(String),
    convention            LowCardinality(String),
    ingested_at           DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),

    evidence              Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    verdict_version       UInt64 DEFAULT 0,
    verdict_at            DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC') CODEC(Delta, ZSTD(1)),

    INDEX ix_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_verdict verdict_version TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(verdict_version)
PARTITION BY toDate(start_time)
ORDER BY (toStartOfHour(start_time), trace_id, span_id)
TTL toDateTime(start_time) + toIntervalDay($retention_days)
SETTINGS ttl_only_drop_parts = 1, index_granularity_bytes = 67108864;

-- cluster only
CREATE TABLE IF NOT EXISTS $database.spans_raw $on_cluster AS $database.spans_raw_local
ENGINE = Distributed('$cluster', '$database', 'spans_raw_local', cityHash64(trace_id));
