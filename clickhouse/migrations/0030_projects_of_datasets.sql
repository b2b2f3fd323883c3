-- Whose a data set is: the project of the key that it was made with, '' for the default one. It is part of
-- the key, so that two projects may have one of the same name.
ALTER TABLE $database.dataset_versions $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER radius,
    MODIFY ORDER BY (dataset, version, content_hash, project);

ALTER TABLE $database.dataset_items $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER added_in,
    MODIFY ORDER BY (dataset, version, content_hash, id, project);

ALTER TABLE $database.dataset_reference $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER prompt_version,
    MODIFY ORDER BY (dataset, version, content_hash, number, project);

ALTER TABLE $database.dataset_drift $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER told,
    MODIFY ORDER BY (dataset, version, measured_at, project);

CREATE OR REPLACE VIEW $database.datasets $on_cluster AS
SELECT v.project AS project, v.dataset AS dataset, v.version AS version, v.created_at AS created_at,
    v.author AS author, v.failures AS failures, v.controls AS controls, v.content_hash AS content_hash,
    d.verdict AS drift, if(d.verdict = '', NULL, d.uncovered) AS uncovered,
    if(d.verdict = '', NULL, d.measured_at) AS drift_measured_at
FROM
(
    SELECT * FROM $database.dataset_versions FINAL ORDER BY version DESC, created_at DESC
    LIMIT 1 BY project, dataset
) AS v
LEFT JOIN
(
    SELECT * FROM $database.dataset_drift FINAL ORDER BY measured_at DESC
    LIMIT 1 BY project, dataset, version
) AS d ON d.project = v.project AND d.dataset = v.dataset AND d.version = v.version;
