-- What did users ask that retrieval had nothing for?
SELECT
    start_time,
    trace_id,
    name,
    input AS query,
    length(documents) AS found
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY AND step_kind = 'retrieval' AND empty(documents) AND replay_of = ''
ORDER BY start_time DESC
LIMIT 50
