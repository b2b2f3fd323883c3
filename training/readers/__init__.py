"""One module a public source: `read(snapshot) -> Iterator[Record]`, named by `sources*.yaml`.

A reader yields records with `task`, the texts, `label` and `kind`; the build fills `id`, `source`
and `licence`. Task `document` marks a benign text that generators use as a carrier.
"""
