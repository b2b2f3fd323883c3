-- Is every row judged by all, and how long does that take? Coverage must be 1. A row that a broken
-- classifier owes its verdict is not judged by all.
SELECT
    count() AS stored,
    countIf(verdict_version > 0 AND empty(unjudged)) AS judged,
    round(judged / stored, 6) AS coverage,
    round(quantileIf(0.95)(dateDiff('millisecond', ingested_at, verdict_at) / 1000, verdict_version > 0), 1)
        AS p95_seconds_to_verdict,
    maxIf(dateDiff('second', ingested_at, now64(3)), verdict_version = 0 OR notEmpty(unjudged)) AS oldest_waiting_seconds
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY
