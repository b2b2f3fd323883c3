-- Classifiers that users add. Their verdicts are maps by name, so that a new one needs no new column:
-- label, score (without those that have none); the evidence is in `evidence`, as everybody's.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS custom Map(LowCardinality(String), LowCardinality(String)) AFTER evidence,
    ADD COLUMN IF NOT EXISTS custom_scores Map(LowCardinality(String), Float32) CODEC(ZSTD(1)) AFTER custom,
    ADD COLUMN IF NOT EXISTS custom_version UInt64 DEFAULT 0 AFTER custom_scores;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS custom Map(LowCardinality(String), LowCardinality(String)) AFTER evidence,
    ADD COLUMN IF NOT EXISTS custom_scores Map(LowCardinality(String), Float32) AFTER custom,
    ADD COLUMN IF NOT EXISTS custom_version UInt64 DEFAULT 0 AFTER custom_scores;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Every state that a custom classifier has had; the newest of a name counts. `revision` (microseconds
-- since 1970) is what `custom_version` says of a row; `version` counts what was learned, from 1.
CREATE TABLE IF NOT EXISTS $database.custom_classifiers $on_cluster
(
    name           String,
    revision       UInt64,
    version        UInt32,
    state          LowCardinality(String),
    definition     String CODEC(ZSTD(3)),
    head           String CODEC(ZSTD(1)),
    quality        String CODEC(ZSTD(1)),
    model          UInt32,
    max_fail_rate  Float64 DEFAULT 0,
    author         String,
    source         String,
    changed_at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (name, revision);
