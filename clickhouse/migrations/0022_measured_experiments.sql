-- What the views of the same names said, as classify asked them (experiments/measured.py): they read
-- every span that takes part, too much for a board that is looked at. One `measured_at` is one look
-- at all experiments; the newest counts.
CREATE TABLE IF NOT EXISTS $database.experiment_status_measured $on_cluster
(
    measured_at   DateTime64(3, 'UTC'),
    experiment    String,
    status        LowCardinality(String),
    verdict       LowCardinality(String),
    variant       String,
    lost          Array(String),
    broken        LowCardinality(String),
    units         UInt64,
    evidence      Float64,
    counted_from  DateTime64(3, 'UTC')
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (measured_at, experiment)
TTL toDateTime(measured_at) + INTERVAL 30 DAY;

CREATE TABLE IF NOT EXISTS $database.experiment_effects_measured $on_cluster
(
    measured_at    DateTime64(3, 'UTC'),
    experiment     String,
    variant        String,
    metric         String,
    role           LowCardinality(String),
    position       UInt32,
    rate           Float64,
    state          LowCardinality(String),
    margin         Float64,
    control_units  UInt64,
    variant_units  UInt64,
    control_value  Float64,
    variant_value  Float64,
    effect         Float64,
    low            Float64,
    high           Float64,
    harm_low       Float64
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (measured_at, experiment, variant, position)
TTL toDateTime(measured_at) + INTERVAL 30 DAY;

CREATE TABLE IF NOT EXISTS $database.experiment_balance_measured $on_cluster
(
    measured_at     DateTime64(3, 'UTC'),
    experiment      String,
    units           UInt64,
    evidence        Float64,
    variant_names   Array(String),
    variant_units   Array(UInt64),
    variant_shares  Array(Float64)
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (measured_at, experiment)
TTL toDateTime(measured_at) + INTERVAL 30 DAY;
