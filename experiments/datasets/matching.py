"""A healthy step for each failing one, as like it as there is.

Service and step are the same. Among those, one assignment for all (scipy's, the least total cost):
near in meaning, same model, same prompt version, about as long. So that what tells failures from
controls is the failure, not the model or the topic.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float32]

#: What a difference costs, in units of cosine distance.
OTHER_MODEL, OTHER_PROMPT, LENGTH = 0.25, 0.25, 0.1
#: Another step is no match at all.
_NEVER = 1e6


@dataclass(slots=True, frozen=True)
class Traits:
    """What a row is matched on. ``characters``: length of the question."""

    service_name: str
    name: str
    step_kind: str
    model: str
    prompt_version: str
    characters: int


def matched(
    failures: Sequence[Traits],
    failure_vectors: Floats,
    candidates: Sequence[Traits],
    candidate_vectors: Floats,
    wanted: int,
) -> list[tuple[int, int]]:
    """(candidate, failure) pairs, at most ``wanted``, each candidate once, the best first in each
    round. With more wanted than failures, each failure gets a second one, and so on."""
    found: list[tuple[int, int]] = []
    free = list(range(len(candidates)))
    while free and failures and len(found) < wanted:
        table = _costs(
            failures, failure_vectors, [candidates[i] for i in free], candidate_vectors[free]
        )
        rows, columns = linear_sum_assignment(table)
        pairs = [
            (float(table[row, column]), int(row), free[column])
            for row, column in zip(rows, columns, strict=True)
            if table[row, column] < _NEVER
        ]
        if not pairs:
            break
        pairs.sort()
        pairs = pairs[: wanted - len(found)]
        found += [(candidate, failure) for _, failure, candidate in pairs]
        taken = {candidate for _, _, candidate in pairs}
        free = [i for i in free if i not in taken]
    return found


def _costs(
    failures: Sequence[Traits],
    failure_vectors: Floats,
    candidates: Sequence[Traits],
    candidate_vectors: Floats,
) -> NDArray[np.float64]:
    table: NDArray[np.float64] = 1.0 - (failure_vectors @ candidate_vectors.T).astype(np.float64)
    lengths = [np.log1p([t.characters for t in side]) for side in (failures, candidates)]
    table += LENGTH * np.abs(lengths[0][:, None] - lengths[1][None, :])
    table += OTHER_MODEL * _differ(failures, candidates, lambda t: t.model)
    table += OTHER_PROMPT * _differ(failures, candidates, lambda t: t.prompt_version)
    table += _NEVER * _differ(failures, candidates, lambda t: (t.service_name, t.name, t.step_kind))
    return table


def _differ(
    left: Sequence[Traits], right: Sequence[Traits], trait: Callable[[Traits], Hashable]
) -> NDArray[np.bool_]:
    numbers: dict[Hashable, int] = {}
    a, b = (
        np.array([numbers.setdefault(trait(t), len(numbers)) for t in side])
        for side in (left, right)
    )
    found: NDArray[np.bool_] = a[:, None] != b[None, :]
    return found
