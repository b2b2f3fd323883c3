-- Whose row an answer is about: the project of the span, '' for the default one.
ALTER TABLE $database.reviews $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER service_name;
