"""What production asks of the steps of a data set: a draw that a version remembers as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from experiments.datasets import select
from experiments.datasets.drift import nearest
from experiments.datasets.item import Item, Reference
from experiments.datasets.pool import Candidate, Floats, candidates
from experiments.datasets.select import Step
from experiments.datasets.source import Source

#: Inputs that a version remembers.
ROWS = 400
#: Share of them that lies within a version's radius.
WITHIN = 0.95


def steps_of(items: Sequence[Item]) -> list[Step]:
    """The steps that items are of."""
    return sorted({Step(i.service_name, i.name, i.step_kind) for i in items}, key=repr)


def draw(
    source: Source,
    items: Sequence[Item],
    window: tuple[datetime, datetime],
    seed: int = 0,
    most: int = ROWS,
) -> list[Candidate]:
    """Inputs of the items' steps in the window, drawn by hash; never the items themselves."""
    own = {item.id for item in items}
    found = select.find(
        source.rows, "1", window, steps=steps_of(items), seed=seed, most=most + len(own)
    )
    rows = candidates(source.rows, found.places, source.columns)
    return sorted((row for row in rows if row.id not in own), key=lambda row: row.id)[:most]


def remembered(rows: Sequence[Candidate], vectors: Floats) -> list[Reference]:
    """A draw as a version keeps it."""
    return [
        Reference(
            vector=[round(float(number), 5) for number in vector],
            characters=row.asked.characters,
            model=row.traits.model,
            prompt_version=row.traits.prompt_version,
        )
        for row, vector in zip(rows, vectors, strict=True)
    ]


def radius(inputs: Floats, items: Floats) -> float:
    """Distance to the nearest item within which WITHIN of the inputs lie; 0 without inputs."""
    if not len(inputs) or not len(items):
        return 0.0
    return round(float(np.quantile(nearest(inputs, items), WITHIN)), 5)
