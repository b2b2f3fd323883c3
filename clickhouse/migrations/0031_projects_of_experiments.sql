-- Whose an experiment is: the project of the key that it was started with, '' for the default one. Its
-- views name it `checkout` there, and `alpha/checkout` in the project alpha, so that two projects may have
-- one of the same name; rows count for an experiment of their own project alone.
ALTER TABLE $database.experiment_changes $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER definition;

ALTER TABLE $database.experiment_status_measured $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String)
        DEFAULT if(position(experiment, '/') > 0, splitByChar('/', experiment)[1], '');

ALTER TABLE $database.experiment_effects_measured $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String)
        DEFAULT if(position(experiment, '/') > 0, splitByChar('/', experiment)[1], '');

ALTER TABLE $database.experiment_balance_measured $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String)
        DEFAULT if(position(experiment, '/') > 0, splitByChar('/', experiment)[1], '');

-- How each experiment stands: what the SDK reads, too.
CREATE OR REPLACE VIEW $database.experiments $on_cluster AS
SELECT
    if(change.project = '', change.name, concat(change.project, '/', change.name)) AS name,
    status, winner, started_at, counted_from, stopped_at, changed_at,
    JSONExtractString(definition, 'control') AS control,
    JSONExtractString(definition, 'unit') AS unit,
    JSONExtractFloat(definition, 'planned_units') AS planned_units,
    JSONExtractUInt(definition, 'min_units') AS min_units,
    JSONExtractKeysAndValues(definition, 'variants', 'Float64') AS variants,
    definition, change.project AS project
FROM
(
    SELECT * FROM $database.experiment_changes
    ORDER BY project, name, changed_at DESC
    LIMIT 1 BY project, name
) AS change;

-- What each span that takes part adds: the one place that names the classifiers.
CREATE OR REPLACE VIEW $database.experiment_spans $on_cluster AS
SELECT
    if(project = '', name_of, concat(project, '/', name_of)) AS experiment, variant_of AS variant,
    multiIf(experiment_units[name_of] != '', experiment_units[name_of],
        session_id != '', session_id, if(span.twin_of = '', span.trace_id, substring(span.twin_of, 1, 32))) AS unit,
    if(span.twin_of = '', span.trace_id, substring(span.twin_of, 1, 32)) AS trace_id, project, start_time, duration_ms, status, cost_usd,
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

-- One row a unit of an experiment, as 0009 made it: a thumb counts for its own project's trace.
CREATE OR REPLACE VIEW $database.experiment_outcomes $on_cluster AS
SELECT
    experiment, unit, variant, first_seen, variants_seen,
    first_seen >= counted_from AND (status = 'running' OR first_seen <= stopped_at) AS counted,
    arrayConcat(
        arrayMap((n, f, j) -> (n, toFloat64(f), toFloat64(j)),
            names, unit_failed, unit_judged),
        [
            ('error_rate', toFloat64(errors), toFloat64(traces)),
            ('latency_ms', duration, toFloat64(traces)),
            ('cost_usd', cost, toFloat64(traces)),
            ('tokens', toFloat64(used), toFloat64(traces)),
            ('cost_usd_per_unit', cost, toFloat64(traces > 0)),
            ('traces_per_unit', toFloat64(traces), toFloat64(traces > 0)),
            ('thumbs_down', toFloat64(thumbs_down), toFloat64(thumbs))
        ]) AS metrics
FROM
(
    SELECT
        experiment, unit, variant, min(began) AS first_seen,
        count() OVER (PARTITION BY experiment, unit) AS variants_seen,
        sum(happened) AS traces, sum(error) AS errors, sum(longest) AS duration,
        sum(trace_cost) AS cost, sum(trace_tokens) AS used,
        sum(down) AS thumbs_down, sum(given) AS thumbs,
        any(trace_names) AS names,
        sumForEach(trace_failed) AS unit_failed, sumForEach(trace_judged) AS unit_judged
    FROM
    (
        SELECT
            project, experiment, variant, unit, trace_id, min(start_time) AS began,
            max(own) AS happened, maxIf(duration_ms, own) AS longest,
            argMaxIf(status, duration_ms, own) = 'error' AS error,
            ifNull(sum(cost_usd), 0) AS trace_cost, sum(tokens) AS trace_tokens,
            any(classifiers) AS trace_names,
            sumForEach(failed) AS trace_failed, sumForEach(judged) AS trace_judged
        FROM $database.experiment_spans
        GROUP BY project, experiment, variant, unit, trace_id
    ) AS each_trace
    LEFT JOIN
    (
        -- A thumb may come from another process, later, and names only the trace.
        SELECT project, trace_id, countIf(feedback = 'down') AS down,
            countIf(feedback IN ('up', 'down')) AS given
        FROM $database.spans
        WHERE feedback != ''
        GROUP BY project, trace_id
    ) AS thumb USING (project, trace_id)
    GROUP BY experiment, unit, variant
    ORDER BY first_seen
    LIMIT 1 BY experiment, unit
) AS outcome
INNER JOIN
(
    SELECT name AS experiment, status, counted_from, stopped_at FROM $database.experiments
) AS known USING (experiment);
