-- Which evaluations did others send along (gen_ai.evaluation.result), and how do they score?
SELECT
    JSONExtractString(event, 'attributes', 'gen_ai.evaluation.name') AS evaluation,
    count() AS results,
    round(avg(JSONExtractFloat(event, 'attributes', 'gen_ai.evaluation.score.value')), 3) AS mean_score,
    groupUniqArray(10)(JSONExtractString(event, 'attributes', 'gen_ai.evaluation.score.label')) AS labels
FROM everyspan.spans
ARRAY JOIN JSONExtractArrayRaw(events) AS event
WHERE start_time >= now() - INTERVAL 7 DAY AND replay_of = ''
    AND JSONExtractString(event, 'name') = 'gen_ai.evaluation.result'
GROUP BY evaluation
ORDER BY results DESC
