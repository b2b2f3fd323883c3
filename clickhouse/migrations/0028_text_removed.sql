-- Whether the row's texts were removed for their age, and are not just missing: such a row keeps the
-- verdicts that it has, as there is nothing left to judge.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS text_removed Bool DEFAULT false AFTER unjudged;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS text_removed Bool DEFAULT false AFTER unjudged;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
