"""HTTP connections that can't be held open for nothing.

uvicorn's protocol has a time limit for idle connections only, closes at once after an answer that
comes before the end of the body (which the sender sees as a reset, in place of the answer), and
keeps headers of any length. See RFC 9112, section 9.6, for why a server reads on before it closes.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

log = logging.getLogger(__name__)

#: Connections over the limit that are still answered, with 503; the next are closed.
_SURPLUS = 64
_UNREAD_SECONDS = 60.0
#: After an answer to what is too slow, or no HTTP at all.
_SHORT_DRAIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Of one site. Seconds and bytes.

    ``connections``: over it, the one that has waited longest without a request is closed; where
    all have one, the new one is answered 503. ``header_seconds``: from the connection, or the first
    byte, to the end of the headers. ``idle_seconds``: between requests. ``stall_seconds``: without
    a byte of a body. A body of n bytes may take ``body_seconds`` + n / ``body_rate``; slower ones
    are answered ``slow_status``. ``body_bytes``: where the application has no limit of its own.
    ``drain_bytes``, ``drain_seconds``: what is read and dropped of a body that was answered before
    its end.
    """

    connections: int = 1024
    header_seconds: float = 10.0
    header_bytes: int = 64 << 10
    idle_seconds: int = 20
    stall_seconds: float = 10.0
    body_seconds: float = 30.0
    body_rate: int = 1 << 20
    body_bytes: int = 64 << 20
    slow_status: HTTPStatus = HTTPStatus.REQUEST_TIMEOUT
    drain_bytes: int = 256 << 20
    drain_seconds: float = 30.0


class Waiting(dict["LimitedProtocol", None]):
    """Connections of a site that have no request at the moment, the longest waiting first."""


class LimitedProtocol(HttpToolsProtocol):
    """``sweep`` must be called about once a second: one timer for all connections."""

    def __init__(
        self, *args: Any, limits: ConnectionLimits, waiting: Waiting, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._waiting = waiting
        #: When the present phase began: waiting, receiving a body, draining.
        self._since = self._last_data = self._last_sent = self.loop.time()
        #: Bytes since the parser last made something of them.
        self._unparsed = 0
        self._unsent = 0
        self._received = 0
        #: Headers are complete and the body is not.
        self._receiving = False
        #: Answered; what comes is dropped.
        self._draining = False
        #: Nothing more can be sent.
        self.half_closed = False
        self._drained = 0
        self._drain_seconds = limits.drain_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        over = len(self.connections) - self._limits.connections
        if over > 0 and self._waiting:
            next(iter(self._waiting))._close()
        elif over > _SURPLUS:
            transport.abort()
            return
        self._waiting[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._last_data = now = self.loop.time()
        if self._draining:
            self._drained += len(data)
            if self._drained > self._limits.drain_bytes:
                self.transport.abort()
                return
            if not self._receiving:
                return
        elif not self._unparsed and not self._receiving:
            self._since = now
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > self._limits.header_bytes and not self.transport.is_closing():
            limit = self._limits.header_bytes
            if self._receiving:
                self._refuse(HTTPStatus.BAD_REQUEST, f"over {limit} bytes between pieces of a body")
            else:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"headers are over {limit} bytes"
                )

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after a body are trailers, which nobody asks for.
        if not self._receiving:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._waiting.pop(self, None)
        self._unparsed = self._received = 0
        self._receiving = True
        self._since = self.loop.time()
        super().on_headers_complete()
        # It closes through us.
        if self.cycle is not None:
            self.cycle.transport = _Closing(self.transport, self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        if self._draining:
            return
        self._received += len(body)
        super().on_body(body)
        if self._received > self._limits.body_bytes:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is over {self._limits.body_bytes} bytes",
            )

    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._receiving = False
        if not self._draining:
            super().on_message_complete()
        elif self.half_closed:
            self.transport.close()
        else:
            self._draining = False
            self._wait()

    def on_response_complete(self) -> None:
        if self.half_closed or self.transport.is_closing():
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._receiving and self.cycle.response_complete:
            self._drain()
        elif self.cycle.response_complete:
            self._wait()

    def sweep(self, now: float) -> None:
        """Close what has taken too long. ``now``: the loop's time."""
        limits = self._limits
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._last_sent = unsent, now
        elif now - self._last_sent > _UNREAD_SECONDS:
            self.transport.abort()
            return
        if self.transport.is_closing():
            return
        since, silent = now - self._since, now - self._last_data
        if self._draining:
            if since > self._drain_seconds or silent > limits.stall_seconds:
                self.transport.close()
        elif self._receiving:
            if self.flow.read_paused:
                # Not the sender's time.
                self._since += now - max(self._last_data, self._since)
                self._last_data = now
            elif silent > limits.stall_seconds:
                self._too_slow(f"nothing of it came for {limits.stall_seconds:g} s")
            elif since > limits.body_seconds + self._received / limits.body_rate:
                self._too_slow(f"{self._received} bytes came in {since:.0f} s")
        elif self.cycle is None or self.cycle.response_complete:
            if self.cycle is not None and not self._unparsed:
                if since > limits.idle_seconds + 1:
                    self.transport.close()
            elif since > limits.header_seconds:
                if self._unparsed:
                    self._refuse(
                        HTTPStatus.REQUEST_TIMEOUT,
                        f"the headers took longer than {limits.header_seconds:g} s",
                    )
                else:
                    self.transport.close()

    def shutdown(self) -> None:
        if self.half_closed:
            self.transport.close()
        else:
            super().shutdown()

    def finish(self) -> None:
        """Close, once the sender has had the chance to read the answer: while there is more to come
        from it, closing would reset the connection and the answer would be lost."""
        if self._receiving and not self.half_closed:
            self._half_close()
        else:
            self.transport.close()

    def _too_slow(self, why: str) -> None:
        self._refuse(
            self._limits.slow_status, f"the body comes too slowly ({why}); send smaller ones"
        )

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer in place of the application, which is told that the sender has gone."""
        if self.half_closed:
            self.transport.abort()
            return
        cycle = self.cycle if self._receiving else None
        if cycle is None or not cycle.response_started:
            body = f"{text}\n".encode()
            headers = [
                *self.server_state.default_headers,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                headers.append((b"retry-after", b"1"))
            lines = b"".join(b"%s: %s\r\n" % header for header in headers)
            self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        # Its parser has failed or holds too much: what comes now is only counted.
        self._receiving = False
        if status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self._drain_seconds = _SHORT_DRAIN_SECONDS
        self._half_close()

    def _half_close(self) -> None:
        self.half_closed = True
        self._waiting.pop(self, None)
        self._unset_keepalive_if_required()
        self._drain()
        self.flow.resume_reading()
        try:
            if self.transport.can_write_eof():
                self.transport.write_eof()
        except OSError:
            # Whoever sent has gone meanwhile, and the answer met a connection that was reset.
            self.transport.abort()

    def _drain(self) -> None:
        self._draining = True
        self._drained = 0
        self._since = self._last_data = self.loop.time()

    def _wait(self) -> None:
        self._since = self.loop.time()
        self._waiting[self] = None

    def _close(self) -> None:
        self._waiting.pop(self, None)
        self.transport.close()


class _Closing:
    """What a request sees of its connection's transport."""

    __slots__ = ("_protocol", "_transport")

    def __init__(self, transport: asyncio.Transport, protocol: LimitedProtocol) -> None:
        self._transport = transport
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        if not self._protocol.half_closed:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._protocol.finish()
