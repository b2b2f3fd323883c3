-- What alert rules go by. `replay_of`: the recorded trace that a replay ran again; such rows are no
-- production. `end_time`: of the span, by which traces are counted that take long. `outcomes`: what
-- became of an attack: 'refused', 'answered' (the model did not refuse) or 'obeyed' (the answer
-- carries what the attack asked for). `judged_at`: when a verdict that is news was written, which
-- judging again leaves as it is. `old_verdicts`: classifiers whose verdict is no news: it was written
-- by judging again or by back-fill, or told before.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS replay_of String CODEC(ZSTD(1)) AFTER twin_of,
    ADD COLUMN IF NOT EXISTS end_time DateTime64(9, 'UTC')
        DEFAULT addNanoseconds(start_time, toInt64(least(greatest(duration_ms, 0), 1e11) * 1e6)) CODEC(Delta, ZSTD(1))
        AFTER replay_of,
    ADD COLUMN IF NOT EXISTS outcomes Map(LowCardinality(String), LowCardinality(String)) AFTER evidence,
    ADD COLUMN IF NOT EXISTS judged_at DateTime64(3, 'UTC') DEFAULT verdict_at CODEC(Delta, ZSTD(1)) AFTER verdict_at,
    ADD COLUMN IF NOT EXISTS old_verdicts Array(LowCardinality(String)) AFTER judged_at;

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS replay_of String AFTER twin_of,
    ADD COLUMN IF NOT EXISTS end_time DateTime64(9, 'UTC')
        DEFAULT addNanoseconds(start_time, toInt64(least(greatest(duration_ms, 0), 1e11) * 1e6))
        AFTER replay_of,
    ADD COLUMN IF NOT EXISTS outcomes Map(LowCardinality(String), LowCardinality(String)) AFTER evidence,
    ADD COLUMN IF NOT EXISTS judged_at DateTime64(3, 'UTC') DEFAULT verdict_at AFTER verdict_at,
    ADD COLUMN IF NOT EXISTS old_verdicts Array(LowCardinality(String)) AFTER judged_at;

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- What each span that takes part adds: a replay is no production. As 0015 made it else.
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
WHERE notEmpty(experiments) AND replay_of = '';
