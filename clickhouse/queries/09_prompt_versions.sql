-- Did a prompt version or a variant make things better or worse?
SELECT
    prompt_name,
    prompt_version,
    variant,
    uniqExact(if(twin_of = '', trace_id, substring(twin_of, 1, 32))) AS traces,
    round(avgIf(duration_ms, step_kind = 'llm'), 1) AS mean_ms_per_call,
    round(sum(cost_usd) / traces, 6) AS cost_per_trace,
    uniqExactIf(trace_id, data_leakage = 'fail' OR tool_call_error = 'fail') AS failing_traces,
    round(failing_traces / traces, 4) AS fail_rate
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 7 DAY AND prompt_name != '' AND replay_of = ''
GROUP BY prompt_name, prompt_version, variant
ORDER BY prompt_name, prompt_version, variant
