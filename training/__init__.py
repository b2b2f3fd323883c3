"""Training data and training of the classifiers' models; never imported by the running service.

`python -m training.build --data DIR` turns the public sources of `sources*.yaml` and the
seeded generators into one folder of uniform records: DIR/<task>/<source>.jsonl.
"""
