-- Experiments: what spans say of them, their definitions, and their analysis as views.
-- The formulas, with their sources, are in experiments/README.md; experiments/ computes the same,
-- and a test holds the two together.

-- All experiments that a span takes part in, name to variant and to unit: the SDK sends both as
-- JSON. A span with the plain pair `experiment` and `variant` takes part in that one. The feedback
-- of a person: 'up' or 'down'.
ALTER TABLE $database.spans_raw$local $on_cluster
    ADD COLUMN IF NOT EXISTS experiments Map(LowCardinality(String), String)
        DEFAULT mapUpdate(if(experiment != '' AND variant != '', map(experiment, toString(variant)),
            map()), JSONExtract(attributes['everyspan.experiments'], 'Map(LowCardinality(String), String)')),
    ADD COLUMN IF NOT EXISTS experiment_units Map(LowCardinality(String), String)
        DEFAULT JSONExtract(attributes['everyspan.experiment_units'], 'Map(LowCardinality(String), String)'),
    ADD COLUMN IF NOT EXISTS feedback LowCardinality(String) DEFAULT attributes['everyspan.feedback'];

-- cluster only
ALTER TABLE $database.spans_raw $on_cluster
    ADD COLUMN IF NOT EXISTS experiments Map(LowCardinality(String), String)
        DEFAULT mapUpdate(if(experiment != '' AND variant != '', map(experiment, toString(variant)),
            map()), JSONExtract(attributes['everyspan.experiments'], 'Map(LowCardinality(String), String)')),
    ADD COLUMN IF NOT EXISTS experiment_units Map(LowCardinality(String), String)
        DEFAULT JSONExtract(attributes['everyspan.experiment_units'], 'Map(LowCardinality(String), String)'),
    ADD COLUMN IF NOT EXISTS feedback LowCardinality(String) DEFAULT attributes['everyspan.feedback'];

CREATE OR REPLACE VIEW $database.spans $on_cluster AS
SELECT * FROM $database.spans_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Every start, change and stop of an experiment. `definition`: JSON with all defaults filled in
-- (experiments/definition.py). `counted_from`: units that came before are not compared, as the
-- split was another one. `stopped_at`: 1970 while it runs.
CREATE TABLE IF NOT EXISTS $database.experiment_changes $on_cluster
(
    name          String,
    changed_at    DateTime64(3, 'UTC') DEFAULT now64(3),
    status        LowCardinality(String),
    winner        LowCardinality(String),
    started_at    DateTime64(3, 'UTC'),
    counted_from  DateTime64(3, 'UTC'),
    stopped_at    DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC'),
    definition    String
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (name, changed_at);

-- How each experiment stands: what the SDK reads, too.
CREATE OR REPLACE VIEW $database.experiments $on_cluster AS
SELECT
    name, status, winner, started_at, counted_from, stopped_at, changed_at,
    JSONExtractString(definition, 'control') AS control,
    JSONExtractString(definition, 'unit') AS unit,
    JSONExtractFloat(definition, 'planned_units') AS planned_units,
    JSONExtractUInt(definition, 'min_units') AS min_units,
    JSONExtractKeysAndValues(definition, 'variants', 'Float64') AS variants,
    definition
FROM $database.experiment_changes
ORDER BY name, changed_at DESC
LIMIT 1 BY name;

-- What each span that takes part adds: the one place that names the classifiers.
CREATE OR REPLACE VIEW $database.experiment_spans $on_cluster AS
SELECT
    name_of AS experiment, variant_of AS variant,
    multiIf(experiment_units[name_of] != '', experiment_units[name_of],
        session_id != '', session_id, trace_id) AS unit,
    trace_id, start_time, duration_ms, status, cost_usd,
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
FROM $database.spans
ARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of
WHERE notEmpty(experiments);

-- One row a unit (session, user, …) of an experiment, with what it adds to each metric: name,
-- numerator and denominator. A unit counts for the variant it was first seen with; what it did in
-- another one, after a changed weight, is left out. A trace lasts as long as its longest span that
-- takes part, which is the topmost.
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
            experiment, variant, unit, trace_id, min(start_time) AS began,
            max(own) AS happened, maxIf(duration_ms, own) AS longest,
            argMaxIf(status, duration_ms, own) = 'error' AS error,
            ifNull(sum(cost_usd), 0) AS trace_cost, sum(tokens) AS trace_tokens,
            any(classifiers) AS trace_names,
            sumForEach(failed) AS trace_failed, sumForEach(judged) AS trace_judged
        FROM $database.experiment_spans
        GROUP BY experiment, variant, unit, trace_id
    ) AS each_trace
    LEFT JOIN
    (
        -- A thumb may come from another process, later, and names only the trace.
        SELECT trace_id, countIf(feedback = 'down') AS down,
            countIf(feedback IN ('up', 'down')) AS given
        FROM $database.spans
        WHERE feedback != ''
        GROUP BY trace_id
    ) AS thumb USING (trace_id)
    GROUP BY experiment, unit, variant
    ORDER BY first_seen
    LIMIT 1 BY experiment, unit
) AS outcome
INNER JOIN
(
    SELECT name AS experiment, status, counted_from, stopped_at FROM $database.experiments
) AS known USING (experiment);

-- Sums over units, of which every figure below is made.
CREATE OR REPLACE VIEW $database.experiment_sums $on_cluster AS
SELECT
    experiment, variant, each.1 AS metric, countIf(each.3 > 0) AS units,
    sum(each.2) AS y, sum(each.3) AS x,
    sum(each.2 * each.2) AS yy, sum(each.2 * each.3) AS xy, sum(each.3 * each.3) AS xx
FROM $database.experiment_outcomes
ARRAY JOIN metrics AS each
WHERE counted
GROUP BY experiment, variant, metric;

-- Sample ratio mismatch: `evidence` against the intended split (Lindon and Malek 2022), over 1000
-- it is broken. `moved_units`: seen with several variants. `unknown_units`: of variants that the
-- definition does not have.
CREATE OR REPLACE VIEW $database.experiment_balance $on_cluster AS
SELECT
    experiment, variant_names, variant_units, variant_shares,
    arraySum(variant_units) AS units,
    arrayAvg(k -> exp(least(700, lgamma(k) - lgamma(units + k) + arraySum(
        (c, s) -> lgamma(c + k * s) - lgamma(k * s) - c * log(s), variant_units, variant_shares)
    )), [10., 100., 1000., 10000.]) AS evidence,
    held_out_units, unknown_units, moved_units
FROM
(
    SELECT
        experiment,
        arrayMap(v -> v.1, any(known.variants)) AS variant_names,
        arrayMap(v -> v.2 / arraySum(w -> w.2, any(known.variants)), any(known.variants))
            AS variant_shares,
        groupArrayIf(variant, counted) AS seen,
        arrayMap(v -> countEqual(seen, v), variant_names) AS variant_units,
        countEqual(seen, 'hold_out') AS held_out_units,
        length(seen) - arraySum(variant_units) - held_out_units AS unknown_units,
        countIf(variants_seen > 1 AND counted) AS moved_units
    FROM (SELECT name AS experiment, variants FROM $database.experiments) AS known
    LEFT JOIN
    (
        SELECT experiment, variant, counted, variants_seen FROM $database.experiment_outcomes
    ) AS outcome USING (experiment)
    GROUP BY experiment
);

-- Each metric of each variant against the control, with the interval that holds at all times
-- (Waudby-Smith et al. 2024). `harm_low`, `harm_high`: the same turned so that more is worse.
-- `state`: too_early, worse, better, safe (a guard-rail within its margin), no_gain (a primary
-- metric that can't gain min_effect any more) or open.
CREATE OR REPLACE VIEW $database.experiment_effects $on_cluster AS
SELECT
    experiment, variant, control, metric, role, direction, position, rate, min_effect, margin, alpha,
    control_units, variant_units, control_value, variant_value,
    variant_value - control_value AS effect, standard_error,
    effect - standard_error * factor AS low, effect + standard_error * factor AS high,
    if(direction = 'lower', low, -high) AS harm_low,
    if(direction = 'lower', high, -low) AS harm_high,
    multiIf(
        least(control_units, variant_units) < min_units OR NOT isFinite(low), 'too_early',
        harm_low > margin, 'worse',
        harm_high < 0, 'better',
        role = 'guardrail' AND margin > 0 AND harm_high < margin, 'safe',
        role = 'primary' AND min_effect > 0 AND harm_low > -min_effect, 'no_gain',
        'open') AS state
FROM
(
    SELECT
        *, c_units AS control_units, v_units AS variant_units,
        c_y / c_x AS control_value, v_y / v_x AS variant_value,
        (greatest(0, c_yy - 2 * control_value * c_xy + control_value * control_value * c_xx)
            / pow(c_x / c_units, 2) + rate) / (c_units * (c_units - 1.)) AS control_variance,
        (greatest(0, v_yy - 2 * variant_value * v_xy + variant_value * variant_value * v_xx)
            / pow(v_x / v_units, 2) + rate) / (v_units * (v_units - 1.)) AS variant_variance,
        if(c_units > 1 AND v_units > 1 AND control_variance + variant_variance > 0,
            sqrt(control_variance + variant_variance), nan) AS standard_error,
        -2 * log(alpha) AS surprise,
        4. * c_units * v_units / greatest(c_units + v_units, 1)
            * (surprise + log(surprise + 1)) / planned_units AS grown,
        sqrt(2 * (1 + 1 / grown) * log(sqrt(grown + 1) / alpha)) AS factor
    FROM
    (
        SELECT
            wanted.experiment AS experiment, wanted.variant AS variant, wanted.metric AS metric,
            control, role, direction, position, rate, min_effect, margin, alpha, planned_units,
            min_units,
            sumIf(summed.units, summed.variant = wanted.control) AS c_units,
            sumIf(summed.y, summed.variant = wanted.control) AS c_y,
            sumIf(summed.x, summed.variant = wanted.control) AS c_x,
            sumIf(summed.yy, summed.variant = wanted.control) AS c_yy,
            sumIf(summed.xy, summed.variant = wanted.control) AS c_xy,
            sumIf(summed.xx, summed.variant = wanted.control) AS c_xx,
            sumIf(summed.units, summed.variant = wanted.variant) AS v_units,
            sumIf(summed.y, summed.variant = wanted.variant) AS v_y,
            sumIf(summed.x, summed.variant = wanted.variant) AS v_x,
            sumIf(summed.yy, summed.variant = wanted.variant) AS v_yy,
            sumIf(summed.xy, summed.variant = wanted.variant) AS v_xy,
            sumIf(summed.xx, summed.variant = wanted.variant) AS v_xx
        FROM
        (
            SELECT
                name AS experiment, control, planned_units, min_units, variant, position,
                JSONExtractString(metric_json, 'metric') AS metric,
                JSONExtractString(metric_json, 'role') AS role,
                JSONExtractString(metric_json, 'direction') AS direction,
                toFloat64(JSONExtractBool(metric_json, 'rate')) AS rate,
                JSONExtractFloat(metric_json, 'min_effect') AS min_effect,
                JSONExtractFloat(metric_json, 'margin') AS margin,
                JSONExtractFloat(metric_json, 'alpha') AS alpha
            FROM
            (
                SELECT
                    name, control, planned_units, min_units,
                    arrayJoin(arrayFilter(v -> v != control, arrayMap(v -> v.1, variants))) AS variant,
                    JSONExtractArrayRaw(definition, 'metrics') AS all_metrics
                FROM $database.experiments
            )
            ARRAY JOIN all_metrics AS metric_json, arrayEnumerate(all_metrics) AS position
        ) AS wanted
        LEFT JOIN
        (
            SELECT * FROM $database.experiment_sums
        ) AS summed ON summed.experiment = wanted.experiment AND summed.metric = wanted.metric
        GROUP BY experiment, variant, metric, control, role, direction, position, rate, min_effect,
            margin, alpha, planned_units, min_units
    )
);

-- What to do with each variant: ship, stop or keep_going. The rules are in experiments/verdict.py.
CREATE OR REPLACE VIEW $database.experiment_verdicts $on_cluster AS
SELECT
    experiment, variant,
    groupArrayIf(metric, state = 'worse') AS worse,
    groupArrayIf(metric, state = 'better') AS better,
    groupArrayIf(metric, state = 'worse' AND role = 'guardrail') AS guardrails_lost,
    -argMinIf(if(direction = 'lower', effect, -effect), position, role = 'primary') AS gain,
    multiIf(
        countIf(state = 'worse' AND role != 'secondary') > 0, 'stop',
        countIf(state = 'better' AND role = 'primary') > 0
            AND countIf(role = 'guardrail' AND margin > 0 AND state NOT IN ('safe', 'better')) = 0,
            'ship',
        countIf(role = 'primary' AND state != 'no_gain') = 0, 'stop',
        'keep_going') AS verdict
FROM $database.experiment_effects
GROUP BY experiment, variant;

-- What to do with each experiment: broken, ship (`variant`), stop or keep_going.
CREATE OR REPLACE VIEW $database.experiment_status $on_cluster AS
SELECT
    experiment, status, winner, started_at, counted_from, stopped_at, units, evidence,
    multiIf(
        evidence >= 1000, 'sample ratio mismatch',
        unknown_units >= 10 AND unknown_units > 0.01 * units, 'variants that are not defined',
        moved_units >= 10 AND moved_units > 0.05 * units, 'units change their variant',
        '') AS broken,
    multiIf(
        broken != '', 'broken',
        shipping > 0, 'ship',
        stopping = variants, 'stop',
        'keep_going') AS verdict,
    if(verdict = 'ship', best, '') AS variant,
    lost
FROM
(
    SELECT
        experiment, count() AS variants, countIf(verdict = 'ship') AS shipping,
        countIf(verdict = 'stop') AS stopping, argMaxIf(variant, gain, verdict = 'ship') AS best,
        groupArrayIf(variant, verdict = 'stop') AS lost
    FROM $database.experiment_verdicts
    GROUP BY experiment
) AS decided
INNER JOIN $database.experiment_balance AS balance USING (experiment)
INNER JOIN
(
    SELECT name AS experiment, status, winner, started_at, counted_from, stopped_at
    FROM $database.experiments
) AS known USING (experiment);
