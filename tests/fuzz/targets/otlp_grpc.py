"""The OTLP/gRPC port. First byte: raw bytes on the connection, or a message to a service."""

from __future__ import annotations

import socket
from functools import cache

import grpc

from tests.fuzz.targets import BrokenPromise
from tests.fuzz.targets.otlp_body import SEEDS as BODIES
from tests.fuzz.targets.served import served

_SERVICE = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"
_METHODS = (
    _SERVICE.format("trace", "Trace"),
    _SERVICE.format("logs", "Logs"),
    _SERVICE.format("metrics", "Metrics"),
    "/opentelemetry.proto.collector.trace.v1.TraceService/None",
)
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_OK = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)

WORDS = [_PREFACE, _SETTINGS, b"\x00\x00\x00\x00\x00", b"\x82\x86\x84", b"grpc-encoding", b"gzip"]
SEEDS = [
    b"\x00" + _PREFACE + _SETTINGS,
    b"\x00" + _PREFACE + _SETTINGS + b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678",
    b"\x00" + _PREFACE + _SETTINGS + b"\x00\x00\x03\x01\x04\x00\x00\x00\x01\x82\x86\x84",
    b"\x01" + BODIES[0][1:],
    b"\x02" + BODIES[0][1:],
    b"\x03",
]


@cache
def _channel() -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{served().grpc}")


def check(data: bytes) -> None:
    """Raises BrokenPromise."""
    if not data:
        return
    service = served()
    if data[0] % 4 == 0:
        _raw(service.grpc, data[1:])
        # Whatever was on that connection, others are served.
        _call(_METHODS[2], b"")
    else:
        _call(_METHODS[(data[0] >> 2) % len(_METHODS)], data[1:])
    service.complaints.check()


def _raw(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(0.05)
            connection.recv(65536)
        except OSError:
            pass


def _call(method: str, message: bytes) -> None:
    try:
        _channel().unary_unary(method)(message, timeout=20)
    except grpc.RpcError as error:
        if error.code() not in _OK:
            raise BrokenPromise(f"{error.code()}: {error.details()}") from error
