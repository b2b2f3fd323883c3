-- A head of one's own traffic: what reviews say of texts, beyond the score. Of a row of calibrations that
-- has one: `head` are the weights of a text's vector by the encoder's version `model`, `shift` what is added
-- to their product, both as a logit; a, b and c then say what the score is beside it. `relabels`: whether
-- other rows fail by it, or it orders them only. `own_scores` of a row: its score without the head, of
-- classifiers whose score one has moved.
ALTER TABLE $database.calibrations $on_cluster
    ADD COLUMN IF NOT EXISTS head Array(Float64) CODEC(ZSTD(1)) AFTER b,
    ADD COLUMN IF NOT EXISTS shift Float64 AFTER head,
    ADD COLUMN IF NOT EXISTS relabels Bool AFTER shift,
    ADD COLUMN IF NOT EXISTS model UInt32 AFTER relabels;

ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS own_scores Map(LowCardinality(String), Float32) CODEC(ZSTD(1)) AFTER outcomes;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS own_scores Map(LowCardinality(String), Float32) AFTER outcomes;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
