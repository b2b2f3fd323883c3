-- Evaluation data sets made of spans. They outlive the spans: no TTL; what they hold is masked.
-- A version is complete once its row is in dataset_versions, which is written last.
CREATE TABLE IF NOT EXISTS $database.dataset_versions $on_cluster
(
    dataset         LowCardinality(String),
    version         UInt32,
    content_hash    String,
    parent_version  UInt32,
    parent_hash     String,
    created_at      DateTime64(3, 'UTC') DEFAULT now64(3),
    author          String,
    definition      String,
    since           DateTime64(3, 'UTC'),
    until           DateTime64(3, 'UTC'),
    failures        UInt32,
    controls        UInt32,
    added           Array(String),
    retired         Map(String, String),
    summary         String,
    encoder         LowCardinality(String),
    radius          Float32
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (dataset, version, content_hash);

CREATE TABLE IF NOT EXISTS $database.dataset_items $on_cluster
(
    dataset         LowCardinality(String),
    version         UInt32,
    content_hash    String,
    id              String,
    kind            LowCardinality(String),
    cluster         UInt32,
    topic           String,
    seen            UInt32,
    request         String CODEC(ZSTD(1)),
    input           String CODEC(ZSTD(1)),
    output          String CODEC(ZSTD(1)),
    expected        String CODEC(ZSTD(1)),
    messages        String CODEC(ZSTD(1)),
    context         Array(String) CODEC(ZSTD(1)),
    tool_calls      String CODEC(ZSTD(1)),
    failed          Array(LowCardinality(String)),
    evidence        Map(LowCardinality(String), String),
    scores          Map(LowCardinality(String), Float64),
    service_name    LowCardinality(String),
    name            LowCardinality(String),
    step_kind       LowCardinality(String),
    tool_name       LowCardinality(String),
    provider        LowCardinality(String),
    model           LowCardinality(String),
    prompt_name     LowCardinality(String),
    prompt_version  LowCardinality(String),
    trace_id        String,
    span_id         String,
    start_time      DateTime64(6, 'UTC'),
    matched_to      String,
    added_in        UInt32
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (dataset, version, content_hash, id);

-- A sample of what production asked when the version was made: vectors and counts, no text.
CREATE TABLE IF NOT EXISTS $database.dataset_reference $on_cluster
(
    dataset         LowCardinality(String),
    version         UInt32,
    content_hash    String,
    number          UInt32,
    vector          Array(Float32) CODEC(ZSTD(1)),
    characters      UInt32,
    model           LowCardinality(String),
    prompt_version  LowCardinality(String)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (dataset, version, content_hash, number);

-- How far production has moved away from a version, each time somebody measured it.
CREATE TABLE IF NOT EXISTS $database.dataset_drift $on_cluster
(
    dataset         LowCardinality(String),
    version         UInt32,
    measured_at     DateTime64(3, 'UTC') DEFAULT now64(3),
    since           DateTime64(3, 'UTC'),
    until           DateTime64(3, 'UTC'),
    inputs          UInt32,
    verdict         LowCardinality(String),
    uncovered       Float64,
    uncovered_low   Float64,
    uncovered_then  Float64,
    mmd             Float64,
    mmd_p           Float64,
    psi             Map(LowCardinality(String), Float64),
    told            String
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (dataset, version, measured_at);

-- One row a data set: its newest version, and its drift as last measured.
CREATE OR REPLACE VIEW $database.datasets $on_cluster AS
SELECT v.dataset AS dataset, v.version AS version, v.created_at AS created_at, v.author AS author,
    v.failures AS failures, v.controls AS controls, v.content_hash AS content_hash,
    d.verdict AS drift, if(d.verdict = '', NULL, d.uncovered) AS uncovered,
    if(d.verdict = '', NULL, d.measured_at) AS drift_measured_at
FROM
(
    SELECT * FROM $database.dataset_versions FINAL ORDER BY version DESC, created_at DESC
    LIMIT 1 BY dataset
) AS v
LEFT JOIN
(
    SELECT * FROM $database.dataset_drift FINAL ORDER BY measured_at DESC
    LIMIT 1 BY dataset, version
) AS d ON d.dataset = v.dataset AND d.version = v.version;
