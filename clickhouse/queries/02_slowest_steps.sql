-- Which steps are slow? Latency in milliseconds by step name.
SELECT
    service_name,
    name,
    step_kind,
    count() AS steps,
    round(quantile(0.5)(duration_ms), 1) AS p50,
    round(quantile(0.95)(duration_ms), 1) AS p95,
    round(quantile(0.99)(duration_ms), 1) AS p99
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY AND replay_of = ''
GROUP BY service_name, name, step_kind
ORDER BY p95 DESC
LIMIT 20
