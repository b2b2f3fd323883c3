"""From a request body to rows ready for storage: what a worker process does.

Everything that costs CPU per span happens here, so that it can run beside the service: decompress,
decode, normalise, and write the rows as one block of ClickHouse's Native format.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clickhouse import content, span
from clickhouse.native import write_columns
from ingest.body import decompress
from ingest.limits import ContentLimits
from ingest.log_content import content_records
from ingest.normalise import normalise
from ingest.otlp import Encoding, Signal, decode_logs, decode_traces
from ingest.refusal import Refusal, Refused

_T = TypeVar("_T")


@dataclass(slots=True, frozen=True)
class Rules:
    """What preparing needs to know; sent along with every body.

    ``types``: table to the ClickHouse types of the columns that ingest fills, in their order.
    """

    types: dict[str, tuple[str, ...]]
    retention_days: int
    max_decompressed_bytes: int
    content: ContentLimits


@dataclass(slots=True, frozen=True)
class Body:
    """A request as it came."""

    signal: Signal
    encoding: Encoding
    content_encoding: str
    data: bytes


@dataclass(slots=True)
class Prepared:
    """Rows of one request as a Native block, and what there is to say about them.

    ``rejected``: reason to number. ``not_understood``: (scope, attribute) to number. ``seconds``:
    stage to CPU seconds. ``ids``: of each span a number made of both its ids, and its fingerprint.
    """

    table: str
    rows: int
    block: bytes
    ids: tuple[array[int], array[int]] | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    not_understood: dict[tuple[str, str], int] = field(default_factory=dict)
    ignored: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def prepare(body: Body, rules: Rules) -> Prepared | Refusal:
    """Never raises for what a sender sent; the refusal is returned, to cross process borders."""
    clock = _Stages()
    try:
        data = decompress(body.data, body.content_encoding, rules.max_decompressed_bytes)
        if body.signal == "logs":
            return _logs(data, body.encoding, rules, clock)
        return _traces(data, body.encoding, rules, clock)
    except Refused as refused:
        return refused.refusal


def warm_up(rules: Rules) -> None:
    """Load what the first spans would else wait for: modules, prices, the compiled conventions."""
    request = ExportTraceServiceRequest()
    step = request.resource_spans.add().scope_spans.add().spans.add()
    step.trace_id, step.span_id = b"\x01" * 16, b"\x01" * 8
    step.start_time_unix_nano = time.time_ns()
    step.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    step.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4.1-mini"
    step.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 1
    prepare(Body("traces", "protobuf", "", request.SerializeToString()), rules)


def _traces(data: bytes, encoding: Encoding, rules: Rules, clock: _Stages) -> Prepared:
    request = clock.run("decode", lambda: decode_traces(data, encoding))
    result = clock.run(
        "normalise",
        lambda: normalise(
            request,
            now=time.time_ns(),
            retention_days=rules.retention_days,
            limits=rules.content,
        ),
    )
    table = "spans_raw"
    block = b""
    if result.spans:
        block = clock.run(
            "serialise",
            lambda: _block(rules, table, span.SPAN_COLUMNS, span.columns_of(result.spans)),
        )
    return Prepared(
        table,
        len(result.spans),
        block,
        ids=(
            array("Q", [_both_ids(each) for each in result.spans]),
            array("Q", [each.fingerprint for each in result.spans]),
        ),
        rejected=dict(result.rejected),
        not_understood=dict(result.not_understood),
        seconds=clock.seconds,
    )


def _both_ids(each: span.Span) -> int:
    # Of 128 and 64 random bits, 64 are enough to tell those apart that came lately.
    return int(each.trace_id[16:], 16) ^ int(each.span_id, 16)


def _logs(data: bytes, encoding: Encoding, rules: Rules, clock: _Stages) -> Prepared:
    request = clock.run("decode", lambda: decode_logs(data, encoding))
    batch = clock.run(
        "normalise",
        lambda: content_records(
            request,
            now=time.time_ns(),
            retention_days=rules.retention_days,
            limits=rules.content,
        ),
    )
    table = "span_content"
    block = b""
    if batch.records:
        block = clock.run(
            "serialise",
            lambda: _block(
                rules, table, content.CONTENT_COLUMNS, content.columns_of(batch.records)
            ),
        )
    return Prepared(
        table,
        len(batch.records),
        block,
        rejected=dict(batch.rejected),
        ignored=batch.ignored,
        seconds=clock.seconds,
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
