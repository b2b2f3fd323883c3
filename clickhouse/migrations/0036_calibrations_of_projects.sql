-- Whose rows a state holds for: a project of which people answered; '' for the default one, and for all that
-- have none of their own.
ALTER TABLE $database.calibrations $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) AFTER classifier;
