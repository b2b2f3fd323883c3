CREATE INDEX ix_fold ON deliveries (fold) WHERE fold IS NOT NULL;
