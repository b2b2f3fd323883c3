-- One call that two instrumentations report in two traces counts once. `response_id`: the
-- provider's id of the answer, by which the two are found; rows from before have none. `twin_of`:
-- 'TRACE/SPAN' of the row that counts, on those that do not.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS response_id String CODEC(ZSTD(1)) AFTER convention,
    ADD COLUMN IF NOT EXISTS twin_of String CODEC(ZSTD(1)) AFTER response_id,
    ADD INDEX IF NOT EXISTS ix_response response_id TYPE bloom_filter(0.01) GRANULARITY 1;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS response_id String AFTER convention,
    ADD COLUMN IF NOT EXISTS twin_of String AFTER response_id;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
