"""Examples: the texts of rows that somebody names, and whether they are enough to learn from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from clickhouse_connect.driver.client import Client
from pydantic import ValidationError

from classify.classifier import Trace
from classify.custom import traffic
from classify.custom.classifier_definition import (
    ALL,
    Definition,
    DefinitionError,
    Example,
    Mark,
    plain,
    said,
)
from classify.custom.texts import texts_of
from classify.custom.vectors import Floats

#: Examples of opposite marks that are closer than this contradict each other (cosine).
_CONTRADICTION = 0.975
#: Of a definition.
_MOST_EXAMPLES = 2000
_ID = re.compile(r"(?:([0-9a-f]{32})[/:])?([0-9a-f]{16})|([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class _Found:
    trace_id: str
    span_id: str
    parent_span_id: str
    step_kind: str
    name: str
    input: str
    output: str


def complete(
    client: Client,
    database: str,
    definition: Definition,
    positive: Sequence[str] = (),
    negative: Sequence[str] = (),
    project: str = ALL,
    *,
    answered: bool = False,
) -> Definition:
    """With the texts of the rows named, which overrule earlier marks of the same rows, and checked.
    ``positive``, ``negative``: span ids. ``project``: whose rows there are; ALL for all.
    ``answered``: the classifier asked about them. Raises DefinitionError."""
    asked: list[tuple[Mark, str]] = [("positive", i) for i in positive]
    asked += [("negative", i) for i in negative]
    found = _find(client, database, [i for _, i in asked], project) if asked else {}
    _check_all_there(asked, found)
    steps = definition.on == "steps" and asked
    whole = _whole_traces(client, database, found.values(), project) if steps else {}
    new = [_example(definition, mark, i, found[i], whole, answered) for mark, i in asked]
    _check_marked_once(new)
    told = {(each.trace_id, each.span_id) for each in new}
    kept = [
        each
        for each in definition.examples
        if not each.span_id or (each.trace_id, each.span_id) not in told
    ]
    kinds = {found[i].step_kind for mark, i in asked if mark == "positive"}
    if not definition.kinds and not definition.learns and definition.on != "steps" and kinds:
        definition = definition.model_copy(update={"kinds": sorted(kinds)})
    definition = definition.model_copy(update={"examples": _distinct([*kept, *new])})
    # Checks how the parts fit, which model_copy does not.
    return _validated(definition)


def _find(client: Client, database: str, told: Sequence[str], project: str) -> dict[str, _Found]:
    """Span of each id that is stored: a span's id, TRACE/SPAN, or a trace's for its root."""
    wanted: dict[str, tuple[str, str]] = {}
    for each in told:
        match = _ID.fullmatch(each.strip().lower())
        if match is None:
            raise DefinitionError(
                f"'{each}' is no span id; give 16 hex digits, TRACE/SPAN, or a trace's 32 digits"
                " for its root"
            )
        wanted[each] = (match[1] or match[3] or "", match[2] or "")
    columns = "trace_id, span_id, parent_span_id, step_kind, name, input, output"
    rows = client.query(
        f"SELECT {columns} FROM {database}.spans_raw"
        " WHERE (span_id IN {spans:Array(String)}"
        " OR (trace_id IN {traces:Array(String)} AND parent_span_id = ''))"
        f"{traffic.of_project(project)}"
        " ORDER BY start_time, verdict_version DESC LIMIT 1 BY trace_id, span_id",
        parameters={
            "spans": [span for _, span in wanted.values() if span],
            "traces": [trace for trace, span in wanted.values() if trace and not span],
        },
    ).result_rows
    found = {}
    for each, (trace_id, span_id) in wanted.items():
        fits = [
            row
            for row in rows
            if (row[1] == span_id if span_id else not row[2]) and trace_id in ("", row[0])
        ]
        if len({row[0] for row in fits}) > 1:
            raise DefinitionError(
                f"{len(fits)} spans have the id {each}; write TRACE/SPAN, for example"
                f" {fits[0][0]}/{span_id}"
            )
        if fits:
            found[each] = _Found(*fits[0])
    return found


def _whole_traces(
    client: Client, database: str, spans: Iterable[_Found], project: str
) -> dict[str, Trace]:
    """trace_id to all that is stored of it."""
    ids = sorted({span.trace_id for span in spans})
    return {trace.root.trace_id: trace for trace in traffic.traces(client, database, ids, project)}


def _example(
    definition: Definition,
    mark: Mark,
    told: str,
    span: _Found,
    whole: Mapping[str, Trace],
    answered: bool,
) -> Example:
    """``told``: how the row was named. ``whole``: traces, where they are compared as a whole."""
    if definition.on == "steps":
        trace = whole[span.trace_id]
        root = trace.root
        return Example(
            mark=mark,
            texts=texts_of("steps", root, trace),
            trace_id=root.trace_id,
            span_id=root.span_id,
            answered=answered,
        )
    wanted = ["input", "output"] if definition.on == "both" else [definition.on]
    texts = [getattr(span, column) for column in wanted]
    if empty := [c for c, text in zip(wanted, texts, strict=True) if not text.strip()]:
        other = "input" if empty[0] == "output" else "output"
        raise DefinitionError(
            f"span {told} ({span.step_kind} {span.name}) has no {empty[0]}; choose another span,"
            f" or --on {other}"
        )
    return Example(
        mark=mark, texts=texts, trace_id=span.trace_id, span_id=span.span_id, answered=answered
    )


def _check_all_there(asked: Sequence[tuple[Mark, str]], found: Mapping[str, _Found]) -> None:
    if missing := [told for _, told in asked if told not in found]:
        raise DefinitionError(
            f"no span is stored with the id {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            + "; give span ids (16 hex digits) as dashboards and `everyspan sql` show them, or"
            " TRACE/SPAN"
        )


def _check_marked_once(examples: Sequence[Example]) -> None:
    marks: dict[tuple[str, str], str] = {}
    for each in examples:
        if marks.setdefault((each.trace_id, each.span_id), each.mark) != each.mark:
            raise DefinitionError(
                f"span {each.span_id} is positive and negative; leave it out of one of them"
            )


def _distinct(examples: Sequence[Example]) -> list[Example]:
    seen: set[tuple[str, str]] = set()
    found = []
    for each in examples:
        key = (each.mark, "\0".join(plain(text) for text in each.texts))
        if key not in seen:
            seen.add(key)
            found.append(each)
    return found


def with_examples(definition: Definition, more: Sequence[Example]) -> Definition:
    """What is said later of a row overrules. Raises DefinitionError."""
    told = {(each.trace_id, each.span_id) for each in more if each.span_id}
    kept = [e for e in definition.examples if (e.trace_id, e.span_id) not in told]
    return _validated(
        definition.model_copy(update={"examples": _distinct([*kept, *more])[-_MOST_EXAMPLES:]})
    )


def without_contradictions(known: Sequence[Example], more: Sequence[Example]) -> list[Example]:
    """Those that say nothing that is known, or told of another, as of the other kind."""
    marks: dict[tuple[str, ...], set[str]] = {}
    for each in (*known, *more):
        marks.setdefault(tuple(map(plain, each.texts)), set()).add(each.mark)
    return [each for each in more if len(marks[tuple(map(plain, each.texts))]) == 1]


def _named(example: Example) -> str:
    text = " ".join(example.texts[0].split())[:60]
    return f"span {example.span_id}" if example.span_id else f"'{text}'"


def check(positives: Sequence[Example], negatives: Sequence[Example]) -> None:
    """Whether there is enough to learn from. Raises DefinitionError."""
    for each in (*positives, *negatives):
        if not all(text.strip() for text in each.texts):
            raise DefinitionError(
                f"examples: {_named(each)} ({each.mark}) has an empty text; leave it out"
            )
    if len(positives) < 2:
        count = "one example is" if positives else "no positive example is"
        raise DefinitionError(
            f"positive: {count} too little to learn from; give three or four different ones"
        )
    texts = {tuple(map(plain, each.texts)): each for each in positives}
    for each in negatives:
        same = texts.get(tuple(map(plain, each.texts)))
        if same is not None:
            raise DefinitionError(
                f"{_named(same)} is positive and {_named(each)} is negative, but they say the same;"
                " leave one of them out"
            )


def check_contradictions(definition: Definition, positives: Floats, negatives: Floats) -> None:
    """``positives``, ``negatives``: the examples' vectors, in order. Raises DefinitionError."""
    if not len(negatives):
        return
    alike = positives @ negatives.T
    worst = np.unravel_index(int(alike.argmax()), alike.shape)
    if alike[worst] >= _CONTRADICTION:
        one = definition.marked("positive")[int(worst[0])]
        other = definition.marked("negative")[int(worst[1])]
        raise DefinitionError(
            f"{_named(one)} is positive and {_named(other)} is negative, but to the encoder they"
            f" are the same (cosine {alike[worst]:.3f}); leave one of them out, or tell them apart"
            " with a rule"
        )


def _validated(definition: Definition) -> Definition:
    try:
        return Definition.model_validate(definition.model_dump())
    except ValidationError as error:
        raise DefinitionError(said(error)) from error
