"""OTLP/gRPC: the three export services on the same receiver.

See https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
from ingest.held import Held
from ingest.otlp import Signal
from ingest.prepare import Body
from ingest.receiver import Receiver
from ingest.refusal import Refusal, Refused, not_known
from service.caller import Caller, NotAllowed
from service.errors import UserError
from service.keys import Who
from service.tls import Tls, tls_of

_SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_GRACE_SECONDS = 3.0
_IDLE_SECONDS = 300
_PING_SECONDS = 60
_CALLS_A_CONNECTION = 128
_ROOM_SECONDS = 5.0
_TOO_MANY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "more calls are in progress than EVERYSPAN_MAX_CONNECTIONS allows; send again later",
    1,
)
_TOO_SLOW = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "the message took longer than a third of EVERYSPAN_BODY_SECONDS; send smaller ones",
    1,
)


class PortInUseError(UserError):
    """The address can't be listened on."""


class GrpcServer:
    """Serves ``receiver`` on host:port. ``port`` is the one in force after ``start``."""

    def __init__(self, receiver: Receiver, host: str, port: int) -> None:
        self._receiver = receiver
        self._gate = gate(receiver.settings, receiver.keys)
        self._host = host
        self.port = port
        self._server: grpc.aio.Server | None = None
        self._calls = 0

    async def start(self) -> None:
        """Raises PortInUseError and ExposedError."""
        self._gate.check_listening(self._host)
        settings = self._receiver.settings
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", min(settings.max_body_bytes, 2**31 - 1)),
                # gRPC would decompress all of a message before it looks at its size.
                ("grpc.per_message_decompression", 0),
                ("grpc.server_handshake_timeout_ms", int(settings.header_seconds * 1000)),
                ("grpc.max_connection_idle_ms", _IDLE_SECONDS * 1000),
                ("grpc.keepalive_time_ms", _PING_SECONDS * 1000),
                ("grpc.keepalive_timeout_ms", _PING_SECONDS * 500),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
                ("grpc.max_concurrent_streams", _CALLS_A_CONNECTION),
                ("grpc.so_reuseport", 0),
            ],
            # Refused without a word on when to try again: only what our own limit does not catch.
            maximum_concurrent_rpcs=2 * settings.max_connections,
        )
        for signal, service in _SERVICES.items():
            # Bytes in, bytes out: messages are decoded in the workers. As a stream of one message,
            # which is the same to a sender, it is ours to say when the message is read.
            handler = grpc.stream_unary_rpc_method_handler(self._export(signal))
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        host = f"[{self._host}]" if ":" in self._host else self._host
        try:
            self.port = self._listen(server, f"{host}:{self.port}")
        except RuntimeError as error:
            raise PortInUseError(
                f"OTLP/gRPC can't listen on {host}:{self.port}; stop what listens there or set "
                "EVERYSPAN_OTLP_GRPC_PORT"
            ) from error
        await server.start()
        self._server = server

    def _listen(self, server: grpc.aio.Server, address: str) -> int:
        tls = tls_of(self._receiver.settings)
        if tls is None:
            return int(server.add_insecure_port(address))

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Asked before each handshake."""
            return _certificate(tls) if tls.renew() else None

        credentials = grpc.dynamic_ssl_server_credentials(_certificate(tls), changed)
        return int(server.add_secure_port(address, credentials))

    async def stop(self) -> None:
        """Finish the calls in progress."""
        if self._server is not None:
            await self._server.stop(_GRACE_SECONDS)

    def _export(self, signal: Signal) -> Callable[[AsyncIterator[bytes], Any], Awaitable[bytes]]:
        receiver = self._receiver

        async def export(
            messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
        ) -> bytes:
            metadata = {
                key: value
                for key, value in context.invocation_metadata() or ()
                if isinstance(value, str)
            }
            status = HTTPStatus.OK
            self._calls += 1
            try:
                who = self._check(context.peer(), metadata)
                receiver.check_rate(who, signal)
                held = receiver.account.open()
                message = await self._read(messages, held)
                body = Body(signal, "protobuf", _coding(message), message)
                del message
                return otlp.answer(signal, "protobuf", await receiver.receive(body, held, who))
            except Refused as refused:
                status = refused.refusal.status
                await _abort(context, refused.refusal)
                raise AssertionError("abort always raises") from refused
            finally:
                self._calls -= 1
                receiver.telemetry.requests.labels(signal, "grpc", int(status)).inc()

        return export

    def _check(self, peer: str, metadata: dict[str, str]) -> Who:
        """``peer``: as gRPC names it, 'ipv4:127.0.0.1:4711', 'ipv6:%5B::1%5D:4711'. Raises
        Refused."""
        address = unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")
        try:
            return self._gate.check(Caller(address, headers=metadata))
        except NotAllowed as refused:
            raise Refused(not_known(refused)) from refused

    async def _read(self, messages: AsyncIterator[bytes], held: Held) -> bytes:
        """The one message. How much of it has come is not to be known, so that room for the largest
        is taken first; until there is, gRPC lets the sender wait."""
        settings, account = self._receiver.settings, self._receiver.account
        if self._calls > settings.max_connections:
            raise Refused(_TOO_MANY)
        await account.until_fits(held, settings.max_body_bytes, _ROOM_SECONDS)
        found = []
        try:
            # It holds the room of the largest meanwhile.
            async with asyncio.timeout(settings.body_seconds / 3):
                async for message in messages:
                    found.append(message)
                    if len(found) > 1:
                        break
        except TimeoutError as error:
            held.release()
            raise Refused(_TOO_SLOW) from error
        except BaseException:
            held.release()
            raise
        if len(found) != 1:
            held.release()
            raise Refused(Refusal(HTTPStatus.BAD_REQUEST, "Export takes one message"))
        held.set(len(found[0]))
        return found[0]


def _certificate(tls: Tls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([tls.pem()])


def _coding(message: bytes) -> str:
    """As HTTP would say it. No export request begins with these bytes: they would be field 3 of a
    type that does not exist, and field 15."""
    if message[:2] == b"\x1f\x8b":
        return "gzip"
    return "deflate" if message[:1] == b"\x78" else ""


async def _abort(context: grpc.aio.ServicerContext[Any, Any], refusal: Refusal) -> None:
    trailing: tuple[tuple[str, bytes], ...] = ()
    if refusal.retry_after is not None:
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=refusal.retry_after)))
        status = Status(code=refusal.rpc_code, message=refusal.message, details=[detail])
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[refusal.rpc_code], refusal.message, trailing)
