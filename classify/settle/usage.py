"""Tokens and cost of a trace count once: ``sum(input_tokens)`` over its rows is what was spent.

The same model call is often reported several times: by a framework around a provider's SDK (nested
spans), by two instrumentations side by side (twins), and as part of the sum on an agent's span.
Here every number stays on one span. The others get None, and keep what they reported in the
attribute ``everyspan.reported_usage``, from which a later run, when more spans of the trace have
come, starts again: the result depends on the spans alone, not on when they came.

Of nested reports the innermost counts; of twins the one with more content. Each number is settled
by itself: where the inner span has no cost, the outer one's counts. 0 is no report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from classify.settle.tree import Tree
from clickhouse.span import Span
from ingest.attributes import dumps, loads
from ingest.conventions.reported import BETWEEN, CALLS, FIELDS, REPORTED_USAGE, content

__all__ = [
    "BETWEEN",
    "CALLS",
    "FIELDS",
    "REPORTED_USAGE",
    "content",
    "reported",
    "settle",
    "with_usage",
]

#: Where rows from before the column response_id have it.
_RESPONSE_IDS = ("gen_ai.response.id", "ai.response.id", "llm.openai.id", "llm.response.id")

_BITS = len(FIELDS)
_ALL = (1 << _BITS) - 1
#: Numbers of a span, None for what it doesn't report, in the order of FIELDS.
Usage = tuple[float | int | None, ...]


def settle(spans: Sequence[Span], elsewhere: Collection[str] = ()) -> list[Span]:
    """Changed copies of the spans whose numbers must change, by start time; pure.

    ``spans``: all spans of one trace that there are, in any order. Circles of parents and parents
    that never came are taken as they are. Running it on its own result changes nothing.
    ``elsewhere``: those of FIELDS that count in another trace, so on no span of this one.
    """
    tree = _Reports(spans)
    if not any(tree.masks):
        return []
    dropped = _covered(tree)
    for group in _twins(tree):
        _settle_group(tree, group, dropped)
    away = sum(1 << bit for bit, name in enumerate(FIELDS) if name in elsewhere)
    dropped = [bits | mask & away for bits, mask in zip(dropped, tree.masks, strict=True)]
    return [
        changed
        for node, span in enumerate(tree.spans)
        if (changed := with_usage(span, tree.usage[node], dropped[node])) is not span
    ]


class _Reports(Tree):
    """The spans of a trace, and what they report."""

    def __init__(self, spans: Iterable[Span]) -> None:
        super().__init__(spans)
        self.usage = [reported(span) for span in self.spans]
        self.masks = [
            sum(1 << bit for bit, number in enumerate(usage) if number) for usage in self.usage
        ]


def reported(span: Span) -> Usage:
    """The span's numbers in the order of FIELDS, those included that an earlier run took away."""
    numbers = tuple(getattr(span, name) for name in FIELDS)
    earlier = span.attributes.get(REPORTED_USAGE)
    kept: Any = loads(earlier) if earlier else None
    if not isinstance(kept, dict):
        return numbers
    return tuple(
        _number(kept.get(name)) if number is None else number
        for name, number in zip(FIELDS, numbers, strict=True)
    )


def _number(value: Any) -> float | int | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return value if known else None


def _covered(tree: _Reports) -> list[int]:
    """For each span the numbers that nested spans report again, as bits.

    A model call: those of calls of its kind below it, nothing but BETWEEN in between. Any other
    span: those of whatever is below it; a span that only stands between calls (a raw request
    recorded as 'other') also those of the call above it.
    """
    order = tree.downward()
    size = len(tree.spans)
    below_any = [0] * size
    below_calls = [0] * size  # _BITS bits for each of CALLS
    above = [0] * size
    kinds = [span.step_kind for span in tree.spans]
    for node in order:
        if kinds[node] in CALLS or kinds[node] in BETWEEN:
            own = tree.masks[node] if kinds[node] in CALLS else 0
            for child in tree.children[node]:
                above[child] = above[node] | own
    for node in reversed(order):
        parent = tree.parents[node]
        if parent < 0:
            continue
        below_any[parent] |= below_any[node] | tree.masks[node]
        below_calls[parent] |= _seen_from_above(kinds[node], tree.masks[node], below_calls[node])
    covered = []
    for node, kind in enumerate(kinds):
        if kind in CALLS:
            found = below_calls[node] >> CALLS.index(kind) * _BITS & _ALL
        else:
            found = below_any[node] | (above[node] if kind in BETWEEN else 0)
        covered.append(found & tree.masks[node])
    return covered


def _seen_from_above(kind: str, mask: int, below: int) -> int:
    """Bits of model calls, by kind, at a span or below it that the span's parent repeats."""
    if kind in BETWEEN:
        return below
    if kind not in CALLS:
        return 0
    shift = CALLS.index(kind) * _BITS
    return below & _ALL << shift | mask << shift


def _twins(tree: _Reports) -> Iterator[list[int]]:
    """Groups of two and more spans that report the same step, side by side or nested."""
    groups = _Groups(len(tree.spans))
    _join_by_id(tree, groups)
    _join_by_shape(tree, groups)
    return groups.of_several()


class _Groups:
    """Disjoint sets of nodes."""

    def __init__(self, size: int) -> None:
        self._up = list(range(size))
        self._members: dict[int, list[int]] = {}

    def top(self, node: int) -> int:
        while self._up[node] != node:
            self._up[node] = self._up[self._up[node]]
            node = self._up[node]
        return node

    def members(self, node: int) -> list[int]:
        top = self.top(node)
        return self._members.get(top, [top])

    def join(self, a: int, b: int) -> None:
        a, b = sorted((self.top(a), self.top(b)))
        if a != b:
            fewer, more = sorted((self.members(a), self.members(b)), key=len)
            more += fewer
            self._up[b] = a
            self._members.pop(b, None)
            self._members[a] = more

    def of_several(self) -> Iterator[list[int]]:
        return (sorted(members) for _, members in sorted(self._members.items()))


def _join_by_id(tree: _Reports, groups: _Groups) -> None:
    """The same span stored twice; the same response, where the spans overlap in time (a stand-in
    for a model may give every response the same id)."""
    stored: dict[str, int] = {}
    latest: dict[tuple[str, str], int] = {}
    for node, span in enumerate(tree.spans):
        groups.join(stored.setdefault(span.span_id, node), node)
        if span.step_kind not in CALLS:
            continue
        answer = span.response_id or next(
            (span.attributes[k] for k in _RESPONSE_IDS if span.attributes.get(k)), ""
        )
        if not answer:
            continue
        before = latest.get((span.step_kind, answer))
        if before is not None and span.start_time <= tree.spans[before].end_time:
            groups.join(before, node)
        if before is None or span.end_time > tree.spans[before].end_time:
            latest[span.step_kind, answer] = node


def _join_by_shape(tree: _Reports, groups: _Groups) -> None:
    """Children of one parent with the same numbers, the time of one within the other's, by
    different instrumentations. Calls that run side by side look alike: each is joined with one
    span of another instrumentation at most, the closest in time."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for node, span in enumerate(tree.spans):
        if tree.masks[node] & 3:
            key = (span.parent_span_id, span.step_kind, *tree.usage[node][:2])
            alike.setdefault(key, []).append(node)
    for nodes in alike.values():
        if len({tree.spans[node].scope_name for node in nodes}) < 2:
            continue
        for _, outer, inner in sorted(_nested_in_time(tree, nodes)):
            one, other = (
                {tree.spans[node].scope_name for node in groups.members(member)}
                for member in (outer, inner)
            )
            if one.isdisjoint(other):
                groups.join(outer, inner)


#: Of spans that look alike, how many are compared with each: a bound on work, not on meaning.
_NEIGHBOURS = 64


def _nested_in_time(tree: _Reports, nodes: list[int]) -> Iterator[tuple[int, int, int]]:
    """(nanoseconds that they differ, one node, another), for pairs of which one holds the other."""
    for place, a in enumerate(nodes):
        one = tree.spans[a]
        for b in nodes[place + 1 : place + 1 + _NEIGHBOURS]:
            other = tree.spans[b]
            if other.start_time > one.end_time:
                break
            if (
                nested_in_time(one, other)
                and one.scope_name != other.scope_name
                and same_model(one.model, other.model)
            ):
                yield apart(one, other), a, b


def nested_in_time(one: Span, other: Span) -> bool:
    """Whether the time of one is within the other's."""
    if one.start_time == other.start_time:
        return True
    first, second = (one, other) if one.start_time < other.start_time else (other, one)
    return second.start_time <= first.end_time and first.end_time >= second.end_time


def apart(one: Span, other: Span) -> int:
    """Nanoseconds that their starts and ends differ."""
    return abs(one.start_time - other.start_time) + abs(one.end_time - other.end_time)


def same_model(a: str, b: str) -> bool:
    """'gpt-4o' was asked for, 'gpt-4o-2024-08-06' answered; a span that names none may be it."""
    return a.startswith(b) or b.startswith(a)


def _settle_group(tree: _Reports, group: list[int], dropped: list[int]) -> None:
    """Of twins one keeps each number, and none where other spans below any of them report it."""
    elsewhere = _reported_below(tree, group)
    by_content = sorted(group, key=lambda node: (-content(tree.spans[node]), node))
    for bit in range(_BITS):
        flag = 1 << bit
        reporting = [node for node in by_content if tree.masks[node] & flag]
        innermost = [node for node in reporting if not dropped[node] & flag]
        keeper = innermost[0] if innermost and not elsewhere & flag else None
        for node in reporting:
            if node != keeper:
                dropped[node] |= flag


def _reported_below(tree: _Reports, group: list[int]) -> int:
    """Numbers that spans outside the group report again, below any of the group.

    A span with another of the group below it is left out: it may be the sum of that one and more.
    """
    kind = tree.spans[group[0]].step_kind
    found = 0
    seen = set(group)
    queue = _without_ancestors(tree, group)
    for node in queue:
        for child in tree.children[node]:
            if child in seen:
                continue
            seen.add(child)
            below = tree.spans[child].step_kind
            if kind not in CALLS or below == kind:
                found |= tree.masks[child]
            if kind not in CALLS or below == kind or below in BETWEEN:
                queue.append(child)
    return found


def _without_ancestors(tree: _Reports, group: list[int]) -> list[int]:
    """Those of the group that have no other of the group below them."""
    above: set[int] = set()
    for member in group:
        node = tree.parents[member]
        while node >= 0 and node not in above:
            above.add(node)
            node = tree.parents[node]
    return [node for node in group if node not in above]


def with_usage(span: Span, usage: Usage, dropped: int) -> Span:
    """The span with its numbers but for the dropped ones, a bit for each of FIELDS; the same object
    where nothing changes."""
    numbers = {name: None if dropped >> bit & 1 else usage[bit] for bit, name in enumerate(FIELDS)}
    away = {name: usage[bit] for bit, name in enumerate(FIELDS) if dropped >> bit & 1}
    note = dumps(away) if away else None
    same = all(getattr(span, name) == number for name, number in numbers.items())
    if same and span.attributes.get(REPORTED_USAGE) == note:
        return span
    attributes = {k: v for k, v in span.attributes.items() if k != REPORTED_USAGE}
    if note is not None:
        attributes[REPORTED_USAGE] = note
    changes: dict[str, Any] = numbers
    return replace(span, attributes=attributes, **changes)
