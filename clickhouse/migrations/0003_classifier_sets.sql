-- Which classifiers stand behind a verdict_version. The version only grows, on all shards alike.
CREATE TABLE IF NOT EXISTS $database.classifier_sets $on_cluster
(
    version      UInt64,
    fingerprint  String,
    classifiers  String,
    deployed_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (version, fingerprint);
