"""Senders: healthy traces over OTLP/HTTP and gRPC, each sent until it is acknowledged."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from random import Random

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.faults.ledger import Ledger
from tests.ingest.otlp_payloads import request, span

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)
_ANSWER_SECONDS = 12.0
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ASKED = "Where is my order number {}, and when will it come?"
_SAID = "Your order {} has shipped and is on its way; it comes on Thursday."


class Refused(Exception):
    """An answer that loses what was sent."""


def put(ports: dict[str, int], message: ExportTraceServiceRequest, kind: str) -> str:
    """Try once, by 'http' or 'grpc'. '' when it is stored, else why to try again.

    Raises Refused.
    """
    if kind == "grpc":
        return _put_grpc(ports["otlp-grpc"], message)
    connection = http.client.HTTPConnection(
        "127.0.0.1", ports["otlp-http"], timeout=_ANSWER_SECONDS
    )
    try:
        headers = {"content-type": "application/x-protobuf"}
        connection.request("POST", "/v1/traces", message.SerializeToString(), headers)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    if answer.status in (429, 502, 503, 504):
        return str(answer.status)
    if answer.status != 200:
        raise Refused(f"HTTP {answer.status}: {body[:300]!r}")
    _check(ExportTraceServiceResponse.FromString(body))
    return ""


def _put_grpc(port: int, message: ExportTraceServiceRequest) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = channel.unary_unary(_EXPORT)(
                message.SerializeToString(), timeout=_ANSWER_SECONDS
            )
        except grpc.RpcError as error:
            if error.code() not in _AGAIN:
                raise Refused(f"gRPC {error.code()}: {error.details()}") from error
            return str(error.code())
    _check(ExportTraceServiceResponse.FromString(answer))
    return ""


def _check(answer: ExportTraceServiceResponse) -> None:
    if answer.partial_success.rejected_spans:
        raise Refused(f"rejected: {answer.partial_success.error_message[:300]}")


class Traffic:
    """``per_second``: traces of all senders together. Begins paused."""

    def __init__(
        self,
        ports: dict[str, int],
        ledger: Ledger,
        seed: int,
        *,
        senders: int = 4,
        per_second: float = 20.0,
        stuck_seconds: float = 180.0,
    ) -> None:
        self.ports = ports
        self.ledger = ledger
        #: What senders ran into that loses data.
        self.failures: list[str] = []
        #: Requests tried again.
        self.retries = 0
        self._going = threading.Event()
        self._ended = threading.Event()
        self._busy = 0
        self._lock = threading.Lock()
        self._leaks: list[str] = []
        self._pause = senders / per_second
        self._stuck = stuck_seconds
        self._threads = [
            threading.Thread(target=self._run, args=(Random(seed * 1000 + i), i), daemon=True)
            for i in range(senders)
        ]
        for thread in self._threads:
            thread.start()

    def go(self) -> None:
        """Send."""
        self._going.set()

    def pause(self, seconds: float = 60.0) -> bool:
        """Begin nothing new, and wait for what was begun to be acknowledged."""
        self._going.clear()
        deadline = time.monotonic() + seconds
        while self._busy:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def end(self) -> None:
        """For good."""
        self._ended.set()
        self._going.set()

    def plant(self, service: str) -> None:
        """Have a leaked key sent among the rest, from a service of its own."""
        with self._lock:
            self._leaks.append(service)

    def send(self, message: ExportTraceServiceRequest, kind: str = "http") -> bool:
        """Until it is acknowledged; False where it never was. Then its ids are in the ledger."""
        deadline = time.monotonic() + self._stuck
        while not self._ended.is_set() or time.monotonic() < deadline - self._stuck + 30:
            try:
                if not put(self.ports, message, kind):
                    self.ledger.acknowledge(ids_of(message))
                    return True
            except Refused as error:
                self.failures.append(str(error))
                return False
            if time.monotonic() > deadline:
                self.failures.append(f"not acknowledged within {self._stuck:.0f} s by {kind}")
                return False
            self.retries += 1
            time.sleep(0.15)
        return False

    def _run(self, random: Random, number: int) -> None:
        kind = "grpc" if number % 3 == 2 else "http"
        late: list[ExportTraceServiceRequest] = []
        while not self._ended.is_set():
            if not self._going.wait(0.2) or self._ended.is_set():
                continue
            with self._lock:
                self._busy += 1
                leak = self._leaks.pop() if self._leaks else ""
            try:
                if leak:
                    if self.send(request(*_leak(random), service=leak), kind):
                        self.ledger.leak(leak)
                else:
                    first, second = healthy(random)
                    self.send(first, kind)
                    late.append(second)
                    if len(late) > 3:
                        self.send(late.pop(random.randrange(len(late))), kind)
            except Exception as error:
                self.failures.append(f"a sender failed: {error!r}")
            finally:
                with self._lock:
                    self._busy -= 1
            time.sleep(self._pause * random.uniform(0.5, 1.5))


def healthy(random: Random) -> tuple[ExportTraceServiceRequest, ExportTraceServiceRequest]:
    """A trace in two requests, the root in either of them."""
    trace = random.randbytes(16)
    order = random.randint(1, 10**9)
    spans = [_step(random, trace, i, order) for i in range(random.randint(4, 12))]
    for child in spans[1:]:
        child.parent_span_id = spans[0].span_id
    cut = random.randint(1, len(spans) - 1)
    first, second = spans[:cut], spans[cut:]
    if random.random() < 0.5:
        first, second = second, first
    return request(*first, service="shop"), request(*second, service="shop")


def _step(random: Random, trace: bytes, number: int, order: int) -> Span:
    own = random.randbytes(8)
    if number % 4 == 1:
        return span(trace, span_id=own, name="chat judged", attributes=_chat(order, _SAID))
    if number % 4 == 2:
        return span(
            trace,
            span_id=own,
            name="execute_tool get_order",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_order",
                "gen_ai.tool.call.arguments": json.dumps({"order": order}),
                "gen_ai.tool.call.result": json.dumps({"state": "shipped"}),
            },
        )
    return span(trace, span_id=own, name=f"step {number}")


def _leak(random: Random) -> Sequence[Span]:
    key = "".join(random.choices(_LETTERS, k=36))
    said = f"Order {{}}: the sync uses the token ghp_{key}."
    return [
        span(
            random.randbytes(16),
            span_id=random.randbytes(8),
            name="chat judged",
            attributes=_chat(random.randint(1, 10**9), said),
        )
    ]


def _chat(order: int, said: str) -> dict[str, str]:
    def message(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.input.messages": message("user", _ASKED.format(order)),
        "gen_ai.output.messages": message("assistant", said.format(order)),
    }


def ids_of(message: ExportTraceServiceRequest) -> list[tuple[str, str]]:
    """trace_id and span_id of its spans, hex."""
    return [
        (each.trace_id.hex(), each.span_id.hex())
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for each in scope.spans
    ]
