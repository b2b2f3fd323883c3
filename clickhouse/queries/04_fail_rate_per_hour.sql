-- How does the fail rate of each classifier develop? Only rows that it applies to count.
SELECT
    toStartOfHour(start_time) AS hour,
    verdict.1 AS classifier,
    countIf(verdict.2 IN ('pass', 'fail')) AS judged,
    countIf(verdict.2 = 'fail') AS failed,
    round(failed / judged, 4) AS fail_rate
FROM everyspan.spans
ARRAY JOIN [('tool_call_error', tool_call_error), ('data_leakage', data_leakage)] AS verdict
WHERE start_time >= now() - INTERVAL 1 DAY AND replay_of = ''
GROUP BY hour, classifier
HAVING judged > 0
ORDER BY hour DESC, classifier
