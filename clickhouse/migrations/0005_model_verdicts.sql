-- Verdicts of the classifiers that ask the model, and the public view.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS hallucination LowCardinality(String) DEFAULT '' AFTER data_leakage_score,
    ADD COLUMN IF NOT EXISTS hallucination_score Float32 DEFAULT nan AFTER hallucination,
    ADD COLUMN IF NOT EXISTS retrieval_relevance LowCardinality(String) DEFAULT '' AFTER hallucination_score,
    ADD COLUMN IF NOT EXISTS retrieval_relevance_score Float32 DEFAULT nan AFTER retrieval_relevance,
    ADD COLUMN IF NOT EXISTS goal_completion LowCardinality(String) DEFAULT '' AFTER retrieval_relevance_score,
    ADD COLUMN IF NOT EXISTS goal_completion_score Float32 DEFAULT nan AFTER goal_completion,
    ADD COLUMN IF NOT EXISTS user_frustration LowCardinality(String) DEFAULT '' AFTER goal_completion_score,
    ADD COLUMN IF NOT EXISTS user_frustration_score Float32 DEFAULT nan AFTER user_frustration,
    ADD COLUMN IF NOT EXISTS forgetfulness LowCardinality(String) DEFAULT '' AFTER user_frustration_score,
    ADD COLUMN IF NOT EXISTS forgetfulness_score Float32 DEFAULT nan AFTER forgetfulness,
    ADD COLUMN IF NOT EXISTS instruction_following LowCardinality(String) DEFAULT '' AFTER forgetfulness_score,
    ADD COLUMN IF NOT EXISTS instruction_following_score Float32 DEFAULT nan AFTER instruction_following,
    ADD COLUMN IF NOT EXISTS jailbreak LowCardinality(String) DEFAULT '' AFTER instruction_following_score,
    ADD COLUMN IF NOT EXISTS jailbreak_score Float32 DEFAULT nan AFTER jailbreak,
    ADD COLUMN IF NOT EXISTS prompt_injection LowCardinality(String) DEFAULT '' AFTER jailbreak_score,
    ADD COLUMN IF NOT EXISTS prompt_injection_score Float32 DEFAULT nan AFTER prompt_injection,
    ADD COLUMN IF NOT EXISTS toxicity LowCardinality(String) DEFAULT '' AFTER prompt_injection_score,
    ADD COLUMN IF NOT EXISTS toxicity_score Float32 DEFAULT nan AFTER toxicity;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS hallucination LowCardinality(String) DEFAULT '' AFTER data_leakage_score,
    ADD COLUMN IF NOT EXISTS hallucination_score Float32 DEFAULT nan AFTER hallucination,
    ADD COLUMN IF NOT EXISTS retrieval_relevance LowCardinality(String) DEFAULT '' AFTER hallucination_score,
    ADD COLUMN IF NOT EXISTS retrieval_relevance_score Float32 DEFAULT nan AFTER retrieval_relevance,
    ADD COLUMN IF NOT EXISTS goal_completion LowCardinality(String) DEFAULT '' AFTER retrieval_relevance_score,
    ADD COLUMN IF NOT EXISTS goal_completion_score Float32 DEFAULT nan AFTER goal_completion,
    ADD COLUMN IF NOT EXISTS user_frustration LowCardinality(String) DEFAULT '' AFTER goal_completion_score,
    ADD COLUMN IF NOT EXISTS user_frustration_score Float32 DEFAULT nan AFTER user_frustration,
    ADD COLUMN IF NOT EXISTS forgetfulness LowCardinality(String) DEFAULT '' AFTER user_frustration_score,
    ADD COLUMN IF NOT EXISTS forgetfulness_score Float32 DEFAULT nan AFTER forgetfulness,
    ADD COLUMN IF NOT EXISTS instruction_following LowCardinality(String) DEFAULT '' AFTER forgetfulness_score,
    ADD COLUMN IF NOT EXISTS instruction_following_score Float32 DEFAULT nan AFTER instruction_following,
    ADD COLUMN IF NOT EXISTS jailbreak LowCardinality(String) DEFAULT '' AFTER instruction_following_score,
    ADD COLUMN IF NOT EXISTS jailbreak_score Float32 DEFAULT nan AFTER jailbreak,
    ADD COLUMN IF NOT EXISTS prompt_injection LowCardinality(String) DEFAULT '' AFTER jailbreak_score,
    ADD COLUMN IF NOT EXISTS prompt_injection_score Float32 DEFAULT nan AFTER prompt_injection,
    ADD COLUMN IF NOT EXISTS toxicity LowCardinality(String) DEFAULT '' AFTER prompt_injection_score,
    ADD COLUMN IF NOT EXISTS toxicity_score Float32 DEFAULT nan AFTER toxicity;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
