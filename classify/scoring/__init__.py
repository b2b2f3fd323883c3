"""Records in, verdicts out: the classifiers of the batch job on text that is no trace."""
