"""What a benchmark found, for the suite's table: lines of JSON in the file that the suite names.

A benchmark that runs by itself prints what it always printed, and tells nobody.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

#: Names the file.
VARIABLE = "EVERYSPAN_BENCHMARK_FIGURES"


@dataclass(frozen=True, slots=True)
class Figure:
    """``other``: what ``of`` took or did in the same run; None where nothing is beside it."""

    name: str
    value: float
    unit: str
    other: float | None = None
    of: str = ""
    less_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; below 1 it is worse. None without another."""
        if self.other is None:
            return None
        mine, theirs = (self.value, self.other) if self.less_is_better else (self.other, self.value)
        return theirs / mine if mine else float("inf")


def tell(
    name: str,
    value: float,
    unit: str,
    *,
    other: float | None = None,
    of: str = "",
    less_is_better: bool = False,
) -> None:
    """Adds a figure."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    figure = Figure(name, value, unit, other, of, less_is_better)
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(figure)) + "\n")


def read(path: Path) -> list[Figure]:
    """What was told."""
    if not path.exists():
        return []
    return [Figure(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
