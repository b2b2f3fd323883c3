-- Which traces have the most failing verdicts, and why?
SELECT
    trace_id,
    min(start_time) AS began,
    countIf(tool_call_error = 'fail') + countIf(data_leakage = 'fail') AS failing,
    countIf(status = 'error') AS errors,
    sum(cost_usd) AS cost,
    arrayDistinct(arrayFlatten(groupArray(mapValues(evidence)))) AS reasons
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY AND replay_of = ''
GROUP BY trace_id
HAVING failing > 0
ORDER BY failing DESC, errors DESC, began DESC
LIMIT 10
