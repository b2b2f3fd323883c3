-- Whose rows a custom classifier judges: '*' for those of all projects, else the project of the key that it
-- was added with, '' for the default one. Its `name` is then PROJECT/NAME (`default/refund`, `alpha/refund`), in
-- the maps of `spans` too, so that two projects may have one of the same name.
ALTER TABLE $database.custom_classifiers $on_cluster
    ADD COLUMN IF NOT EXISTS project LowCardinality(String) DEFAULT '*' AFTER name;
