-- Which sessions were long, dear or troubled?
SELECT
    session_id,
    any(user_id) AS user,
    uniqExact(if(twin_of = '', trace_id, substring(twin_of, 1, 32))) AS turns,
    sum(input_tokens) + sum(output_tokens) AS tokens,
    round(sum(cost_usd), 6) AS cost,
    countIf(status = 'error' AND twin_of = '') AS errors,
    countIf(tool_call_error = 'fail' OR data_leakage = 'fail') AS failing_steps
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY AND session_id != '' AND replay_of = ''
GROUP BY session_id
ORDER BY failing_steps DESC, cost DESC NULLS LAST
LIMIT 20
