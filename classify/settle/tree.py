"""The spans of a trace under their parents."""

from __future__ import annotations

from collections.abc import Iterable

from clickhouse.span import Span


class Tree:
    """Spans by start time, as numbers 0 to n - 1. ``parents``: -1 for none that is stored.

    Parents that never came are none, and the earliest span of a circle has none.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        unique = {(span.start_time, span.span_id, span.fingerprint): span for span in spans}
        self.spans = [unique[key] for key in sorted(unique)]
        first: dict[str, int] = {}
        for node, span in enumerate(self.spans):
            first.setdefault(span.span_id, node)
        self.parents = [first.get(span.parent_span_id, -1) for span in self.spans]
        self._cut_circles()
        self.children: list[list[int]] = [[] for _ in self.spans]
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                self.children[parent].append(node)

    def _cut_circles(self) -> None:
        """The earliest span of each circle becomes a root."""
        done = bytearray(len(self.parents))
        for start in range(len(self.parents)):
            path = []
            node = start
            while node >= 0 and not done[node]:
                done[node] = 1
                path.append(node)
                node = self.parents[node]
            if node >= 0 and node in path:
                self.parents[min(path[path.index(node) :])] = -1

    def downward(self) -> list[int]:
        """Every node after its parent."""
        order = [node for node, parent in enumerate(self.parents) if parent < 0]
        for node in order:
            order += self.children[node]
        return order
