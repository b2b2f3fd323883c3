"""Senders: processes that post 512-span batches as fast as they are acknowledged.

A batch is a ready-made protobuf body in which only the ids are new each time, so that senders cost
little beside the server on the same machine.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.queues import Queue
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

SPANS_A_BATCH = 512
SPANS_A_TRACE = 8
TEXT_BYTES = 1024


@dataclass(slots=True)
class Load:
    """What the senders saw. ``latencies`` in seconds, of acknowledged requests."""

    acknowledged: int
    refused: int
    seconds: float
    latencies: list[float]

    def percentile(self, share: float) -> float:
        """Seconds; NaN when nothing was acknowledged."""
        ordered = sorted(self.latencies)
        return (
            ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
        )


def run(url: str, senders: int, seconds: float, headers: dict[str, str]) -> Load:
    """Post to ``url`` for ``seconds`` from ``senders`` processes."""
    context = multiprocessing.get_context("spawn")
    results: Queue[Load] = context.Queue()
    started = context.Barrier(senders)
    processes = [
        context.Process(target=_send, args=(url, seconds, headers, started, results), daemon=True)
        for _ in range(senders)
    ]
    for process in processes:
        process.start()
    loads = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return Load(
        sum(load.acknowledged for load in loads),
        sum(load.refused for load in loads),
        max(load.seconds for load in loads),
        [latency for load in loads for latency in load.latencies],
    )


def _send(url, seconds, headers, started, results) -> None:  # type: ignore[no-untyped-def]
    body, traces, spans = template()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    sent = {"content-type": "application/x-protobuf", **headers}
    load = Load(0, 0, 0.0, [])
    started.wait()
    begin = time.perf_counter()
    while (now := time.perf_counter()) - begin < seconds:
        _new_ids(body, traces, spans)
        status = 0
        try:
            connection.request("POST", parts.path, bytes(body), sent)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
        if status == 200:
            load.acknowledged += SPANS_A_BATCH
            load.latencies.append(time.perf_counter() - now)
        else:
            load.refused += SPANS_A_BATCH
            time.sleep(0.1)
    load.seconds = time.perf_counter() - begin
    results.put(load)


def batch() -> tuple[bytes, list[str]]:
    """A body with ids of its own, and its traces."""
    body, traces, spans = template()
    _new_ids(body, traces, spans)
    return bytes(body), [body[places[0] : places[0] + 16].hex() for places in traces]


def template() -> tuple[bytearray, list[list[int]], list[list[int]]]:
    """The body, and by trace and by span the offsets at which its id stands."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(_text("service.name", "benchmark"))
    scope = resource.scope_spans.add()
    scope.scope.name = "benchmark"
    now = time.time_ns()
    words = "monitoring that judges every span finds what sampling never sees "
    half = (words * (TEXT_BYTES // len(words) + 1))[: TEXT_BYTES // 2]
    marks = [b"T%015d" % i for i in range(SPANS_A_BATCH // SPANS_A_TRACE)]
    names = [b"S%07d" % i for i in range(SPANS_A_BATCH)]
    for number, name in enumerate(names):
        span = scope.spans.add()
        span.trace_id = marks[number // SPANS_A_TRACE]
        span.span_id = name
        if number % SPANS_A_TRACE:
            span.parent_span_id = names[number - number % SPANS_A_TRACE]
        span.name = "chat gpt-4o-mini"
        span.kind = 3
        span.start_time_unix_nano = now - (SPANS_A_BATCH - number) * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + 900_000
        span.attributes.extend(
            [
                _text("gen_ai.operation.name", "chat"),
                _text("gen_ai.provider.name", "openai"),
                _text("gen_ai.request.model", "gpt-4o-mini"),
                _text("gen_ai.input.messages", _message("user", half)),
                _text("gen_ai.output.messages", _message("assistant", half)),
                KeyValue(key="gen_ai.usage.input_tokens", value=AnyValue(int_value=120)),
                KeyValue(key="gen_ai.usage.output_tokens", value=AnyValue(int_value=110)),
            ]
        )
    body = bytearray(request.SerializeToString())
    return body, [_offsets(body, mark) for mark in marks], [_offsets(body, n) for n in names]


def _new_ids(body: bytearray, traces: list[list[int]], spans: list[list[int]]) -> None:
    for size, places in ((16, traces), (8, spans)):
        fresh = os.urandom(size * len(places))
        for number, offsets in enumerate(places):
            new = fresh[number * size : (number + 1) * size]
            for offset in offsets:
                body[offset : offset + size] = new


def _offsets(body: bytearray, mark: bytes) -> list[int]:
    found, start = [], body.find(mark)
    while start >= 0:
        found.append(start)
        start = body.find(mark, start + 1)
    return found


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _message(role: str, text: str) -> str:
    return f'[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]'
