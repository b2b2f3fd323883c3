"""Raw bytes to the OTLP/HTTP port: never a 500, and a body in the sender's encoding."""

from __future__ import annotations

import json
import re
import socket

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.fuzz.targets import BrokenPromise
from tests.fuzz.targets.otlp_body import SEEDS as BODIES
from tests.fuzz.targets.served import served

_ANSWER_SECONDS = 5.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.S)

WORDS = [
    word.encode()
    for word in (
        "POST GET PUT /v1/traces /v1/logs /v1/metrics HTTP/1.1 HTTP/1.0 \r\n \r\n\r\n"
        " content-length: transfer-encoding: chunked content-type: application/json"
        " application/x-protobuf content-encoding: gzip zstd deflate identity authorization: Bearer"
        " expect: 100-continue connection: upgrade: h2c 0\r\n\r\n ffffffffffffffff {}"
        " charset=utf-16"
    ).split(" ")
]


def _post(path: str, kind: str, body: bytes, *more: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: x", f"content-type: {kind}", *more]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


SEEDS = [
    _post("/v1/traces", "application/x-protobuf", BODIES[0][1:]),
    _post("/v1/traces", "application/json", BODIES[-2][1:]),
    _post("/v1/logs", "application/json", BODIES[-1][1:], "connection: close"),
    _post("/v1/traces", "application/json; charset=utf-8", b"{}", "content-encoding: gzip"),
    _post("/v1/metrics", "application/x-protobuf", b""),
    b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
    b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
]


def check(data: bytes) -> None:
    """Raises BrokenPromise."""
    service = served()
    answer = _exchange(service.http, data)
    for found in _STATUS.finditer(answer):
        status = int(found[1])
        if status >= 500 and status != 503:
            raise BrokenPromise(f"status {status}: {answer[:500]!r}")
    _check_encoding(data, answer)
    service.check_alive()


def _exchange(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS) as connection:
        answer = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except TimeoutError as error:
            raise BrokenPromise(
                f"the connection stays open {_ANSWER_SECONDS:g} s after the sender has ended"
            ) from error
        except OSError:
            # It may hang up on what is no HTTP.
            pass
        return answer


def _check_encoding(data: bytes, answer: bytes) -> None:
    """The answer to one whole request that is plain enough to know what was asked."""
    asked = re.match(
        rb"POST /v1/(traces|logs) HTTP/1\.1\r\nhost: x\r\ncontent-type: application/"
        rb"(json|x-protobuf)\r\ncontent-length: (\d{1,6})\r\n\r\n",
        data,
    )
    told = _STATUS.match(answer)
    if not asked or not told or len(data) != asked.end() + int(asked[3]):
        return
    body = answer[told.end() :]
    kind = re.search(rb"content-type: ([^\r]+)", told[2], re.I)
    wanted = b"application/" + asked[2]
    if not kind or kind[1] != wanted:
        raise BrokenPromise(f"asked in {wanted!r}, answered in {kind and kind[1]!r}")
    if asked[2] == b"json":
        json.loads(body)
        return
    messages = {b"traces": ExportTraceServiceResponse, b"logs": ExportLogsServiceResponse}
    try:
        (messages[asked[1]] if told[1] == b"200" else Status).FromString(body)
    except DecodeError as error:
        raise BrokenPromise(f"the answer is no message: {error}") from error
