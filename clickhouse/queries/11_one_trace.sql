-- One trace, step by step: when each began, how long it took, what it said, what is wrong with it.
SELECT
    row_number() OVER (ORDER BY start_time, span_id) AS step,
    round(dateDiff('microsecond', min(start_time) OVER (), start_time) / 1000, 1) AS at_ms,
    round(duration_ms, 1) AS took_ms,
    step_kind,
    name,
    substring(input, 1, 80) AS input_begins,
    substring(output, 1, 80) AS output_begins,
    evidence
FROM everyspan.spans
WHERE trace_id = {trace_id:String}
ORDER BY start_time, span_id
