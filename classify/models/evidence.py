"""How a verdict's evidence reads, and how sure a rule is."""

from __future__ import annotations

from everyspan.masking.mask import masked

MAX_EVIDENCE = 300
#: Score of what a rule says: it is plain, though the words may have been meant loosely.
BY_RULE = 0.999999


def quoted(where: str, text: str) -> str:
    """'where: text', masked, then cut to MAX_EVIDENCE characters (half a secret is no longer known
    as one)."""
    # What is left of the text once it is masked is seldom shorter than a quarter.
    said = " ".join(masked(text[: 4 * MAX_EVIDENCE]).split())
    told = f"{where}: {said}" if where else said
    return told if len(told) <= MAX_EVIDENCE else told[: MAX_EVIDENCE - 1] + "…"
