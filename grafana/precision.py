"""precision.toml as checked data: whether a single fail of a classifier may page somebody."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PATH = Path(__file__).with_name("precision.toml")
#: What a rule of single failures needs.
LEAST = 0.95
#: Share of rows that should fail, in the traffic that precision is told of.
_FAILING = 0.01
#: Added to the false fails that were counted.
_UNSEEN = 0.5


class Measured(BaseModel):
    """Of one classifier: ``healthy`` rows of which ``false`` failed, and the share of the rows that
    should fail that do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    healthy: Annotated[int, Field(ge=1)]
    false: Annotated[int, Field(ge=0)]
    recall: Annotated[float, Field(gt=0, le=1)]

    @property
    def precision(self) -> float:
        """0 to 1."""
        right = _FAILING * self.recall
        wrong = (1 - _FAILING) * (self.false + _UNSEEN) / self.healthy
        return right / (right + wrong)


_FILE = TypeAdapter(dict[str, Measured])


@cache
def measured(path: Path = PATH) -> dict[str, Measured]:
    """By classifier. Raises pydantic.ValidationError, which names the key, and
    tomllib.TOMLDecodeError."""
    return _FILE.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))


def may_page(name: str) -> bool:
    """Whether one fail of the classifier is enough."""
    found = measured().get(name)
    return found is not None and found.precision >= LEAST
