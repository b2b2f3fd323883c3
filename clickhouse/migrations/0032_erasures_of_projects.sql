-- Whose rows an erasure is about: a project's, '' for the default one; NULL where the operator asked for it,
-- of all projects.
ALTER TABLE $database.erasures $on_cluster
    ADD COLUMN IF NOT EXISTS project Nullable(String) AFTER finished_at;
