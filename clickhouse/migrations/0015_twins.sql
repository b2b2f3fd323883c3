-- One call that two instrumentations report in two traces counts once. `response_id`: the
-- provider's id of the answer, by which the two are found; rows from before have none. `twin_of`:
-- 'TRACE/SPAN' of the row that counts, on those that do not.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS response_id String CODEC(ZSTD(1)) AFTER id_reuse,
    ADD COLUMN IF NOT EXISTS twin_of String CODEC(ZSTD(1)) AFTER response_id,
    ADD INDEX IF NOT EXISTS ix_response response_id TYPE bloom_filter(0.01) GRANULARITY 1;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS response_id String AFTER id_reuse,
    ADD COLUMN IF NOT EXISTS twin_of String AFTER response_id;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- What each span that takes part adds, to the trace that it counts for. As 0009 made it else.
CREATE OR REPLACE VIEW $database.experiment_spans $on_cluster AS
SELECT
    name_of AS experiment, variant_of AS variant,
    multiIf(experiment_units[name_of] != '', experiment_units[name_of],
        session_id != '', session_id, if(span.twin_of = '', span.trace_id, substring(span.twin_of, 1, 32))) AS unit,
    if(span.twin_of = '', span.trace_id, substring(span.twin_of, 1, 32)) AS trace_id, start_time, duration_ms, status, cost_usd,
    ifNull(input_tokens, 0) + ifNull(output_tokens, 0) AS tokens,
    name != 'everyspan.feedback' AS own,
    [
        'tool_call_error',
        'data_leakage',
        'hallucination',
        'retrieval_relevance',
        'goal_completion',
        'user_frustration',
        'forgetfulness',
        'instruction_following',
        'jailbreak',
        'prompt_injection',
        'toxicity'
    ] AS classifiers,
    [
        tool_call_error = 'fail',
        data_leakage = 'fail',
        hallucination = 'fail',
        retrieval_relevance = 'fail',
        goal_completion = 'fail',
        user_frustration = 'fail',
        forgetfulness = 'fail',
        instruction_following = 'fail',
        jailbreak = 'fail',
        prompt_injection = 'fail',
        toxicity = 'fail'
    ] AS failed,
    [
        tool_call_error IN ('pass', 'fail'),
        data_leakage IN ('pass', 'fail'),
        hallucination IN ('pass', 'fail'),
        retrieval_relevance IN ('pass', 'fail'),
        goal_completion IN ('pass', 'fail'),
        user_frustration IN ('pass', 'fail'),
        forgetfulness IN ('pass', 'fail'),
        instruction_following IN ('pass', 'fail'),
        jailbreak IN ('pass', 'fail'),
        prompt_injection IN ('pass', 'fail'),
        toxicity IN ('pass', 'fail')
    ] AS judged
FROM $database.spans AS span
ARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of
WHERE notEmpty(experiments);
