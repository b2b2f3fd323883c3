-- Whose alerts it silences: a project's, '' for the default one; NULL for all, as the operator asked.
ALTER TABLE silences ADD COLUMN project TEXT;
