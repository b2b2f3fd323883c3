-- Heavy tails: a few units that cost a thousand times as much as the rest no longer decide. The
-- formulas, with their sources, are in experiments/README.md; experiments/winsorise.py computes the
-- same, and a test holds the two together.

-- Sums over units, of which every figure below is made. The numerator of a unit counts as far as the
-- bounds: where 20 units of the smallest variant are expected beyond, at most a quarter of all on
-- either side. They are of the distance from what the unit's denominator lets expect, among all
-- variants together; those of a rate are no narrower than one average unit that fails in all it did.
-- `y_in_full`: without bounds. `capped`: units beyond. `farthest`: where all units between the bounds
-- are alike, nothing is capped, and each variant's variance is that of one more unit as far out as
-- the farthest one; else 0.
CREATE OR REPLACE VIEW $database.experiment_sums $on_cluster AS
SELECT
    experiment, variant, metric, countIf(unit_x > 0) AS units,
    sumIf(counted_y, unit_x > 0) AS y, sum(unit_x) AS x,
    sumIf(counted_y * counted_y, unit_x > 0) AS yy, sumIf(counted_y * unit_x, unit_x > 0) AS xy,
    sum(unit_x * unit_x) AS xx,
    sumIf(unit_y, unit_x > 0) AS y_in_full,
    countIf(unit_x > 0 AND bounded AND (distance < lowest OR distance > highest)) AS capped,
    max(extreme) AS farthest
FROM
(
    SELECT
        *, highest - lowest > 1e-9 * largest AS bounded,
        greatest(last_distance, -first_distance) AS far,
        if(pooled AND NOT bounded AND far > 1e-9 * largest, far, 0.) AS extreme,
        if(bounded, ratio * unit_x + least(greatest(distance, lowest), highest), unit_y)
            AS counted_y
    FROM
    (
        SELECT
            *, if(is_rate, least(low_distance, -mean_x), low_distance) AS lowest,
            if(is_rate, greatest(high_distance, mean_x), high_distance) AS highest
        FROM
        (
            SELECT
                *, maxIf(distance, place = beyond + 1) OVER together AS low_distance,
                maxIf(distance, place = n - beyond) OVER together AS high_distance,
                min(distance) OVER together AS first_distance,
                max(distance) OVER together AS last_distance
            FROM
            (
                SELECT
                    *, least(ceil(20. * n / smallest), floor(n / 4)) AS beyond,
                    row_number() OVER (PARTITION BY experiment, metric, pooled ORDER BY distance)
                        AS place
                FROM
                (
                    SELECT
                        *, min(of_variant) OVER together AS smallest,
                        unit_y - ratio * unit_x AS distance
                    FROM
                    (
                        SELECT
                            experiment, toString(variant) AS variant, each.1 AS metric,
                            each.2 AS unit_y, each.3 AS unit_x,
                            unit_x > 0 AND has(names, variant) AS pooled,
                            metric NOT IN ('latency_ms', 'cost_usd', 'tokens',
                                'cost_usd_per_unit', 'traces_per_unit') AS is_rate,
                            count() OVER together AS n,
                            sum(unit_y) OVER together / sum(unit_x) OVER together AS ratio,
                            avg(unit_x) OVER together AS mean_x,
                            max(abs(unit_y)) OVER together AS largest,
                            count() OVER (PARTITION BY experiment, metric, pooled, variant)
                                AS of_variant
                        FROM $database.experiment_outcomes AS outcome
                        ARRAY JOIN metrics AS each
                        INNER JOIN
                        (
                            SELECT name AS experiment, arrayMap(v -> v.1, variants) AS names
                            FROM $database.experiments
                        ) AS known USING (experiment)
                        WHERE counted
                        WINDOW together AS (PARTITION BY experiment, metric, pooled)
                    )
                    WINDOW together AS (PARTITION BY experiment, metric, pooled)
                )
            )
            WINDOW together AS (PARTITION BY experiment, metric, pooled)
        )
    )
)
GROUP BY experiment, variant, metric;

-- Each metric of each variant against the control, with the interval that holds at all times
-- (Waudby-Smith et al. 2024). `harm_low`, `harm_high`: the same turned so that more is worse.
-- `state`: too_early, worse, better, safe (a guard-rail within its margin), no_gain (a primary
-- metric that can't gain min_effect any more) or open. `same`: every unit of both has the same
-- figure, which is told once `planned_units` have come. `control_in_full`, `variant_in_full`: the
-- figures with every unit as it is; `control_capped`, `variant_capped`: how many are not.
CREATE OR REPLACE VIEW $database.experiment_effects $on_cluster AS
SELECT
    experiment, variant, control, metric, role, direction, position, rate, min_effect, margin, alpha,
    control_units, variant_units, control_value, variant_value,
    -- Of two figures without any spread, what is left of the last digits is none.
    if(standard_error = 0 AND abs(variant_value - control_value)
        <= 1e-9 * greatest(abs(control_value), abs(variant_value)), 0,
        variant_value - control_value) AS effect,
    standard_error,
    effect - standard_error * factor AS low, effect + standard_error * factor AS high,
    if(direction = 'lower', low, -high) AS harm_low,
    if(direction = 'lower', high, -low) AS harm_high,
    multiIf(
        least(control_units, variant_units) < min_units OR NOT isFinite(low)
            OR (standard_error = 0 AND evenly < planned_units), 'too_early',
        harm_low > margin, 'worse',
        harm_high < 0, 'better',
        role = 'guardrail' AND (margin > 0 AND harm_high < margin OR same), 'safe',
        role = 'primary' AND (min_effect > 0 AND harm_low > -min_effect OR same), 'no_gain',
        'open') AS state,
    standard_error = 0 AND effect = 0 AS same,
    control_in_full, variant_in_full, control_capped, variant_capped
FROM
(
    SELECT
        *, c_units AS control_units, v_units AS variant_units,
        c_y / c_x AS control_value, v_y / v_x AS variant_value,
        ((greatest(0, c_yy - 2 * control_value * c_xy + control_value * control_value * c_xx)
            + farthest * farthest)
            / pow(c_x / c_units, 2) + rate) / (c_units * (c_units - 1.)) AS control_variance,
        ((greatest(0, v_yy - 2 * variant_value * v_xy + variant_value * variant_value * v_xx)
            + farthest * farthest)
            / pow(v_x / v_units, 2) + rate) / (v_units * (v_units - 1.)) AS variant_variance,
        c_y_in_full / c_x AS control_in_full, v_y_in_full / v_x AS variant_in_full,
        control_variance + variant_variance AS variance,
        4. * c_units * v_units / greatest(c_units + v_units, 1) AS evenly,
        -- A spread below a millionth of the figures is none.
        multiIf(c_units < 2 OR v_units < 2, nan,
            variance * evenly > 1e-12 * pow(greatest(abs(control_value), abs(variant_value)), 2),
            sqrt(variance), 0) AS standard_error,
        -2 * log(alpha) AS surprise,
        evenly * (surprise + log(surprise + 1)) / planned_units AS grown,
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
            sumIf(summed.y_in_full, summed.variant = wanted.control) AS c_y_in_full,
            sumIf(summed.capped, summed.variant = wanted.control) AS control_capped,
            sumIf(summed.units, summed.variant = wanted.variant) AS v_units,
            sumIf(summed.y, summed.variant = wanted.variant) AS v_y,
            sumIf(summed.x, summed.variant = wanted.variant) AS v_x,
            sumIf(summed.yy, summed.variant = wanted.variant) AS v_yy,
            sumIf(summed.xy, summed.variant = wanted.variant) AS v_xy,
            sumIf(summed.xx, summed.variant = wanted.variant) AS v_xx,
            sumIf(summed.y_in_full, summed.variant = wanted.variant) AS v_y_in_full,
            sumIf(summed.capped, summed.variant = wanted.variant) AS variant_capped,
            max(summed.farthest) AS farthest
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
