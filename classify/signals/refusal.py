"""Whether an answer says no."""

from __future__ import annotations

from functools import lru_cache

from classify.models.form import cleaned
from classify.signals.phrases import matches

#: Characters in which a refusal stands: at the beginning, or (after a thought) not much later.
_BEGINNING = 400


@lru_cache(maxsize=256)
def refusal(answer: str) -> str:
    """The words that refuse, '' where there are none."""
    beginning = cleaned(answer[: 2 * _BEGINNING])[:_BEGINNING]
    found = matches("refusal", beginning)
    return beginning[found[0].start : found[0].end] if found else ""
