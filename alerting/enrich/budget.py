"""The time that one alert's enrichment has, for all of its look-ups together."""

from __future__ import annotations

import time

#: A query with less would not even be parsed.
_LEAST = 0.02


class OverBudgetError(Exception):
    """Nothing is left."""


class Budget:
    """``seconds`` from now on. Any thread may ask."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends_at = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.ends_at - time.monotonic() < _LEAST

    def left(self) -> float:
        """Seconds for the next look-up. Raises OverBudgetError."""
        left = self.ends_at - time.monotonic()
        if left < _LEAST:
            raise OverBudgetError(f"no answer within {self.seconds:g} s")
        return left

    def cancel(self) -> None:
        """The next look-up is not begun."""
        self.ends_at = 0.0
