"""What says logits: a tower in training (batches.py), or the service's int8 files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classify.models.encoder import Encoder
from training.inputs import Sample

#: Tokens of a window.
MAX_TOKENS = 256
#: Windows of a long text that are looked at.
MAX_WINDOWS = 12

Floats = NDArray[np.float64]


class Judge(Protocol):
    """Judges for one tower; ``head`` is the place of a head on it."""

    def logits(self, head: int, inputs: list[str]) -> Floats:
        """The head's logit for each input."""
        ...


class Int8:
    """The files in a folder, as the service runs them."""

    def __init__(self, folder: Path, tower: str, threads: int) -> None:
        self._encoder, self._tower = Encoder(str(folder), threads), tower

    def logits(self, head: int, inputs: list[str]) -> Floats:
        found: Floats = self._encoder.logits(self._tower, inputs)[:, head].astype(np.float64)
        return found


def worst(judge: Judge, head: int, each: list[Sample]) -> tuple[Floats, Floats]:
    """Logits (the worst window of each sample) and labels."""
    flat = [choice for sample in each for choice in sample.choices[:MAX_WINDOWS]]
    logits = judge.logits(head, flat)
    found, at = [], 0
    for sample in each:
        size = len(sample.choices[:MAX_WINDOWS])
        found.append(logits[at : at + size].max())
        at += size
    return np.array(found), np.array([sample.label for sample in each])
