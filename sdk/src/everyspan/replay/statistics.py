"""How sure a share of failures is."""

from __future__ import annotations

from math import sqrt

_Z95 = 1.959963984540054


def wilson(failures: int, runs: int, z: float = _Z95) -> tuple[float, float]:
    """The interval of a share, 95 % by default; (0, 1) for no runs.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    if runs == 0:
        return 0.0, 1.0
    share = failures / runs
    middle = share + z * z / (2 * runs)
    spread = z * sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    below = 1 + z * z / runs
    return max(0.0, (middle - spread) / below), min(1.0, (middle + spread) / below)
