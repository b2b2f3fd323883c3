"""How many rows make a batch: by the work in them, not by their number.

A row of two words and one of a long document differ a thousandfold. Batches of about two seconds
show their progress, let new rows in, and leave a stop its ten seconds, whatever the rows are.
"""

from __future__ import annotations

#: Seconds that a worker should take for a batch.
SECONDS = 2.0
_FIRST_ROWS, _FEWEST_ROWS = 64, 8
# A few quick rows say little about the next thousand.
_FASTEST = 4.0


class BatchSize:
    """Goes by the batch before."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows = min(_FIRST_ROWS, most)

    def rows(self) -> int:
        """Of the next batch."""
        return self._rows

    def took(self, rows: int, seconds: float) -> None:
        """A batch of so many ``rows`` is judged, in ``seconds`` of one worker."""
        if not rows:
            return
        wanted = rows * SECONDS / max(seconds, 1e-3)
        wanted = min(wanted, self._rows * _FASTEST)
        self._rows = int(min(self._most, max(min(_FEWEST_ROWS, self._most), wanted)))
