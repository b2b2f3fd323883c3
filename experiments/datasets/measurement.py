"""A measurement of drift as it is stored and sent; drift.py makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Verdict = Literal["fresh", "shifting", "stale", "unknown"]


@dataclass(slots=True, frozen=True)
class Drift:
    """One measurement. ``uncovered``: share now, ``uncovered_low`` the lower end of its 95 %
    interval, ``uncovered_then`` the share when the version was made. ``psi``: by what. ``told``: in
    words. ``project``: that of the data set."""

    dataset: str
    version: int
    measured_at: datetime
    since: datetime
    until: datetime
    inputs: int
    verdict: Verdict
    uncovered: float
    uncovered_low: float
    uncovered_then: float
    mmd: float
    mmd_p: float
    told: str
    psi: dict[str, float] = field(default_factory=dict)
    project: str = ""
