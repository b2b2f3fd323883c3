-- How good each classifier is on this traffic, as the answers of people say (classify/reviews): what the
-- classify service found when it looked last, for boards. A row is one figure of one look; a `value` of NaN
-- is one of which the interval alone may be told. The newest look at a classifier counts.
CREATE TABLE IF NOT EXISTS $database.review_figures $on_cluster
(
    measured_at  DateTime64(3, 'UTC'),
    classifier   LowCardinality(String),
    figure       LowCardinality(String),
    value        Float64,
    low          Float64,
    high         Float64,
    reviews      UInt32,
    answers      UInt32
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (classifier, figure, measured_at)
TTL toDateTime(measured_at) + INTERVAL 400 DAY;
