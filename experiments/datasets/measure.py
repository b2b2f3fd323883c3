"""Drift of a stored version against what production asks now."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from experiments.datasets import reference
from experiments.datasets.build import Window
from experiments.datasets.clusters import clusters, topics
from experiments.datasets.drift import TOLERANCE, Inputs, measure, nearest
from experiments.datasets.errors import DatasetError
from experiments.datasets.item import Version
from experiments.datasets.measurement import Drift
from experiments.datasets.pool import vectors_of
from experiments.datasets.source import Source

#: Groups of inputs that no item is like, told at most.
_MOST_UNLIKE = 5


def measured(
    source: Source, version: Version, window: Window, now: datetime
) -> tuple[Drift, list[dict[str, str | int]]]:
    """The measurement, not stored yet, and what the inputs that no item is like are about:
    {topic, inputs, example}, most first. Raises DatasetError."""
    if version.encoder != source.encoder:
        raise DatasetError(
            f"{version.dataset} v{version.number} was made with another model for vectors, so that"
            " nothing can be compared; `everyspan dataset refresh` makes a version with this one"
        )
    rows = reference.draw(source, version.items, window, version.definition.seed)
    items = vectors_of(version.items, source.vectors)
    then = Inputs(
        np.array([each.vector for each in version.reference], np.float32).reshape(
            len(version.reference), items.shape[1]
        ),
        [each.characters for each in version.reference],
        [each.model for each in version.reference],
        [each.prompt_version for each in version.reference],
    )
    asked = Inputs(
        source.vectors([row.asked.about for row in rows]),
        [row.asked.characters for row in rows],
        [row.traits.model for row in rows],
        [row.traits.prompt_version for row in rows],
    )
    found = measure(items, version.radius, then, asked)
    drift = Drift(
        version.dataset,
        version.number,
        now,
        window[0],
        window[1],
        len(rows),
        found.verdict,
        found.uncovered,
        found.uncovered_low,
        found.uncovered_then,
        found.mmd,
        found.mmd_p,
        found.told,
        found.psi,
        version.project,
    )
    if found.verdict == "unknown":
        return drift, []
    far = np.flatnonzero(nearest(asked.vectors, items) > version.radius + TOLERANCE)
    texts = [rows[i].asked.about for i in far]
    groups = clusters(asked.vectors[far])
    named = topics(texts, groups)
    unlike: list[dict[str, str | int]] = [
        {
            "topic": named[group],
            "inputs": groups.count(group),
            "example": " ".join(texts[groups.index(group)].split())[:160],
        }
        for group in sorted(named)[:_MOST_UNLIKE]
    ]
    return drift, unlike
