-- What texts are about, one byte a dimension: so that a new custom classifier judges old rows without
-- running the encoder again. By hour, as rows are judged hour by hour. `hash` is MD5 of the text.
CREATE TABLE IF NOT EXISTS $database.text_vectors$local $on_cluster
(
    hour     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    hash     FixedString(16) CODEC(NONE),
    model    UInt32,
    vector   String CODEC(NONE),
    expires  DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, hash, model)
TTL expires
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024;

-- cluster only
CREATE TABLE IF NOT EXISTS $database.text_vectors $on_cluster AS $database.text_vectors_local
ENGINE = Distributed('$cluster', '$database', 'text_vectors_local', sipHash64(hash));
