"""How a verdict's evidence reads, and how sure a rule is."""

from __future__ import annotations

MAX_EVIDENCE = 300
#: Score of what a rule says: it is plain, though the words may have been meant loosely.
BY_RULE = 0.999999


def quoted(where: str, text: str) -> str:
    """'where: text', cut to MAX_EVIDENCE characters."""
    told = f"{where}: {' '.join(text.split())}" if where else " ".join(text.split())
    return told if len(told) <= MAX_EVIDENCE else told[: MAX_EVIDENCE - 1] + "…"
