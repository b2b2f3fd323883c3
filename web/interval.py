"""The interval of a share, as the alert rules have it."""

from __future__ import annotations

from math import sqrt

_Z = 1.96


def wilson(failed: int, judged: int) -> tuple[float, float]:
    """95 %, (0, 1) where nothing was judged. See: Wilson (1927)."""
    if not judged:
        return 0.0, 1.0
    share, z2 = failed / judged, _Z * _Z
    middle = (share + z2 / (2 * judged)) / (1 + z2 / judged)
    half = _Z * sqrt(share * (1 - share) / judged + z2 / (4 * judged * judged)) / (1 + z2 / judged)
    return max(0.0, middle - half), min(1.0, middle + half)
