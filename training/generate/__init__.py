"""One module a generated family: `generate(rng, built) -> Iterator[Record]`.

`rng` is seeded by the build with the run's seed and the module's name; `built.records(task)` gives
the records that the readers wrote (task `document`: benign carriers).
"""
