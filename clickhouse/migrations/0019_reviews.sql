-- What people say of verdicts. A row is one answer; the newest of a reviewer on a row and classifier
-- counts, and an empty one takes it back. It keeps what was shown, so that it stays true when the span
-- is gone. `chosen`: how the row came to be asked: random (of its stratum, for honest estimates), near
-- (the threshold), asked (by the reviewer).
CREATE TABLE IF NOT EXISTS $database.reviews $on_cluster
(
    classifier       LowCardinality(String),
    trace_id         String,
    span_id          String,
    answer           LowCardinality(String),
    label            LowCardinality(String),
    score            Float32,
    verdict_version  UInt64,
    custom_version   UInt64,
    evidence         String CODEC(ZSTD(1)),
    shown            String CODEC(ZSTD(3)),
    chosen           LowCardinality(String),
    reviewer         String,
    kind             LowCardinality(String) DEFAULT 'person',
    service_name     LowCardinality(String),
    start_time       DateTime64(9, 'UTC'),
    reviewed_at      DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (classifier, trace_id, span_id, reviewed_at);

-- Words of question and answer, for the search of the page. Rows from before have none and are read.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD INDEX IF NOT EXISTS ix_input lowerUTF8(input) TYPE text(tokenizer = splitByNonAlpha),
    ADD INDEX IF NOT EXISTS ix_output lowerUTF8(output) TYPE text(tokenizer = splitByNonAlpha);
