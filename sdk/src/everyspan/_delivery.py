"""How the endpoint answers: told once in a line of its own, and how long the exit waits for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from everyspan import _notices, versions

logger = logging.getLogger("everyspan")

#: Seconds without an answer after which the exit waits no more: EVERYSPAN_EXIT_SECONDS.
EXIT_SECONDS = 5.0
#: The same where nobody listens: enough for one more try.
UNREACHABLE_SECONDS = 1.0
#: The longest exit, however many batches are acknowledged meanwhile.
LONGEST_EXIT = 30.0
#: An endpoint that comes and goes is told of once in so many seconds.
AGAIN_SECONDS = 60.0

#: Loggers of OpenTelemetry's exporters: a warning for each try, an error for each batch.
_EXPORTERS = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.common.http",
)


def exit_seconds(environ: Mapping[str, str] = os.environ) -> float:
    """EVERYSPAN_EXIT_SECONDS. Raises ValueError for what is no number from 0 up."""
    given = environ.get("EVERYSPAN_EXIT_SECONDS", "").strip()
    if not given:
        return EXIT_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise ValueError(
            f"everyspan.init: EVERYSPAN_EXIT_SECONDS={given!r}; give a number of seconds, 0 or more"
        )
    return seconds


class Delivery:
    """What is known of the endpoint. `endpoint`: as people write it, without `/v1/traces`."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        self.endpoint = endpoint
        self._seconds = seconds
        self._unreachable = False
        self._answered_at = 0.0  # monotonic, as are the others
        self._closing_since: float | None = None
        self._told: tuple[str, float] | None = None
        self._compared = False
        self._lock = threading.Lock()

    def trying(self) -> None:
        """A request is on its way: what the last one met says nothing about it."""
        with self._lock:
            self._unreachable = False

    def answered(self, status: int) -> None:
        with self._lock:
            self._unreachable = False
            if status < 400:
                self._answered_at = time.monotonic()
                if self._told and time.monotonic() - self._told[1] > AGAIN_SECONDS:
                    self._told = None
                return
        self._tell(f"answered {status}", _remedy(status))

    def compare(self, headers: Mapping[str, str]) -> None:
        """Whether the server's version, in its first answer, fits the SDK's. Said once."""
        with self._lock:
            if self._compared:
                return
            self._compared = True
        if said := versions.misfit(headers):
            _notices.say(said)

    def failed(self, error: Exception) -> None:
        """No answer: `error` is what requests raised."""
        waiting = isinstance(error, requests.Timeout) and not isinstance(
            error, requests.ConnectTimeout
        )
        with self._lock:
            self._unreachable = not waiting
        reason, remedy = _reason(error)
        self._tell("does not answer" if waiting else f"can't be reached ({reason})", remedy)

    def _tell(self, what: str, remedy: str) -> None:
        with self._lock:
            if self._told is not None and self._told[0] == what:
                return
            self._told = (what, time.monotonic())
        _notices.say(f"spans are not arriving: {self.endpoint} {what}; {remedy}")

    def worth_waiting(self) -> bool:
        """Asked again and again by who ends export: whether to wait on.

        The time begins with the first question, for spans and log records together, and anew with
        each batch that is acknowledged: a slow endpoint loses nothing.
        """
        now = time.monotonic()
        with self._lock:
            if self._closing_since is None:
                self._closing_since = now
            began = self._closing_since
            allowed = (
                min(UNREACHABLE_SECONDS, self._seconds) if self._unreachable else self._seconds
            )
            return now - max(began, self._answered_at) < allowed and now - began < LONGEST_EXIT

    def gave_up(self) -> None:
        """The exit waits no longer. Said once, unless it is known why by now."""
        with self._lock:
            if self._told is not None:
                return
            self._told = ("gave up", time.monotonic())
            slow = self._closing_since is not None and self._answered_at > self._closing_since
        what = (
            "did not take them all in time"
            if slow
            else f"did not answer within {self._seconds:g} s"
        )
        _notices.say(
            f"the last spans did not arrive: {self.endpoint} {what};"
            " EVERYSPAN_EXIT_SECONDS is how long the exit waits for an answer"
        )


#: What to do where nothing is known that would help more.
_START = (
    "start it with `everyspan up`, or name another with init(endpoint=…) or "
    "OTEL_EXPORTER_OTLP_ENDPOINT"
)
_CLOSED = "where it has a certificate, its address begins with https://; else see its log"
#: What an error of the socket says, in our words, and what to do.
_REASONS = (
    ("NameResolutionError", "its name is not known", _START),
    ("Connection refused", "connection refused", _START),
    ("actively refused", "connection refused", _START),
    ("timed out", "it timed out", _START),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted",
        "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of who signed it",
    ),
    ("WRONG_VERSION_NUMBER", "it speaks no TLS", "its address begins with http://"),
    ("Remote end closed connection", "it closed the connection", _CLOSED),
    ("ConnectionResetError", "it closed the connection", _CLOSED),
    ("unreachable", "no route to it", _START),
)


def _reason(error: Exception) -> tuple[str, str]:
    """The words at the bottom of what requests and urllib3 wrap around an error of the socket, and
    what to do."""
    text = str(error)
    for known, words, remedy in _REASONS:
        if known in text:
            return words, remedy
    cause: Any = error
    while (inner := cause.__cause__ or getattr(cause, "reason", None)) and inner is not cause:
        cause = inner
    return f"{type(cause).__name__}: {cause}"[:120], _START


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "give its token with init(token=…) or EVERYSPAN_INGEST_TOKEN"
    if status in (404, 405):
        return "is it the base address of OTLP/HTTP, such as http://127.0.0.1:4318?"
    if status == 413:
        return "a batch is too large for it: set OTEL_BSP_MAX_EXPORT_BATCH_SIZE lower"
    if status in (429, 502, 503, 504):
        return "they are sent again for some seconds, then dropped"
    return "the batch is dropped"


class WatchedSession(requests.Session):
    """Tells `Delivery` of every answer and every failure, before the exporter tries again."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__()
        self._delivery = delivery

    def request(self, *args: Any, **options: Any) -> requests.Response:
        self._delivery.trying()
        try:
            response = super().request(*args, **options)
        except requests.RequestException as error:
            self._delivery.failed(error)
            raise
        self._delivery.answered(response.status_code)
        if response.ok:
            self._delivery.compare(response.headers)
        return response


def session(delivery: Delivery, environ: Mapping[str, str] = os.environ) -> WatchedSession | None:
    """None where the exporter is told to take its session from a credential provider."""
    if any(name.endswith("_CREDENTIAL_PROVIDER") for name in environ if name.startswith("OTEL_")):
        return None
    return WatchedSession(delivery)


_ours = threading.local()


class _OnlyOthers(logging.Filter):
    """Drops what the exporters log on a thread that sends for us: `Delivery` said it already."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(_ours, "sending", False):
            logger.debug("%s: %s", record.name, record.getMessage())
            return False
        return True


_only_others = _OnlyOthers()


@contextmanager
def unheard() -> Iterator[None]:
    """Around an export of ours."""
    for name in _EXPORTERS:
        logging.getLogger(name).addFilter(_only_others)  # once, however often it is called
    _ours.sending = True
    try:
        yield
    finally:
        _ours.sending = False


def base(url: str) -> str:
    """The endpoint of a signal's URL, as people write it; no user and password of it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.removesuffix('/v1/traces')}"
