-- How an answer came: how long until its first token, and why the model stopped. Rows from before
-- have neither; their attributes say it in the library's own words.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS time_to_first_token_ms Nullable(Float64) CODEC(ZSTD(1)) AFTER twin_of,
    ADD COLUMN IF NOT EXISTS finish_reason LowCardinality(String) AFTER time_to_first_token_ms;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS time_to_first_token_ms Nullable(Float64) AFTER twin_of,
    ADD COLUMN IF NOT EXISTS finish_reason LowCardinality(String) AFTER time_to_first_token_ms;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
