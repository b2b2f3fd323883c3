-- What it has in common with others that began together; '' for those that are told by themselves.
ALTER TABLE deliveries ADD COLUMN cause TEXT NOT NULL DEFAULT '';
