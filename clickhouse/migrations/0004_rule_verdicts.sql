-- Verdicts of the classifiers that need no model, and the public view.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS tool_call_error LowCardinality(String) DEFAULT '' AFTER ingested_at,
    ADD COLUMN IF NOT EXISTS tool_call_error_score Float32 DEFAULT nan AFTER tool_call_error,
    ADD COLUMN IF NOT EXISTS data_leakage LowCardinality(String) DEFAULT '' AFTER tool_call_error_score,
    ADD COLUMN IF NOT EXISTS data_leakage_score Float32 DEFAULT nan AFTER data_leakage;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS tool_call_error LowCardinality(String) DEFAULT '' AFTER ingested_at,
    ADD COLUMN IF NOT EXISTS tool_call_error_score Float32 DEFAULT nan AFTER tool_call_error,
    ADD COLUMN IF NOT EXISTS data_leakage LowCardinality(String) DEFAULT '' AFTER tool_call_error_score,
    ADD COLUMN IF NOT EXISTS data_leakage_score Float32 DEFAULT nan AFTER data_leakage;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
