-- Programs that seed Python's global random generator send the same trace and span ids at each run.
-- `fingerprint` is made of what was sent and is part of the key, so that such spans stand beside each
-- other instead of replacing each other, while the same span sent again is still stored once. 0: the
-- row is older than this column. `id_reuse` counts the runs: 0 for the first to use its ids.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS fingerprint UInt64 AFTER convention,
    MODIFY ORDER BY (toStartOfHour(start_time), trace_id, span_id, fingerprint);

ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS id_reuse UInt32 DEFAULT 0 AFTER fingerprint;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS fingerprint UInt64 AFTER convention,
    ADD COLUMN IF NOT EXISTS id_reuse UInt32 DEFAULT 0 AFTER fingerprint;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
