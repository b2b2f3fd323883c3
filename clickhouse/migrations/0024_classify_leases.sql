-- Which classify workers run, and the shares of the traces that each of them holds: rows of a worker
-- (one start of one process), the one with the highest turn counts, until it expires.
CREATE TABLE IF NOT EXISTS $database.classify_leases $on_cluster
(
    worker      String,
    place       String,
    turn        UInt64,
    fixed       UInt8,
    shares_of   UInt16,
    shares      Array(UInt16),
    expires_at  DateTime64(3, 'UTC'),
    written_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree$everywhere
ORDER BY (worker, turn)
TTL toDateTime(expires_at) + toIntervalHour(1);
