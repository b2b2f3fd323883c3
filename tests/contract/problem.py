"""What the contract's statements find: a file that says too little, and what to do there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Problem:
    """``file``: below the root of the tree. ``remedy``: what to do, as an order."""

    file: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}; {self.remedy}"


def told(problems: list[Problem]) -> str:
    """For the message of an assertion."""
    return "\n".join(map(str, problems))
