"""From a request body to rows ready for storage: what a worker process does.

Everything that costs CPU per span happens here, so that it can run beside the service: decompress,
decode, normalise, and write the rows as one block of ClickHouse's Native format.
"""

from __future__ import annotations

import time
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clickhouse import content, span
from clickhouse.native import write_columns
from ingest.body import decompress, decompressed_size
from ingest.json_source import cost as json_cost
from ingest.limits import ContentLimits
from ingest.log_content import ContentBatch, content_records
from ingest.normalise import Normalised, normalise
from ingest.otlp import Encoding, Signal, log_requests, trace_requests
from ingest.privacy.masker import Masker, masker_of
from ingest.privacy.privacy_file import PrivacyRules
from ingest.refusal import Refusal, Refused
from ingest.rejected import Rejected

_T = TypeVar("_T")
_K = TypeVar("_K")
# Rows take up to twice the bytes of the decompressed body, and are there twice while they travel.
_ROOM_FACTOR = 5
# What a body is between itself and its rows is never more than a piece at a time.
_LEAST_ROOM = 16 << 20
# Of compression. Where it is larger, the size is found out before memory is taken.
_USUAL_RATIO = 16


@dataclass(slots=True, frozen=True)
class Rules:
    """What preparing needs to know; sent along with every body.

    ``types``: table to the ClickHouse types of the columns that ingest fills, in their order.
    """

    types: dict[str, tuple[str, ...]]
    retention_days: int
    max_decompressed_bytes: int
    content: ContentLimits
    privacy: PrivacyRules | None = None

    @property
    def most_room(self) -> int:
        """Bytes of memory that preparing one body may take."""
        return 4 * self.max_decompressed_bytes + _LEAST_ROOM


@dataclass(slots=True)
class Body:
    """A request as it came. ``data`` is let go of once it is prepared. ``project``: whose its rows
    are, '' for the default one; nothing in ``data`` has a say in it."""

    signal: Signal
    encoding: Encoding
    content_encoding: str
    data: bytes
    project: str = ""


@dataclass(slots=True)
class Prepared:
    """Rows of one request as Native blocks, and what there is to say about them.

    ``rejected``: reason to number. ``not_understood``: (scope, attribute) to number. ``masked``:
    kind to number of values that were taken out. ``seconds``: stage to CPU seconds. ``ids``: of
    each span a number made of both its ids, and its fingerprint.
    """

    table: str
    rows: int = 0
    blocks: list[bytes] = field(default_factory=list)
    ids: tuple[array[int], array[int]] = field(default_factory=lambda: (array("Q"), array("Q")))
    rejected: dict[str, int] = field(default_factory=dict)
    not_understood: dict[tuple[str, str], int] = field(default_factory=dict)
    masked: dict[str, int] = field(default_factory=dict)
    ignored: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the rows."""
        return sum(map(len, self.blocks))


@dataclass(slots=True, frozen=True)
class NeedsRoom:
    """The body needs ``bytes`` of memory to be prepared."""

    bytes: int


def room_for(body: Body, rules: Rules) -> int:
    """Bytes of memory that preparing the body will probably take. ``prepare`` says when not."""
    size = len(body.data)
    if body.content_encoding.strip().lower() not in ("", "identity"):
        size *= _USUAL_RATIO
    return min(rules.most_room, _ROOM_FACTOR * size + _LEAST_ROOM)


def prepare(body: Body, rules: Rules, room: int) -> Prepared | Refusal | NeedsRoom:
    """Never raises for what a sender sent; the refusal is returned, to cross process borders.

    Takes about ``room`` bytes of memory at the most, and says so where that is not enough.
    """
    clock = _Stages()
    limit = rules.max_decompressed_bytes
    if room < rules.most_room:
        limit = min(limit, (room - _LEAST_ROOM) // _ROOM_FACTOR)
    try:
        try:
            data = decompress(body.data, body.content_encoding, limit)
        except Refused as refused:
            if not _is_too_large(refused) or limit == rules.max_decompressed_bytes:
                raise
            size = decompressed_size(body.data, body.content_encoding, rules.max_decompressed_bytes)
            return NeedsRoom(min(rules.most_room, _ROOM_FACTOR * size + _LEAST_ROOM))
        if body.encoding == "json" and (needed := json_cost(data)) > room:
            return NeedsRoom(needed) if needed <= rules.most_room else too_much(rules)
        rows = _logs if body.signal == "logs" else _traces
        most = (room - len(data)) // 2
        prepared = rows(data, body.encoding, body.project, rules, clock, most)
        if prepared is not None:
            return prepared
        # A few bytes can be many rows: a resource stands in each of them.
        if room == rules.most_room:
            return too_much(rules)
        return NeedsRoom(min(rules.most_room, 4 * room))
    except Refused as refused:
        return refused.refusal
    except MemoryError:
        return too_much(rules)


def _is_too_large(refused: Refused) -> bool:
    return refused.refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def too_much(rules: Rules) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the rows of the body take over {rules.most_room} bytes of memory; send smaller batches "
        "or raise EVERYSPAN_MAX_DECOMPRESSED_BYTES",
    )


def warm_up(rules: Rules) -> None:
    """Load what the first spans would else wait for: modules, prices, the compiled conventions."""
    request = ExportTraceServiceRequest()
    step = request.resource_spans.add().scope_spans.add().spans.add()
    step.trace_id, step.span_id = b"\x01" * 16, b"\x01" * 8
    step.start_time_unix_nano = time.time_ns()
    step.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    step.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4.1-mini"
    step.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 1
    prepare(Body("traces", "protobuf", "", request.SerializeToString()), rules, rules.most_room)


def _traces(
    data: bytes, encoding: Encoding, project: str, rules: Rules, clock: _Stages, most_bytes: int
) -> Prepared | None:
    rejected = Rejected()
    # The same ids in two projects are no ids that come again.
    apart = zlib.crc32(project.encode()) << 32
    prepared = Prepared("spans_raw", seconds=clock.seconds)
    requests = trace_requests(data, encoding, rejected)
    masker = _masker(rules, project)
    while request := clock.run("decode", lambda: next(requests, None)):
        if masker:
            clock.run("mask", partial(masker.traces, request))
        result = _normalise(request, rules, clock)
        if masker:
            masker.rows(result.spans)
            _add(prepared.masked, masker.take_counts())
        for each in result.spans:
            each.project = project
        prepared.rows += len(result.spans)
        if result.spans:
            block = partial(
                _block, rules, prepared.table, span.SPAN_COLUMNS, span.columns_of(result.spans)
            )
            prepared.blocks.append(clock.run("serialise", block))
            prepared.ids[0].extend(_both_ids(each) ^ apart for each in result.spans)
            prepared.ids[1].extend(each.fingerprint for each in result.spans)
        for reason, number in result.rejected.items():
            rejected.add(reason, number=number)
        _add(prepared.not_understood, result.not_understood)
        if prepared.size > most_bytes:
            return None
    prepared.rejected = rejected.reasons()
    return prepared


def _masker(rules: Rules, project: str) -> Masker | None:
    """Where something is taken out of what comes for the project."""
    own = rules.privacy and rules.privacy.of(project)
    return masker_of(own) if own and own.takes_out else None


def _normalise(request: ExportTraceServiceRequest, rules: Rules, clock: _Stages) -> Normalised:
    return clock.run(
        "normalise",
        lambda: normalise(
            request,
            now=time.time_ns(),
            retention_days=rules.retention_days,
            limits=rules.content,
        ),
    )


def _both_ids(each: span.Span) -> int:
    # Of 128 and 64 random bits, 64 are enough to tell those apart that came lately.
    return int(each.trace_id[16:], 16) ^ int(each.span_id, 16)


def _logs(
    data: bytes, encoding: Encoding, project: str, rules: Rules, clock: _Stages, most_bytes: int
) -> Prepared | None:
    rejected = Rejected()
    prepared = Prepared("span_content", seconds=clock.seconds)
    requests = log_requests(data, encoding, rejected)
    masker = _masker(rules, project)
    while request := clock.run("decode", lambda: next(requests, None)):
        if masker:
            clock.run("mask", partial(masker.logs, request))
            _add(prepared.masked, masker.take_counts())
        batch = _content(request, rules, clock)
        if project:
            batch.records[:] = [replace(each, project=project) for each in batch.records]
        if masker and masker.drops_content:
            prepared.ignored += len(batch.records)
            batch.records.clear()
        prepared.rows += len(batch.records)
        prepared.ignored += batch.ignored
        if batch.records:
            columns = content.columns_of(batch.records)
            block = partial(_block, rules, prepared.table, content.CONTENT_COLUMNS, columns)
            prepared.blocks.append(clock.run("serialise", block))
        for reason, number in batch.rejected.items():
            rejected.add(reason, number=number)
        if prepared.size > most_bytes:
            return None
    prepared.rejected = rejected.reasons()
    return prepared


def _add(counts: dict[_K, int], more: Mapping[_K, int]) -> None:
    for key, number in more.items():
        counts[key] = counts.get(key, 0) + number


def _content(request: ExportLogsServiceRequest, rules: Rules, clock: _Stages) -> ContentBatch:
    return clock.run(
        "normalise",
        lambda: content_records(
            request,
            now=time.time_ns(),
            retention_days=rules.retention_days,
            limits=rules.content,
        ),
    )


def _block(
    rules: Rules, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]]
) -> bytes:
    types = dict(zip(names, rules.types[table], strict=True))
    return write_columns(types, dict(zip(names, columns, strict=True)))


class _Stages:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, stage: str, work: Callable[[], _T]) -> _T:
        start = time.thread_time()
        try:
            return work()
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.thread_time() - start
