"""Classifiers of others, named in detectors.toml, that have a say in a built-in one's verdicts."""
