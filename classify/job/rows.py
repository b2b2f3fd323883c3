"""What the job reads of the tables and puts back, as Native blocks that it does not look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    OperationalError,
    StreamFailureError,
)

from classify.classifier import Classifier
from classify.custom.vectors import DIMENSIONS, TYPES
from classify.job.due import DAY_NS, DueTrace, between
from classify.settings import ClassifySettings
from classify.settle.around import FROM_AROUND
from classify.settle.running_totals import RUNNING_TOTAL
from classify.settle.twins import TWIN, Twin
from classify.settle.usage import FIELDS, REPORTED_USAGE
from classify.shares.fence import Fence
from service.errors import UserError

#: Earlier traces of a session that a classifier gets to see, and how far back, in days.
SESSION_TRACES = 20
SESSION_DAYS = 7

#: What says how a number is settled (classify/settle), beside attributes of ours.
_REPORTS = (
    *"trace_id span_id parent_span_id name step_kind start_time duration_ms model".split(),
    *"response_id scope_name fingerprint id_reuse twin_of project".split(),
    *FIELDS,
)
_REPORTED = (REPORTED_USAGE, RUNNING_TOTAL, TWIN, FROM_AROUND)

_FINAL = "do_not_merge_across_partitions_select_final = 1"
_PIECE = 4 << 20


class SchemaError(UserError):
    """The table lacks a column that a classifier needs. The text says how to add it."""


class TooLargeError(Exception):
    """The rows asked for hold more bytes than the limit."""


@dataclass(slots=True, frozen=True)
class Schema:
    """Column name to ClickHouse type, of spans_raw and span_content, in the tables' order."""

    spans: dict[str, str]
    content: dict[str, str]


@dataclass(slots=True, frozen=True)
class Batch:
    """Traces to judge together. ``stretch``: part of a single, very large trace, as the first and
    last start_time in ns; ``root_id`` is then the span_id of the trace's root. ``limited``: whether
    loading it stops at the limit of bytes. ``before``: rows judged before that, ms since 1970, are
    written again in any case. ``old``: all were judged before, so that vectors of their texts may
    be stored; ``custom_only``: only custom classifiers judge. ``twins``: what was found out about
    traces of one call, by trace_id; None: nobody looked."""

    traces: Sequence[DueTrace]
    stretch: tuple[int, int] | None = None
    root_id: str = ""
    limited: bool = True
    before: int = 0
    old: bool = False
    custom_only: bool = False
    twins: Mapping[str, Twin] | None = None


@dataclass(slots=True)
class Loaded:
    """All stored spans of the batch, its unmerged content, spans of earlier traces of the same
    sessions, and stored vectors of its texts (hash and vector): Native blocks. ``earlier``:
    project and trace_id to the ids of its session's earlier traces, oldest first."""

    rows: bytes
    content: bytes
    session: bytes = b""
    earlier: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    vectors: bytes = b""


def read_schema(client: Client, database: str, classifiers: Sequence[Classifier]) -> Schema:
    """Raises SchemaError where a classifier's verdict columns are missing."""
    tables: dict[str, dict[str, str]] = {"spans_raw": {}, "span_content": {}}
    for table, name, kind in client.query(
        "SELECT table, name, type FROM system.columns WHERE database = {database:String}"
        " AND table IN ('spans_raw', 'span_content')"
        " AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY table, position",
        parameters={"database": database},
    ).result_rows:
        tables[table][name] = kind
    if not all(tables.values()):
        raise SchemaError(f"{database} has no table spans_raw; run 'everyspan migrate'")
    for classifier in classifiers:
        score = f"{classifier.name}_score"
        if missing := [c for c in (classifier.name, score) if c not in tables["spans_raw"]]:
            raise SchemaError(
                f"classifier '{classifier.name}' has no column {' and '.join(missing)} in "
                f"{database}.spans_raw; run 'everyspan migrate', or add a file to "
                f"clickhouse/migrations that adds {classifier.name} LowCardinality(String) and "
                f"{score} Float32"
            )
    return Schema(tables["spans_raw"], tables["span_content"])


class Rows:
    """Reads and writes for one worker. Not for several threads."""

    def __init__(
        self,
        client: Client,
        settings: ClassifySettings,
        schema: Schema,
        fence: Fence | None = None,
    ) -> None:
        #: What is written goes through it: it fails where the worker may have been replaced.
        self.fence = fence
        self._client = client
        self._database = settings.database
        self._schema = schema
        self._max_bytes = settings.classify_batch_bytes
        # Through a Distributed table an insert must have arrived when it is acknowledged: the
        # order of inserts is what a stop in between relies on.
        self._insert = {"distributed_foreground_insert": 1} if settings.cluster else {}

    def load(self, batch: Batch, *, sessions: bool, vectors_of: int = 0) -> Loaded:
        """``vectors_of``: the model whose vectors are wanted, 0 for none. Raises TooLargeError, and
        clickhouse-connect's errors."""
        ids = [trace.trace_id for trace in batch.traces]
        window = (
            min(trace.first for trace in batch.traces) - DAY_NS,
            max(trace.last for trace in batch.traces) + DAY_NS,
        )
        rows = self._spans(ids, batch.stretch or window, limited=batch.limited)
        if batch.custom_only:
            return Loaded(rows, b"", vectors=self._vectors(batch, vectors_of))
        content = self._read(
            f"SELECT {', '.join(self._schema.content)} FROM {self._database}.span_content FINAL"
            f" PREWHERE trace_id IN %(ids)s WHERE merged = 0 AND {between('time', *window)}",
            ids,
            limited=batch.limited,
        )
        loaded = Loaded(rows, content)
        if sessions and not batch.stretch:
            self._load_sessions(loaded, ids, window)
        if batch.old:
            loaded.vectors = self._vectors(batch, vectors_of)
        return loaded

    def read_spans(self, ids: Sequence[str], window: tuple[int, int]) -> bytes:
        """All columns of the rows of these traces, that start within the window (ns since 1970).
        Raises TooLargeError, and clickhouse-connect's errors."""
        return self._spans(ids, window)

    def read_reports(self, ids: Sequence[str], window: tuple[int, int]) -> bytes:
        """The same, but only the columns that a span's numbers hang on, and no texts."""
        return self._read(
            f"SELECT {', '.join(_REPORTS)}, verdict_version,"
            f" mapFilter((k, v) -> k IN {_REPORTED}, s.attributes) AS attributes"
            f" FROM {self._database}.spans_raw AS s FINAL"
            f" PREWHERE trace_id IN %(ids)s WHERE {between('start_time', *window)}",
            ids,
            limited=False,
        )

    def split(self, trace: DueTrace, stretch: tuple[int, int] | None) -> tuple[int, int, str]:
        """Start of the first and the last span of a trace (or of a stretch of it), and its root.

        The root is the earliest span without a parent, else the earliest of all.
        """
        window = stretch or (trace.first - DAY_NS, trace.last + DAY_NS)
        ((first, last, root),) = self._client.query(
            "SELECT toUnixTimestamp64Nano(min(start_time)), toUnixTimestamp64Nano(max(start_time)),"
            " argMin(span_id, (parent_span_id != '', start_time))"
            f" FROM {self._database}.spans_raw PREWHERE trace_id = %(id)s"
            f" WHERE {between('start_time', *window)}",
            parameters={"id": trace.trace_id},
        ).result_rows
        return first, last, root

    def write_spans(self, block: bytes) -> None:
        """Insert rows of spans_raw, all columns."""
        self._write("spans_raw", self._schema.spans, block)

    def write_content(self, block: bytes) -> None:
        """Insert rows of span_content, all columns."""
        self._write("span_content", self._schema.content, block)

    def write_vectors(self, block: bytes) -> None:
        """Insert rows of text_vectors."""
        self._insert_block("text_vectors", list(TYPES), block)

    def _vectors(self, batch: Batch, model: int) -> bytes:
        """What is stored of the texts of the batch's hours."""
        if not model:
            return b""
        first = min(trace.first for trace in batch.traces)
        last = max(trace.last for trace in batch.traces)
        return self._read(
            f"SELECT hash, toFixedString(any(vector), {DIMENSIONS}) AS vector"
            f" FROM {self._database}.text_vectors AS t"
            # One of another length is none of ours, and would be an error.
            f" WHERE model = {model} AND length(t.vector) = {DIMENSIONS}"
            f" AND hour >= toStartOfHour(toDateTime({first // 10**9}, 'UTC'))"
            f" AND hour <= toDateTime({last // 10**9}, 'UTC') AND hash GLOBAL IN ("
            f"SELECT arrayJoin([MD5(input), MD5(output)]) FROM {self._database}.spans_raw"
            f" PREWHERE trace_id IN %(ids)s WHERE {between('start_time', first, last)})"
            " GROUP BY hash",
            [trace.trace_id for trace in batch.traces],
            limited=False,
        )

    def _write(self, table: str, types: Mapping[str, str], block: bytes) -> None:
        if self.fence is None:
            self._insert_block(table, list(types), block)
        else:
            self.fence.insert(self._client, table, types, block, self._insert)

    def _insert_block(self, table: str, columns: list[str], block: bytes) -> None:
        self._client.raw_insert(
            f"{self._database}.{table}", columns, block, settings=self._insert, fmt="Native"
        )

    def _spans(self, ids: Sequence[str], window: tuple[int, int], *, limited: bool = True) -> bytes:
        # trace_id is part of the key, so filtering before FINAL is safe, and it is much faster.
        return self._read(
            f"SELECT {', '.join(self._schema.spans)} FROM {self._database}.spans_raw FINAL"
            f" PREWHERE trace_id IN %(ids)s WHERE {between('start_time', *window)}",
            ids,
            limited=limited,
        )

    def _read(self, query: str, ids: Sequence[str], *, limited: bool) -> bytes:
        # A stream, counted here: embedded, a plain query that the engine itself ends half way
        # leaves what it had put out in front of the next answer of the same connection.
        data = bytearray()
        try:
            with self._client.raw_stream(
                f"{query} SETTINGS {_FINAL}", parameters={"ids": list(ids)}, fmt="Native"
            ) as stream:
                while piece := stream.read(_PIECE):
                    data += piece
                    if limited and len(data) > self._max_bytes:
                        raise TooLargeError(f"{len(ids)} traces hold over {self._max_bytes} bytes")
        except StreamFailureError as error:
            # The engine's own, such as its memory limit: fewer rows may do.
            raise DatabaseError(str(error), code=error.code) from error
        except (ClickHouseError, TooLargeError):
            raise
        except Exception as error:
            # The HTTP library's own errors.
            raise OperationalError(f"reading rows: {error}") from error
        return bytes(data)

    def _load_sessions(self, loaded: Loaded, ids: Sequence[str], window: tuple[int, int]) -> None:
        """Earlier traces of the same session, service and project, fewer where they are very
        large."""
        mine = self._client.query(
            "SELECT project, trace_id, session_id, service_name, min(start_time) AS start"
            f" FROM {self._database}.spans_raw PREWHERE trace_id IN %(ids)s"
            f" WHERE session_id != '' AND {between('start_time', *window)} GROUP BY ALL",
            parameters={"ids": list(ids)},
            query_formats={"DateTime64": "int"},
        ).result_rows
        if not mine:
            return
        back = (window[0] - (SESSION_DAYS - 1) * DAY_NS, window[1])
        traces: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        for project, trace_id, session, service, start in self._client.query(
            "SELECT project, trace_id, session_id, service_name, min(start_time) AS start"
            f" FROM {self._database}.spans_raw"
            " WHERE session_id IN %(sessions)s AND replay_of = ''"
            f" AND {between('start_time', *back)}"
            " GROUP BY ALL ORDER BY start, trace_id",
            parameters={"sessions": sorted({session for _, _, session, _, _ in mine})},
            query_formats={"DateTime64": "int"},
        ).result_rows:
            traces.setdefault((project, session, service), []).append((start, trace_id))
        limit = SESSION_TRACES
        while limit:
            earlier = {}
            for project, trace_id, session, service, start in mine:
                before = [
                    other
                    for when, other in traces.get((project, session, service), ())
                    if start - SESSION_DAYS * DAY_NS <= when < start and other != trace_id
                ]
                earlier[project, trace_id] = before[-limit:]
            wanted = sorted({other for found in earlier.values() for other in found})
            if not wanted:
                return
            try:
                loaded.session = self._spans(wanted, (back[0] - DAY_NS, back[1]))
            except TooLargeError:
                limit //= 4
                continue
            loaded.earlier = earlier
            return
