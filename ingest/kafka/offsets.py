"""How far a partition is done: offsets are committed up to the first message that is not stored."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Offsets:
    """Of one partition. Messages end in any order; gaps between offsets (of transactions, of what
    was compacted) are nobody's."""

    #: In the order in which they came; True once done.
    _open: dict[int, bool] = field(default_factory=dict)
    _done: int | None = None
    _committed: int | None = None

    def begin(self, offset: int) -> None:
        """A message came."""
        self._open[offset] = False

    def end(self, offset: int) -> None:
        """It is stored, or set aside."""
        if offset not in self._open:
            return
        self._open[offset] = True
        while self._open:
            first = next(iter(self._open))
            if not self._open[first]:
                break
            del self._open[first]
            self._done = first

    def to_commit(self) -> int | None:
        """The offset to read on from, where it is news."""
        if self._done is None or self._done + 1 == self._committed:
            return None
        return self._done + 1

    def committed(self, offset: int) -> None:
        """The group remembers it."""
        self._committed = offset

    @property
    def waiting(self) -> int:
        """Messages that came and are not done, or are behind one that is not."""
        return len(self._open)
