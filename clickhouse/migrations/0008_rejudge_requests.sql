-- Somebody asked to have the spans of [since, until) judged again: what was judged before
-- requested_at is due. Nothing marks a request as done; it is when no such span is left.
CREATE TABLE IF NOT EXISTS $database.rejudge_requests $on_cluster
(
    since         DateTime64(3, 'UTC'),
    until         DateTime64(3, 'UTC'),
    requested_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY requested_at
TTL toDateTime(requested_at) + toIntervalDay($retention_days);
