"""What some spans of a trace say reaches its other steps: session, user, experiment, prompt, agent,
replay.

Many frameworks put the session and the user on the root alone, so that cost by session would miss
every model call. A value is handed down from the nearest ancestor that says it itself. Session,
user and experiment are those of the whole trace: where no ancestor says any, the root's counts, or
the only one that the trace has. A prompt, an agent and a replay are those of what lies below them:
a service that a replay calls is part of the replay.

A step's own value wins and is never changed. The attribute ``everyspan.inherited`` says which
columns were handed down and from which span, so that a later run, when the root has come or says
something else, starts again from what the spans said themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from classify.settle.tree import Tree
from clickhouse.span import Span
from ingest.attributes import dumps, loads

#: JSON of column to the span_id whose value it is.
INHERITED = "everyspan.inherited"

#: Columns that go together, and whether they are the whole trace's.
_GROUPS: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("session_id",), True),
    (("user_id",), True),
    (("experiment", "variant"), True),
    (("prompt_name", "prompt_version"), False),
    (("agent_name",), False),
    (("replay_of",), False),
)
COLUMNS = tuple(column for columns, _ in _GROUPS for column in columns)


def inherit(spans: Sequence[Span]) -> list[Span]:
    """Changed copies of the spans to which something is handed down; pure.

    ``spans``: all of one trace that there are. Running it on its own result changes nothing.
    """
    if not any(_uneven(group, spans) for group in _GROUPS):
        return []
    tree = Tree(spans)
    order = tree.downward()
    notes = [_note(span) for span in tree.spans]
    columns: list[dict[str, Any]] = [{} for _ in tree.spans]
    sources: list[dict[str, str]] = [{} for _ in tree.spans]
    for names, whole in _GROUPS:
        said = [
            tuple("" if name in note else getattr(span, name) for name in names)
            for span, note in zip(tree.spans, notes, strict=True)
        ]
        if not any(map(any, said)) and not any(names[0] in note for note in notes):
            continue
        for node, holder in enumerate(_holders(tree, order, said, whole)):
            values = said[holder] if holder >= 0 else said[node]
            columns[node] |= zip(names, values, strict=True)
            if holder not in (-1, node):
                sources[node] |= dict.fromkeys(names, tree.spans[holder].span_id)
    return [
        changed
        for span, new, note in zip(tree.spans, columns, sources, strict=True)
        if (changed := _with(span, new, note)) is not span
    ]


def _uneven(group: tuple[tuple[str, ...], bool], spans: Sequence[Span]) -> bool:
    """Whether some of the spans say it and some do not, or have it from others: most traces are
    done here."""
    names, _ = group
    said = sum(1 for span in spans if any(getattr(span, name) for name in names))
    return said > 0 and (said < len(spans) or any(INHERITED in s.attributes for s in spans))


def participation(
    span: Span, trace: Mapping[str, Span]
) -> tuple[dict[str, str], dict[str, str]] | None:
    """Columns ``experiments`` and ``experiment_units`` of a span whose experiment was handed down;
    None for others, whose own are right as stored. ``trace``: span_id to span."""
    source = trace.get(_note(span).get("experiment", ""))
    if source is None:
        return None
    own = _own_experiments(replace(span, experiment=""))
    theirs = _own_experiments(source)
    return theirs[0] | own[0], theirs[1] | own[1]


def _own_experiments(span: Span) -> tuple[dict[str, str], dict[str, str]]:
    """As the columns' defaults in migrations/0009_experiments.sql."""
    pair = {span.experiment: span.variant} if span.experiment and span.variant else {}
    several = _texts(span.attributes.get("everyspan.experiments"))
    return pair | several, _texts(span.attributes.get("everyspan.experiment_units"))


def _note(span: Span) -> dict[str, str]:
    return _texts(span.attributes.get(INHERITED))


def _texts(text: str | None) -> dict[str, str]:
    found = loads(text) if text else None
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, str)}


def _holders(
    tree: Tree, order: Sequence[int], said: Sequence[tuple[str, ...]], whole: bool
) -> list[int]:
    """For each span the one whose value it gets: itself where it says one, -1 for none."""
    holders = [node if any(values) else -1 for node, values in enumerate(said)]
    for node in order:
        if holders[node] < 0 and tree.parents[node] >= 0:
            holders[node] = holders[tree.parents[node]]
    if whole and -1 in holders:
        fallback = holders[_root(tree)]
        if fallback < 0:
            saying = [node for node, values in enumerate(said) if any(values)]
            only = len({said[node] for node in saying}) == 1
            fallback = saying[0] if only else -1
        holders = [fallback if holder < 0 else holder for holder in holders]
    return holders


def _root(tree: Tree) -> int:
    """The earliest without a parent, else the earliest whose parent is not stored."""
    tops = [node for node, parent in enumerate(tree.parents) if parent < 0]
    return next((node for node in tops if not tree.spans[node].parent_span_id), tops[0])


def _with(span: Span, columns: dict[str, Any], sources: dict[str, str]) -> Span:
    """The span with these; the same object where nothing changes."""
    note = dumps(sources) if sources else None
    same = all(getattr(span, name) == value for name, value in columns.items())
    if same and span.attributes.get(INHERITED) == note:
        return span
    attributes = {k: v for k, v in span.attributes.items() if k != INHERITED}
    if note is not None:
        attributes[INHERITED] = note
    return replace(span, attributes=attributes, **columns)
