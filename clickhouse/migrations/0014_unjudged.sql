-- Classifiers that owe the row a verdict: they could not work when the others judged it. Such a row
-- is not covered, and is judged once they work again.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS unjudged Array(LowCardinality(String)) AFTER custom_version;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS unjudged Array(LowCardinality(String)) AFTER custom_version;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
