"""How the signals of a classifier are weighed: NAME.weights.json, a few KB each.

``training/combine.py`` writes them, leaving sources out; numbers only, so that a person can read
what counts and how much. They lie among the model's files, and as those, one that was altered is
not loaded (models/checksums.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from classify.models import files
from classify.models.checksums import ModelError, remedy

Floats = NDArray[np.float64]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Logistic(_Model):
    """logit = bias + weights · z, z = (x - mean) / scale, cut to ±``_WIDEST``; NaN counts as mean.
    The logit is calibrated: its sigmoid is a probability (see Combiner).

    ``signals`` names the columns of x; mean, scale and weights have one number for each."""

    kind: Literal["logistic"] = "logistic"
    signals: list[str] = Field(min_length=1)
    mean: list[float]
    scale: list[Annotated[float, Field(gt=0)]]
    weights: list[float]
    bias: float

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("mean", "scale", "weights"):
            if len(getattr(self, name)) != len(self.signals):
                raise ValueError(f"{name} must have {len(self.signals)} numbers, one a signal")
        return self

    def logits(self, table: Floats) -> Floats:
        """Shape (n,), of a table of shape (n, signals)."""
        z = (table - np.array(self.mean)) / np.array(self.scale)
        z = np.clip(np.where(np.isnan(z), 0.0, z), -_WIDEST, _WIDEST)
        found: Floats = z @ np.array(self.weights) + self.bias
        return found


class Node(_Model):
    """``signal``: its position. x <= ``split`` goes ``left``, else ``right`` (positions of nodes);
    NaN goes ``left`` where ``nan_left``. A leaf has ``value`` and no ``signal``."""

    signal: int = -1
    split: float = 0.0
    left: int = 0
    right: int = 0
    nan_left: bool = True
    value: float = 0.0


class Trees(_Model):
    """logit = bias + the sum over trees of the leaf that x falls into; calibrated."""

    kind: Literal["trees"] = "trees"
    signals: list[str] = Field(min_length=1)
    bias: float
    trees: list[list[Node]]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for nodes in self.trees:
            for at, node in enumerate(nodes):
                if node.signal >= len(self.signals):
                    raise ValueError(f"a tree looks at signal {node.signal}, which has no name")
                # Both ahead: so that no tree goes in a circle.
                ahead = at < node.left < len(nodes) and at < node.right < len(nodes)
                if node.signal >= 0 and not ahead:
                    raise ValueError(f"node {at} must lead to later nodes of its tree")
        return self

    def logits(self, table: Floats) -> Floats:
        """Shape (n,), of a table of shape (n, signals)."""
        found = np.full(len(table), self.bias)
        for nodes in self.trees:
            for i, row in enumerate(table):
                node = nodes[0]
                while node.signal >= 0:
                    x = row[node.signal]
                    left = node.nan_left if np.isnan(x) else x <= node.split
                    node = nodes[node.left if left else node.right]
                found[i] += node.value
        return found


Model = Annotated[Logistic | Trees, Field(discriminator="kind")]


class First(_Model):
    """The cheap signals alone. An item whose logit lies outside of ``doubt`` keeps it; only the
    others ask the encoder."""

    model: Model
    doubt: tuple[float, float]


class Rate(_Model):
    """Mean score of healthy and of failing rows on sources that nothing was trained on: what turns
    the mean score of a population into the share of it that fails. ``*_spread``: standard deviation
    of that mean between sources."""

    healthy: float = Field(ge=0, le=1)
    failing: float = Field(ge=0, le=1)
    healthy_spread: float = Field(ge=0)
    failing_spread: float = Field(ge=0)


class Combiner(_Model):
    """One file. A score is the sigmoid of the logit: the probability that an item fails among those
    of the left-out sources, half of which do. Scores from ``threshold`` up fail: a share of
    ``false_alarms`` of ``healthy_rows`` healthy ones lies there, of sources that were left out and
    of traffic of other kinds. ``sources``: those that it was fitted on."""

    version: int = Field(ge=1)
    model: Model
    first: First | None = None
    threshold: float = Field(gt=0, lt=1)
    false_alarms: float = Field(ge=0, le=1)
    healthy_rows: int = Field(ge=0)
    rate: Rate | None = None
    sources: list[str]


#: No signal may say more than this many standard deviations from what is usual.
_WIDEST = 6.0


def file_of(name: str) -> str:
    """The name of a classifier's file, in the folder of the model."""
    return f"{name}.weights.json"


@lru_cache(maxsize=64)
def combiner(name: str, folder: str = "") -> Combiner:
    """What a classifier's file says; ``folder``: '' for the model that comes with Everyspan. Raises
    ModelError."""
    data = files.read(folder, file_of(name))
    try:
        return Combiner.model_validate(orjson.loads(data))
    except (orjson.JSONDecodeError, ValidationError) as error:
        path = Path(folder or files.ASSETS) / file_of(name)
        raise ModelError(f"{path}: {error}; {remedy(path)}") from error


def table(signals: Sequence[str], values: Sequence[Mapping[str, float]]) -> Floats:
    """Shape (len(values), len(signals)); NaN where a value is missing."""
    return np.array(
        [[each.get(name, np.nan) for name in signals] for each in values], dtype=np.float64
    ).reshape(len(values), len(signals))


def deciding(model: Logistic | Trees, values: Mapping[str, float]) -> str:
    """The signal that adds most to the logit: whose loss (NaN) would lower it most; '' where none
    adds anything."""
    rows = [values, *({**values, name: np.nan} for name in model.signals)]
    logits = model.logits(table(model.signals, rows))
    lost = logits[0] - logits[1:]
    most = int(np.argmax(lost))
    return model.signals[most] if lost[most] > 0 else ""
