"""Chooses healthy rows: of the same steps, in the same window, each matched to one failure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from experiments.datasets import select
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.duplicates import originals
from experiments.datasets.failures import Chosen
from experiments.datasets.item import Item
from experiments.datasets.matching import matched
from experiments.datasets.pool import (
    Vectors,
    candidate_of,
    candidates,
    items_of,
    step_of,
    vectors_of,
)
from experiments.datasets.source import Conditions, Kept, Source


@dataclass(slots=True, frozen=True)
class Controls:
    """``balance``: how many there were to choose from, and how like their failures they are."""

    items: list[Item]
    masked: Counter[str]
    balance: dict[str, Any]


def choose(
    source: Source,
    definition: Definition,
    checks: Conditions,
    window: tuple[datetime, datetime],
    failures: Chosen,
    items: list[Item],
    kept: Kept,
    number: int,
) -> Controls:
    """``items``: of the failures, in their order. Kept controls stay as long as their failure."""
    wanted = definition.wanted_controls(len(items))
    partner = {item.id: item for item in items}
    stay = [item for item in kept.controls if item.matched_to in partner][:wanted]
    if wanted == 0 or not items:
        return Controls([], Counter(), {"wanted": wanted, "candidates": 0, "chosen": 0})
    steps = sorted({step_of(each.traits) for each in failures.candidates}, key=repr)
    found = select.find(
        source.rows,
        checks.healthy,
        window,
        unit=definition.unit,
        steps=steps,
        without=checks.without,
        seed=definition.seed,
    )
    known = {item.id for item in (*items, *stay)} | kept.retired.keys()
    rows = candidates(source.rows, found.places, source.columns)
    # A question that failed once and went well another time would be the same test twice.
    held = [*failures.candidates, *(candidate_of(item) for item in stay)]
    pool = [*held, *(row for row in rows if row.id not in known)]
    vectors = source.vectors([each.asked.about for each in pool])
    repeats = originals(
        [each.asked.wording for each in pool],
        [step_of(each.traits) for each in pool],
        vectors,
        len(held),
    )
    free = [row for row in range(len(held), len(pool)) if repeats[row] == row]
    also = {original for original in repeats[len(held) :] if original < len(items)}
    has = {item.matched_to for item in stay}
    order = [i for i, item in enumerate(items) if item.id not in has] or list(range(len(items)))
    pairs = matched(
        [failures.candidates[i].traits for i in order],
        failures.vectors[order],
        [pool[row].traits for row in free],
        vectors[free],
        wanted - len(stay),
    )
    made, masked = items_of(
        source.rows,
        [pool[free[candidate]] for candidate, _ in pairs],
        "control",
        source.columns,
        definition.unit,
        number,
    )
    made = [
        item.model_copy(update={"matched_to": items[order[failure]].id})
        for item, (_, failure) in zip(made, pairs, strict=True)
    ]
    both = [
        item.model_copy(
            update={
                "cluster": partner[item.matched_to].cluster,
                "topic": partner[item.matched_to].topic,
            }
        )
        for item in (*stay, *made)
    ]
    counts = {
        "wanted": wanted,
        "candidates": found.rows,
        "chosen": len(both),
        "failures_that_also_passed": len(also),
    }
    return Controls(both, masked, counts | _balance(both, partner, source.vectors))


def _balance(controls: list[Item], failures: dict[str, Item], vectors: Vectors) -> dict[str, Any]:
    """Means over the pairs; the length ratio is a median."""
    if not controls:
        return {}
    pairs = [(item, failures[item.matched_to]) for item in controls]
    ours = vectors_of([item for item, _ in pairs], vectors)
    theirs = vectors_of([other for _, other in pairs], vectors)
    ratios = [(len(item.input) + 1) / (len(other.input) + 1) for item, other in pairs]
    same_model = sum(item.model == other.model for item, other in pairs)
    same_prompt = sum(item.prompt_version == other.prompt_version for item, other in pairs)
    return {
        "similarity": round(float((ours * theirs).sum(axis=1).mean()), 3),
        "same_model": round(same_model / len(pairs), 3),
        "same_prompt_version": round(same_prompt / len(pairs), 3),
        "length_ratio": round(float(np.median(ratios)), 3),
    }
