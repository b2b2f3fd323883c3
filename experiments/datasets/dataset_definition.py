"""What a data set is made of: kept with each version, so that a refresh can do it again."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from experiments.datasets.errors import DefinitionError

Unit = Literal["step", "trace"]
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", strip_whitespace=True)
]
DEFAULT_WINDOW = timedelta(days=7)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)x")


class Definition(BaseModel):
    """``where``: SQL that a failing row of ``spans`` meets; ``healthy``: SQL of a control, '' for
    the usual one. ``unit``: one item a step, or one a trace (its root). ``controls``: a number, or
    a share of the failures such as 1x. ``limit``: failures at most, 0 for no limit.

    ``window_seconds``: how far back; 0 where ``since`` says from when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: str
    healthy: str = ""
    unit: Unit = "step"
    per_cluster: int = Field(5, ge=1, le=1000)
    controls: str = "1x"
    limit: int = Field(0, ge=0, le=100_000)
    window_seconds: int = Field(0, ge=0)
    since: AwareDatetime | None = None
    seed: int = Field(0, ge=0)

    def wanted_controls(self, failures: int) -> int:
        """How many controls so many failures call for. Raises DefinitionError."""
        return wanted_controls(self.controls, failures)

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """From and to when it looks."""
        if self.window_seconds:
            return now - timedelta(seconds=self.window_seconds), now
        return self.since or now - DEFAULT_WINDOW, now


def wanted_controls(text: str, failures: int) -> int:
    """'20' is a number, '0.5x' a share of the failures. Raises DefinitionError."""
    text = text.strip()
    if text.isdigit():
        return int(text)
    if found := _SHARE.fullmatch(text):
        return round(float(found[1]) * failures)
    raise DefinitionError(
        f"--controls {text}: write a number such as 20, or a share of the failures such as 1x or"
        " 0.5x"
    )
