"""Real rows as a custom classifier sees them: what it learns against, what it would say of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from classify.classifier import Subject, Trace, applies
from classify.custom.blend import Rows
from classify.custom.classifier_definition import ALL, Definition, On
from classify.custom.member import Member, in_one, joined
from classify.custom.texts import BEGINNING, END, texts_of
from classify.custom.vectors import DIMENSIONS, Floats, model, restored
from clickhouse.embedded_http.settings import quote
from clickhouse.span import SPAN_COLUMNS, Span

#: Newest rows that are looked at, and traces where whole traces are.
ROWS, TRACES = 20_000, 300
#: Where fewer rows than this have stored vectors, the encoder is asked, for so many seconds.
_ENOUGH, _SECONDS, _AT_ONCE = 200, 4.0, 8
#: How far back to look for enough rows, hours.
_HOURS = (1, 24, 24 * 7, 24 * 3650)
_EMPTY = bytes(DIMENSIONS)
_COLUMNS: dict[On, tuple[str, ...]] = {
    "output": ("output",),
    "input": ("input",),
    "both": ("input", "output"),
}


@dataclass(slots=True)
class Sample:
    """Rows of real traffic. ``vectors``: shape (rows, d). ``texts``: as `in_one` makes them.
    ``failed``: classifier to the positions of the rows that it fails. ``seen``: rows that there
    were to choose from."""

    trace_ids: list[str]
    span_ids: list[str]
    vectors: Floats
    texts: list[str]
    failed: dict[str, set[int]] = field(default_factory=dict)
    seen: int = 0

    def __len__(self) -> int:
        return len(self.span_ids)

    @property
    def rows(self) -> Rows:
        """To learn against."""
        return Rows(self.vectors, self.texts)


def sample(
    client: Client,
    database: str,
    definition: Definition,
    classifiers: Sequence[str],
    project: str = ALL,
) -> Sample:
    """Of the newest rows that the classifier looks at, those whose vectors are stored; where those
    are few, the encoder makes some. ``classifiers``: built-in ones to compare with. ``project``:
    whose rows; ALL for all."""
    if definition.on == "steps":
        return _of_traces(client, database, definition.services, project)
    columns = _COLUMNS[definition.on]
    where, parameters = _condition(client, database, definition, columns, project)
    hashes = ", ".join(f"MD5({c}) AS hash_{c}, {_cut(c)} AS text_{c}" for c in columns)
    verdicts = ", ".join(f"if({name} = 'fail', '{name}', '')" for name in classifiers) or "''"
    joins = " ".join(
        f"LEFT ANY JOIN known AS known_{c} ON known_{c}.hash = hash_{c}" for c in columns
    )
    vectors = ", ".join(
        # '' becomes zeros.
        f"toFixedString(known_{c}.vector, {DIMENSIONS})"
        for c in columns
    )
    rows = client.query(
        f"WITH rows AS (SELECT trace_id, span_id, start_time, {hashes},"
        " arrayMap(k -> toString(k), arrayFilter((k, v) -> v = 'fail', mapKeys(custom),"
        " mapValues(custom))) AS own,"
        f" arrayFilter(name -> name != '', [{verdicts}]) AS theirs FROM {database}.spans"
        f" WHERE {where} ORDER BY start_time DESC LIMIT {ROWS}),"
        f" known AS (SELECT hash, any(vector) AS vector FROM {database}.text_vectors AS t"
        f" WHERE model = {model()} AND length(t.vector) = {DIMENSIONS}"
        f" AND hour >= (SELECT toStartOfHour(min(start_time)) FROM rows)"
        " GROUP BY hash)"
        " SELECT trace_id, span_id, arrayConcat(own, theirs),"
        f" {', '.join(f'text_{c}' for c in columns)}, {vectors} FROM rows {joins}",
        parameters=parameters,
    ).result_rows
    known: list[Any] = []
    unknown: list[Any] = []
    width = len(columns)
    for row in rows:
        (known if all(bytes(v) != _EMPTY for v in row[3 + width :]) else unknown).append(row)
    found = Sample([], [], np.zeros((0, DIMENSIONS * width), np.float32), [], seen=len(rows))
    if known:
        parts = [restored([bytes(row[3 + width + i]) for row in known]) for i in range(width)]
        _extend(found, known, [row[3 : 3 + width] for row in known], _beside(parts))
    if len(known) < _ENOUGH:
        step = max(1, len(unknown) // _ENOUGH)
        _embed(found, unknown[::step][:_ENOUGH], width)
    return found


def texts_for(
    client: Client, database: str, on: On, ids: Sequence[tuple[str, str]], project: str = ALL
) -> dict[tuple[str, str], list[str]]:
    """(trace_id, span_id) to the texts that the classifier compares, for those that are stored."""
    if on == "steps":
        found = traces(client, database, sorted({trace_id for trace_id, _ in ids}), project)
        return {
            (trace.root.trace_id, trace.root.span_id): texts_of(on, trace.root, trace)
            for trace in found
        }
    columns = _COLUMNS[on]
    rows = client.query(
        f"SELECT trace_id, span_id, {', '.join(columns)} FROM {database}.spans"
        " WHERE trace_id IN {traces:Array(String)} AND span_id IN {spans:Array(String)}"
        f"{of_project(project)}",
        parameters={"traces": [t for t, _ in ids], "spans": [s for _, s in ids]},
    ).result_rows
    return {(row[0], row[1]): list(row[2:]) for row in rows}


def of_project(project: str) -> str:
    """SQL of the condition that a row is of the project; '' for ALL."""
    return "" if project == ALL else f" AND project = {quote(project)}"


def traces(client: Client, database: str, ids: Sequence[str], project: str = ALL) -> list[Trace]:
    """Whole traces by id, in no order; those of two projects with one id apart."""
    rows = client.query(
        f"SELECT {', '.join(SPAN_COLUMNS)} FROM {database}.spans"
        f" WHERE trace_id IN {{ids:Array(String)}}{of_project(project)}"
        " ORDER BY start_time, span_id",
        parameters={"ids": list(ids)},
        query_formats={"DateTime64": "int"},
    ).result_rows
    found: dict[tuple[str, str], list[Span]] = {}
    for row in rows:
        span = Span(*row)
        found.setdefault((span.project, span.trace_id), []).append(span)
    return [Trace(tuple(spans)) for spans in found.values()]


def newest_traces(
    client: Client, database: str, services: Sequence[str] = (), project: str = ALL
) -> list[Trace]:
    """The newest TRACES that have been judged, with a step of these services; of any where there
    are none."""
    of = "AND service_name IN {services:Array(String)}" if services else ""
    rows = client.query(
        f"SELECT trace_id FROM {database}.spans_raw WHERE verdict_version > 0 {of}"
        f"{of_project(project)}"
        f" AND replay_of = '' GROUP BY trace_id ORDER BY max(start_time) DESC LIMIT {TRACES}",
        parameters={"services": list(services)},
    ).result_rows
    return traces(client, database, [trace_id for (trace_id,) in rows], project)


def subjects(member: Member, found: Sequence[Trace]) -> list[Subject]:
    """What the classifier would judge of these traces."""
    return [
        Subject(span, trace)
        for trace in found
        for span in (trace.spans if member.unit == "span" else (trace.root,))
        if applies(member, span)
    ]


def _of_traces(client: Client, database: str, services: Sequence[str], project: str) -> Sample:
    found = Sample([], [], np.zeros((0, DIMENSIONS), np.float32), [])
    everything = newest_traces(client, database, services, project)
    found.seen = len(everything)
    end = time.monotonic() + _SECONDS
    for start in range(0, len(everything), _AT_ONCE):
        chunk = everything[start : start + _AT_ONCE]
        rows: list[Any] = [(trace.root.trace_id, trace.root.span_id, ()) for trace in chunk]
        texts = [texts_of("steps", trace.root, trace) for trace in chunk]
        _extend(found, rows, texts, joined(texts))
        if time.monotonic() > end:
            break
    return found


def _condition(
    client: Client,
    database: str,
    definition: Definition,
    columns: Sequence[str],
    project: str,
) -> tuple[str, dict[str, Any]]:
    """SQL of the rows to look at: of the shortest time that has ROWS of them."""
    kinds, services = definition.kinds, definition.services
    of = " AND ".join(["replay_of = ''", *(f"{column} != ''" for column in columns)])
    of += of_project(project)
    if kinds:
        of += " AND step_kind IN {kinds:Array(String)}"
    if services:
        of += " AND service_name IN {services:Array(String)}"
    parameters = {"kinds": list(kinds), "services": list(services)}
    for hours in _HOURS:
        within = f"{of} AND start_time > now() - INTERVAL {hours} HOUR"
        ((count,),) = client.query(
            f"SELECT count() FROM {database}.spans_raw WHERE {within}", parameters=parameters
        ).result_rows
        if count >= ROWS:
            break
    return within, parameters


def _cut(column: str) -> str:
    """SQL of what `shown` shows of it."""
    return (
        f"if(lengthUTF8({column}) > {BEGINNING + END},"
        f" concat(leftUTF8({column}, {BEGINNING}), '\\n', rightUTF8({column}, {END})), {column})"
    )


def _embed(found: Sample, rows: Sequence[Any], width: int) -> None:
    """``width``: texts of a row."""
    end = time.monotonic() + _SECONDS
    for start in range(0, len(rows), _AT_ONCE):
        chunk = rows[start : start + _AT_ONCE]
        texts = [list(row[3 : 3 + width]) for row in chunk]
        _extend(found, chunk, texts, joined(texts))
        if time.monotonic() > end:
            return


def _extend(
    found: Sample, rows: Sequence[Any], texts: Sequence[Sequence[str]], vectors: Floats
) -> None:
    start = len(found)
    found.texts += map(in_one, texts)
    found.trace_ids += [row[0] for row in rows]
    found.span_ids += [row[1] for row in rows]
    for i, row in enumerate(rows):
        for name in row[2]:
            found.failed.setdefault(name, set()).add(start + i)
    found.vectors = np.concatenate([found.vectors, vectors])


def _beside(parts: Sequence[Floats]) -> Floats:
    found: Floats = np.concatenate(parts, axis=1) / np.sqrt(np.float32(len(parts)))
    return found
