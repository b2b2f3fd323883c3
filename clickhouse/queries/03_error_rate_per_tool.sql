-- Which tools fail? `errors` said so themselves; `judged_failing` also counts failures that came back as a result.
SELECT
    tool_name,
    count() AS calls,
    countIf(status = 'error') AS errors,
    countIf(tool_call_error = 'fail') AS judged_failing,
    round(judged_failing / calls, 4) AS fail_rate,
    anyIf(evidence['tool_call_error'], tool_call_error = 'fail') AS example
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY AND step_kind = 'tool' AND replay_of = ''
GROUP BY tool_name
ORDER BY fail_rate DESC, calls DESC
