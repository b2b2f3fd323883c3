"""OTLP/gRPC: the three export services on the same receiver.

See https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ingest import otlp
from ingest.caller import gate
from ingest.otlp import Signal
from ingest.prepare import Body
from ingest.receiver import Receiver
from ingest.refusal import Refusal, Refused
from service.caller import Caller, NotAllowed

_SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_GRACE_SECONDS = 3.0


class PortInUseError(Exception):
    """The address can't be listened on."""


class GrpcServer:
    """Serves ``receiver`` on host:port. ``port`` is the one in force after ``start``."""

    def __init__(self, receiver: Receiver, host: str, port: int) -> None:
        self._receiver = receiver
        self._gate = gate(receiver.settings)
        self._host = host
        self.port = port
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Raises PortInUseError and ExposedError."""
        self._gate.check_listening(self._host)
        # The limit holds for the decompressed message: gRPC decompresses by itself.
        limit = min(self._receiver.settings.max_decompressed_bytes, 2**31 - 1)
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.so_reuseport", 0),
            ]
        )
        for signal, service in _SERVICES.items():
            # Bytes in, bytes out: messages are decoded in the workers.
            handler = grpc.unary_unary_rpc_method_handler(self._export(signal))
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        host = f"[{self._host}]" if ":" in self._host else self._host
        try:
            self.port = server.add_insecure_port(f"{host}:{self.port}")
        except RuntimeError as error:
            raise PortInUseError(
                f"OTLP/gRPC can't listen on {host}:{self.port}; stop what listens there or set "
                "EVERYSPAN_OTLP_GRPC_PORT"
            ) from error
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Finish the calls in progress."""
        if self._server is not None:
            await self._server.stop(_GRACE_SECONDS)

    def _export(self, signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def export(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            metadata = {
                key: value
                for key, value in context.invocation_metadata() or ()
                if isinstance(value, str)
            }
            status = HTTPStatus.OK
            try:
                self._check(context.peer(), metadata)
                rejected = await self._receiver.receive(Body(signal, "protobuf", "", request))
                return otlp.answer(signal, "protobuf", rejected)
            except Refused as refused:
                status = refused.refusal.status
                await _abort(context, refused.refusal)
                raise AssertionError("abort always raises") from refused
            finally:
                self._receiver.telemetry.requests.labels(signal, "grpc", int(status)).inc()

        return export

    def _check(self, peer: str, metadata: dict[str, str]) -> None:
        """``peer``: as gRPC names it, 'ipv4:127.0.0.1:4711', 'ipv6:%5B::1%5D:4711'. Raises
        Refused."""
        address = unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")
        try:
            self._gate.check(Caller(address, headers=metadata))
        except NotAllowed as refused:
            raise Refused(Refusal(refused.status, str(refused))) from refused


async def _abort(context: grpc.aio.ServicerContext[Any, Any], refusal: Refusal) -> None:
    trailing: tuple[tuple[str, bytes], ...] = ()
    if refusal.retry_after is not None:
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=refusal.retry_after)))
        status = Status(code=refusal.rpc_code, message=refusal.message, details=[detail])
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[refusal.rpc_code], refusal.message, trailing)
