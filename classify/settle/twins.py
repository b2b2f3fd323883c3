"""One call of a model that two instrumentations report in two traces, and which of them counts.

LangChain's callbacks do not make their span the current one, so the provider's client, instrumented
as well, starts a trace of its own for each call; two instrumentations of one bare call start two.
Such a trace holds the one call and nothing else: an orphan. An orphan is the same call as a span of
another trace where response id, model, time and text agree, or, where an id is missing, the
service, tokens and texts. Of the two the span within a larger trace counts, else the one that says
more. Two spans within larger traces are not joined, whatever they say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from classify.settle.usage import (
    BETWEEN,
    CALLS,
    FIELDS,
    apart,
    content,
    nested_in_time,
    reported,
    same_model,
)
from clickhouse.span import Span
from ingest.attributes import dumps, loads

#: On the spans of an orphan that doesn't count: JSON of ``counted``, the numbers that count on the
#: other span, and ``judged``, whether that one has the texts to be judged by.
TWIN = "everyspan.twin"

#: Numbers that say how many tokens were written to a cache; some count them apart.
CACHE_WRITTEN = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)
_CUT = re.compile(r"…\[everyspan: \d+ bytes cut\]$")


#: trace_id and span_id.
SpanIds = tuple[str, str]
#: An orphan trace, with span_id '', or a call within a larger one.
_Unit = SpanIds


@dataclass(slots=True, frozen=True)
class Twin:
    """What an orphan trace is. ``of``: 'TRACE/SPAN' where its call counts, '' where here.
    ``project``: of the trace; it is no other's that has the same id."""

    of: str = ""
    counted: tuple[str, ...] = ()
    judged: bool = True
    project: str = field(default="", compare=False)

    @property
    def note(self) -> str | None:
        """The text of the attribute."""
        return dumps({"counted": self.counted, "judged": self.judged}) if self.of else None


def twin_of(first: Span, twins: Mapping[str, Twin]) -> Twin | None:
    """What was found out about the trace of a span, and not about another project's of the same id.
    ``twins``: by trace_id."""
    twin = twins.get(first.trace_id)
    return twin if twin is not None and twin.project == first.project else None


def told(spans: Iterable[Span]) -> Twin:
    """What the spans of a trace say about it since they were judged last."""
    for span in spans:
        if span.twin_of:
            note = loads(span.attributes.get(TWIN, ""))
            note = note if isinstance(note, dict) else {}
            counted = note.get("counted")
            names = counted if isinstance(counted, list) else FIELDS
            return Twin(
                span.twin_of,
                tuple(name for name in FIELDS if name in names),
                note.get("judged") is not False,
            )
    return Twin()


def judged_there(span: Span) -> str:
    """Where the verdicts of a call are that another trace reports as well, '' where here."""
    if not span.twin_of or not told([span]).judged:
        return ""
    trace_id, _, span_id = span.twin_of.partition("/")
    return f"span {span_id} of trace {trace_id}"


def mark(spans: Sequence[Span], twin: Twin) -> list[Span]:
    """Changed copies of the spans of an orphan."""
    changed = []
    for span in spans:
        if span.twin_of == twin.of and span.attributes.get(TWIN) == twin.note:
            continue
        attributes = {k: v for k, v in span.attributes.items() if k != TWIN}
        if twin.note is not None:
            attributes[TWIN] = twin.note
        changed.append(replace(span, twin_of=twin.of, attributes=attributes))
    return changed


def is_orphan(kinds: Collection[str], roots: Sequence[str]) -> bool:
    """Whether a trace is one call of a model and nothing else. ``kinds``: of all its spans;
    ``roots``: kinds of those without a parent."""
    calls = set(kinds) - BETWEEN
    return len(roots) == 1 and len(calls) == 1 and set(roots) == calls and calls <= set(CALLS)


def match(
    calls: Sequence[Span], orphans: Collection[str], pairs: Iterable[tuple[SpanIds, SpanIds]]
) -> dict[str, Twin]:
    """For each orphan trace among the calls what it is; pure.

    ``calls``: spans of CALLS kinds, of which texts may be cut off; ``orphans``: the trace_ids of
    those that are orphans; ``pairs``: which of the calls are held against each other. Calls that
    run side by side may look alike, so each is joined with one of another instrumentation at most:
    those whose marks say so, then the closest in time.
    """
    units = _units(calls, orphans)
    groups = {key: [key] for key in units}
    for _, one, other in sorted(_alike(units, pairs)):
        if groups[one] is not groups[other] and _may_join(groups[one] + groups[other], units):
            groups[one] += groups[other]
            for key in groups[other]:
                groups[key] = groups[one]
    found: dict[str, Twin] = {}
    known = {trace_id for trace_id, _ in units}
    for key, group in groups.items():
        trace_id, span_id = key
        earlier = {span.twin_of.partition("/")[0] for span in units[key]} - {""}
        if span_id or (len(group) == 1 and not earlier <= known):
            continue  # in a larger trace, or a twin of one that is not here to be asked
        before = _in_order(group, units)
        before = before[: before.index(key)]
        found[trace_id] = _twin([units[each] for each in before], units[key])
    return found


def _units(calls: Iterable[Span], orphans: Collection[str]) -> dict[_Unit, list[Span]]:
    units: dict[_Unit, list[Span]] = {}
    for span in sorted(calls, key=lambda span: (span.trace_id, span.start_time, span.span_id)):
        key = (span.trace_id, "" if span.trace_id in orphans else span.span_id)
        units.setdefault(key, []).append(span)
    for spans in units.values():
        # The root first: it stands for the trace.
        spans.sort(key=lambda span: span.parent_span_id != "")
    return units


def _alike(
    units: Mapping[_Unit, Sequence[Span]], pairs: Iterable[tuple[SpanIds, SpanIds]]
) -> Iterator[tuple[tuple[int, int], _Unit, _Unit]]:
    """((rank, nanoseconds apart), unit, unit) of those pairs that may be the same call."""
    places = {
        (span.trace_id, span.span_id): (unit, span)
        for unit, spans in units.items()
        for span in spans
    }
    for pair in pairs:
        found = [places[ids] for ids in pair if ids in places]
        if len(found) < 2:
            continue
        (one, a), (other, b) = sorted(found, key=lambda each: each[0])
        if one[0] == other[0] or (one[1] and other[1]):
            continue  # the same trace, or two larger ones
        rank = _rank(a, b)
        if rank is not None:
            marked = _says(one, other, units) or _says(other, one, units)
            yield (-1 if marked else rank, apart(a, b)), one, other


def _says(here: _Unit, there: _Unit, units: Mapping[_Unit, Sequence[Span]]) -> bool:
    """Whether the marks of one say that it is the other."""
    return any(f"{span.twin_of}/".startswith(f"{there[0]}/{there[1]}") for span in units[here])


def _rank(a: Span, b: Span) -> int | None:
    """0 where the ids say that it is the same call, 1 where the rest does, None where it is not."""
    if (
        a.project != b.project
        or a.step_kind != b.step_kind
        or a.scope_name == b.scope_name
        or not same_model(a.model, b.model)
        or max(a.start_time, b.start_time) > min(a.end_time, b.end_time)
    ):
        return None
    said = _same_text(a.output, b.output)
    if said is False:
        return None
    if a.response_id and b.response_id:
        return 0 if a.response_id == b.response_id else None
    if a.service_name != b.service_name or not nested_in_time(a, b):
        return None
    tokens = _same_tokens(a, b)
    asked = _same_text(a.input, b.input)
    if tokens is False or asked is False:
        return None
    failed = a.status == b.status == "error" and bool(asked)
    return 1 if tokens or said or failed else None


def _same_tokens(a: Span, b: Span) -> bool | None:
    """None where one of them does not say."""
    one, other = (
        dict(zip(FIELDS, reported(a), strict=True)),
        dict(zip(FIELDS, reported(b), strict=True)),
    )
    pairs = [(one[name], other[name]) for name in ("input_tokens", "output_tokens")]
    if pairs[1][0] and pairs[1][1] and pairs[1][0] != pairs[1][1]:
        return False
    x, y = pairs[0]
    if x and y and x != y:
        fewer, span = (x, a) if x < y else (y, b)
        if fewer + _cached(span) != max(x, y):
            return False
    return True if all(u and v for u, v in pairs) else None


def _cached(span: Span) -> int:
    """Input tokens that some count beside input_tokens."""
    written = next((span.attributes[k] for k in CACHE_WRITTEN if span.attributes.get(k)), "")
    return (span.cached_input_tokens or 0) + (int(written) if written.isdecimal() else 0)


def _same_text(a: str, b: str) -> bool | None:
    """None where one of them is empty. Ids of tool calls, which not everybody tells, are no part
    of it; of a text that was cut off the beginning counts."""
    if not a or not b:
        return None
    if a == b:
        return True
    one, other = _calls(a), _calls(b)
    if one is not None and other is not None:
        return one == other
    first, second = (" ".join(_CUT.sub("", text).split()) for text in (a, b))
    if first == second:
        return True
    shorter, longer, text = (first, second, a) if len(first) < len(second) else (second, first, b)
    return bool(_CUT.search(text)) and longer.startswith(shorter)


def _calls(text: str) -> list[tuple[str, Any]] | None:
    """Names and arguments of tool calls, None where the text is none."""
    found = loads(text) if text.startswith("[{") else None
    if not isinstance(found, list) or not all(
        isinstance(call, dict) and "name" in call for call in found
    ):
        return None
    return [(str(call["name"]), call.get("arguments")) for call in found]


def _may_join(group: Sequence[_Unit], units: Mapping[_Unit, Sequence[Span]]) -> bool:
    """One span of an instrumentation, and one larger trace at most."""
    scopes = [{span.scope_name for span in units[key]} for key in group]
    larger = {key[0] for key in group if key[1]}
    return len(larger) <= 1 and all(a.isdisjoint(b) for a, b in combinations(scopes, 2))


def _in_order(group: Sequence[_Unit], units: Mapping[_Unit, Sequence[Span]]) -> list[_Unit]:
    """The one that counts first: in a larger trace, else the one that counts cached tokens in,
    where all say how many went in; else with more content; then by start and id."""
    tokens = {key: max(int(reported(span)[0] or 0) for span in units[key]) for key in group}
    told_by_all = all(tokens.values())

    def order(key: _Unit) -> tuple[bool, int, int, int, str]:
        first = units[key][0]
        fewer = -tokens[key] if told_by_all else 0
        return not key[1], fewer, -sum(map(content, units[key])), first.start_time, first.span_id

    return sorted(group, key=order)


def _twin(before: Sequence[Sequence[Span]], here: Sequence[Span]) -> Twin:
    """Of those ``before`` it the first counts; numbers that it lacks count on the next."""
    project = here[0].project
    if not before:
        return Twin(project=project)
    there = [span for spans in before for span in spans]
    numbers = zip(*map(reported, there), strict=True)
    counted = tuple(name for name, column in zip(FIELDS, numbers, strict=True) if any(column))
    judged = any(map(content, there)) or not any(map(content, here))
    return Twin(f"{there[0].trace_id}/{there[0].span_id}", counted, judged, project)
