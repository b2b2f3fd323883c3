"""Reads the rows that a data set is made of: a fixed draw of ids, their content, their traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult

from classify.classifier import Trace
from clickhouse.embedded_http.settings import quote
from clickhouse.span import Span
from experiments.datasets.condition import Columns
from experiments.datasets.dataset_definition import Unit
from service.moments import utc

#: Rows that are looked at: vectors of so many take ten seconds on two cores.
MOST_ROWS = 2_000
#: Items of one trace, where the unit is the step.
_STEPS_OF_A_TRACE = 3
_BYTES_AT_A_TIME = 16 << 20
_ROWS_AT_A_TIME = 500
#: A trace may begin before, and end after, the step that is looked at.
_AROUND = timedelta(hours=6)
_SECONDS = "SETTINGS max_execution_time = 120"
_UNREAD = {"resource_attributes", "events", "links", "document_scores", "tool_definitions"}
_READ = [f.name for f in fields(Span) if f.name not in _UNREAD]


@dataclass(slots=True, frozen=True)
class Rows:
    """Rows of ``spans`` that a data set may be made of. ``client``: its database is theirs.
    ``project``: whose they are, '' for the default one; None where the storage itself shows no
    others, as it does to whoever reads with a project's key."""

    client: Client
    project: str | None = None

    def query(self, sql: str) -> QueryResult:
        """Raises clickhouse-connect's errors."""
        return self.client.query(sql)

    def within(self, window: tuple[datetime, datetime]) -> str:
        """Rows of production: a replay repeats what it was made of."""
        began = f"start_time >= {_text(window[0])} AND start_time < {_text(window[1])}"
        return f"{began} AND replay_of = ''{self._own}"

    def of_traces(self, places: Sequence[Place]) -> str:
        """All rows of their traces."""
        first = min(place.start_time for place in places) - _AROUND
        last = max(place.start_time for place in places) + _AROUND
        return (
            f"trace_id IN ({_list(sorted({place.trace_id for place in places}))})"
            f" AND start_time >= {_text(first)} AND start_time <= {_text(last)}{self._own}"
        )

    def at(self, places: Sequence[Place]) -> str:
        """These rows."""
        spans = sorted({place.span_id for place in places})
        return f"{self.of_traces(places)} AND span_id IN ({_list(spans)})"

    @property
    def _own(self) -> str:
        return "" if self.project is None else f" AND project = {quote(self.project)}"


@dataclass(slots=True, frozen=True)
class Place:
    """Where a row is. ``size``: bytes of its texts."""

    trace_id: str
    span_id: str
    start_time: datetime
    size: int


@dataclass(slots=True, frozen=True)
class Found:
    """``rows`` meet the condition in ``traces`` traces, ``empty`` of them without any content;
    ``places``: at most MOST_ROWS of the others, the same ones each time."""

    rows: int
    traces: int
    empty: int
    places: list[Place]


@dataclass(slots=True, frozen=True)
class Row:
    """A row with its verdicts. ``request``: input of its trace's root. ``labels``, ``scores`` and
    ``evidence`` by classifier."""

    span: Span
    request: str
    labels: dict[str, str]
    scores: dict[str, float]
    evidence: dict[str, str]

    @property
    def failed(self) -> list[str]:
        """Classifiers that failed it."""
        return [name for name, label in self.labels.items() if label == "fail"]


@dataclass(slots=True, frozen=True)
class Step:
    """A step of a service, as rows name it."""

    service_name: str
    name: str
    step_kind: str


def find(
    rows: Rows,
    condition: str,
    window: tuple[datetime, datetime],
    *,
    unit: Unit = "step",
    steps: Sequence[Step] = (),
    without: str = "",
    seed: int = 0,
    most: int = MOST_ROWS,
) -> Found:
    """Rows of ``window`` that meet a checked condition, drawn by a hash of their ids.

    ``unit`` trace: roots of traces in which some step meets it. ``steps``: only rows of these.
    ``without``: a checked condition that no step of the trace may meet.
    """
    scope = rows.within(window)
    filters = [scope]
    if steps:
        listed = (f"({_list([s.service_name, s.name, s.step_kind])})" for s in steps)
        filters.append(f"(service_name, name, step_kind) IN ({', '.join(listed)})")
    if without:
        filters.append(
            f"trace_id NOT IN (SELECT trace_id FROM spans WHERE {scope} AND ({without}))"
        )
    if unit == "trace":
        # The root: the earliest span without a parent, else the earliest of all.
        filters.append(
            "(trace_id, span_id) IN (SELECT trace_id, argMin(span_id, (parent_span_id != '',"
            f" start_time)) FROM spans WHERE {scope} GROUP BY trace_id HAVING"
            f" countIf({condition}) > 0)"
        )
    else:
        filters.append(f"({condition})")
    met = " AND ".join(filters)
    content = "(input != '' OR input_messages != '')"
    count, traces, empty = rows.query(
        f"SELECT count(), uniqExact(trace_id), countIf(NOT {content}) FROM spans WHERE {met}"
        f" {_SECONDS}"
    ).result_rows[0]
    found = rows.query(
        "SELECT trace_id, span_id, start_time, length(input) + length(input_messages) +"
        f" length(output) AS size FROM spans WHERE {met} AND {content}"
        f" ORDER BY cityHash64(trace_id, span_id, {seed}), trace_id, span_id"
        f" LIMIT {_STEPS_OF_A_TRACE} BY trace_id LIMIT {most} {_SECONDS}"
    ).result_rows
    places = [Place(t, s, utc(at), int(size)) for t, s, at, size in found]
    return Found(int(count), int(traces), int(empty), places)


def read(rows: Rows, places: Sequence[Place], columns: Columns) -> list[Row]:
    """The rows, in the order of ``places``; those that are gone meanwhile are left out."""
    verdicts = [f"{name}, {name}_score" for name in columns.classifiers]
    found: dict[tuple[str, str], Row] = {}
    for part in _parts(places):
        requests = {
            str(trace_id): str(request)
            for trace_id, request in rows.query(
                "SELECT trace_id, argMin(input, (parent_span_id != '', start_time)) FROM spans"
                f" WHERE {rows.of_traces(part)} GROUP BY trace_id {_SECONDS}"
            ).result_rows
        }
        answer = rows.query(
            f"SELECT {', '.join([*_READ, *verdicts, 'evidence'])} FROM spans"
            f" WHERE {rows.at(part)} {_SECONDS}"
        )
        for values in answer.result_rows:
            each = dict(zip(answer.column_names, values, strict=True))
            row = _row(each, columns, requests.get(each["trace_id"], ""))
            found[row.span.trace_id, row.span.span_id] = row
    return [found[key] for p in places if (key := (p.trace_id, p.span_id)) in found]


def failed_in_traces(
    rows: Rows, places: Sequence[Place], columns: Columns
) -> dict[str, dict[str, tuple[float, str]]]:
    """trace_id to classifier to (highest score, its evidence) of the steps that failed."""
    each = [
        f"maxIf({name}_score, {name} = 'fail'),"
        f" argMaxIf(evidence['{name}'], {name}_score, {name} = 'fail'), countIf({name} = 'fail')"
        for name in columns.classifiers
    ]
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for start in range(0, len(places), _ROWS_AT_A_TIME):
        part = places[start : start + _ROWS_AT_A_TIME]
        for trace_id, *values in rows.query(
            f"SELECT trace_id, {', '.join(each)} FROM spans WHERE {rows.of_traces(part)}"
            f" GROUP BY trace_id {_SECONDS}"
        ).result_rows:
            triples = zip(values[0::3], values[1::3], values[2::3], strict=True)
            found[str(trace_id)] = {
                name: (round(float(score), 6), str(evidence))
                for name, (score, evidence, count) in zip(columns.classifiers, triples, strict=True)
                if count
            }
    return found


def traces(rows: Rows, places: Sequence[Place]) -> dict[str, Trace]:
    """The whole traces of some rows, by trace_id."""
    spans: dict[str, list[Span]] = {}
    for start in range(0, len(places), 50):
        part = places[start : start + 50]
        answer = rows.query(
            f"SELECT {', '.join(_READ)} FROM spans WHERE {rows.of_traces(part)}"
            f" ORDER BY trace_id, start_time, span_id LIMIT 2000 BY trace_id {_SECONDS}"
        )
        for values in answer.result_rows:
            span = _span(dict(zip(answer.column_names, values, strict=True)))
            spans.setdefault(span.trace_id, []).append(span)
    return {trace_id: Trace(tuple(found)) for trace_id, found in spans.items()}


def still(rows: Rows, condition: str, places: Sequence[Place], unit: Unit) -> dict[str, bool]:
    """span_id to whether the row (or some step of its trace) meets the condition now; rows that are
    not stored any more are left out."""
    found: dict[str, bool] = {}
    for start in range(0, len(places), _ROWS_AT_A_TIME):
        part = places[start : start + _ROWS_AT_A_TIME]
        met = (
            f"trace_id IN (SELECT trace_id FROM spans WHERE {rows.of_traces(part)}"
            f" AND ({condition}))"
            if unit == "trace"
            else f"({condition})"
        )
        answer = rows.query(f"SELECT span_id, {met} FROM spans WHERE {rows.at(part)} {_SECONDS}")
        found |= {str(span_id): bool(value) for span_id, value in answer.result_rows}
    return found


def labels_seen(rows: Rows, classifier: str, window: tuple[datetime, datetime]) -> dict[str, int]:
    """How often a classifier gave each label in the window; '' for not judged yet."""
    seen = rows.query(
        f"SELECT {classifier}, count() AS rows FROM spans WHERE {rows.within(window)}"
        f" GROUP BY {classifier} ORDER BY rows DESC"
    ).result_rows
    return {str(label): int(count) for label, count in seen}


def count(rows: Rows, window: tuple[datetime, datetime]) -> int:
    """Rows in the window."""
    return int(
        rows.query(f"SELECT count() FROM spans WHERE {rows.within(window)}").result_rows[0][0]
    )


# Values are written into the statements: the client would take a "{…: …}" or a "%" of somebody's
# condition for a parameter of its own.


def _list(values: Sequence[str]) -> str:
    return ", ".join(map(quote, values))


def _text(moment: datetime) -> str:
    return quote(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}")


def _parts(places: Sequence[Place]) -> Iterator[list[Place]]:
    part: list[Place] = []
    size = 0
    for place in places:
        if part and (size + place.size > _BYTES_AT_A_TIME or len(part) == _ROWS_AT_A_TIME):
            yield part
            part, size = [], 0
        part.append(place)
        size += place.size
    if part:
        yield part


def _span(values: dict[str, Any]) -> Span:
    start = utc(values["start_time"])
    seconds = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Span(**{name: values[name] for name in _READ} | {"start_time": seconds * 1000})


def _row(values: dict[str, Any], columns: Columns, request: str) -> Row:
    labels = {name: str(values[name]) for name in columns.classifiers if values[name]}
    scores = {
        name: round(float(values[f"{name}_score"]), 6)
        for name in labels
        if values[f"{name}_score"] == values[f"{name}_score"]
    }
    return Row(_span(values), request, labels, scores, dict(values["evidence"]))
