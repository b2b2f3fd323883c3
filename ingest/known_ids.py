"""Notices ids that come again for another span, among the newest of this process.

Storage keeps such spans apart whatever is noticed here (see ``fingerprint`` in the schema); this is
for telling early, before the classify pass numbers the runs.
"""

from __future__ import annotations

from collections.abc import Iterable

#: How many ids are remembered, in each of two generations: about 10 MB.
_REMEMBERED = 50_000


class KnownIds:
    """Ids and fingerprints as 64-bit numbers. For use by one thread."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def reused(self, ids: Iterable[int], fingerprints: Iterable[int]) -> int:
        """How many of the ids were there before with another fingerprint."""
        found = 0
        for key, fingerprint in zip(ids, fingerprints, strict=True):
            before = self._new.get(key) or self._old.get(key)
            if before is not None and before != fingerprint:
                found += 1
            self._new[key] = fingerprint
        if len(self._new) > self._remembered:
            self._old, self._new = self._new, {}
        return found
