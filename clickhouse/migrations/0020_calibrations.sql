-- What reviews made of a classifier here: a row is a state, the newest of a classifier counts. `of` is the
-- version of the classifier that it was found for, and holds for no other. `threshold`: scores from there up
-- fail; 0 for the classifier's own. a, b, c: what a score means (beta calibration: the logit of the
-- probability is c + a ln s - b ln(1 - s)). `undoes`: the number of the state that it takes back, else 0.
CREATE TABLE IF NOT EXISTS $database.calibrations $on_cluster
(
    classifier  LowCardinality(String),
    number      UInt32,
    of          UInt64,
    threshold   Float64,
    before      Float64,
    c           Float64 DEFAULT 0,
    a           Float64 DEFAULT 1,
    b           Float64 DEFAULT 1,
    answers     UInt32,
    figures     String,
    reason      String,
    undoes      UInt32 DEFAULT 0,
    author      String,
    changed_at  DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ${replicated}MergeTree$everywhere
ORDER BY (classifier, number, changed_at);
