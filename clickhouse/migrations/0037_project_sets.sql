-- Classifier sets of projects that have a threshold or a head of their own: which classifiers stand behind the
-- verdict_version of their rows. Those of all other projects' rows are in classifier_sets.
CREATE TABLE IF NOT EXISTS $database.project_sets $on_cluster
(
    project      LowCardinality(String),
    version      UInt64,
    fingerprint  String,
    classifiers  String,
    deployed_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (project, version, fingerprint);
