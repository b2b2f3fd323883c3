"""A local endpoint for model calls: the record answers the first ones, the rest is passed on.

OpenAI- and Anthropic-compatible, streaming included. The agent finds it by `OPENAI_BASE_URL` and
`ANTHROPIC_BASE_URL`, or by `everyspan.replay.model_url`. It listens on loopback only, and answers
those alone who know the token that its address begins with: other users and pages in a browser
reach loopback too.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from everyspan.replay.errors import ReplayError, ReplayStopped
from everyspan.replay.http_client import opener
from everyspan.replay.model_calls import ModelCalls, error_of
from everyspan.replay.record import Step
from everyspan.replay.wire import Api, api_of, sse

#: Variable that agents read, and where their calls go without it.
VARIABLES = {
    "OPENAI_BASE_URL": "https://api.openai.com/v1",
    "OPENAI_API_BASE": "https://api.openai.com/v1",
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com",
    "ANTHROPIC_API_URL": "https://api.anthropic.com",
}
_SECONDS = 600
_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailers transfer-encoding"
    " upgrade host content-length accept-encoding content-encoding".split()
)


class Endpoint:
    """The endpoint on a port of its own, in a thread. Use with `with`."""

    def __init__(self) -> None:
        endpoint = self

        class Handler(_Handler):
            owner = endpoint

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._upstreams: list[str] = []
        self._token = secrets.token_urlsafe(32)
        self.calls: ModelCalls | None = None
        #: Told the id of each recorded answer that is given, to mark its span.
        self.on_answer: Callable[[str, Step], None] = lambda identity, step: None
        self.live_tokens = 0
        self.live_calls = 0
        self.counting = threading.Lock()

    def begin(self, calls: ModelCalls) -> None:
        """A new run."""
        self.calls = calls
        self.live_tokens = self.live_calls = 0

    @property
    def host(self) -> str:
        """Host and port, as its callers have them in their Host header."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, base: str) -> str:
        """The address that stands for `base`. Raises ReplayError for one that is not HTTP."""
        base = base.rstrip("/")
        if not base.startswith(("http://", "https://")):
            raise ReplayError(f"{base!r} is no http(s) address of a model such as https://host/v1")
        if base not in self._upstreams:
            self._upstreams.append(base)
        number = self._upstreams.index(base)
        return f"http://{self.host}/{self._token}/{number}{urlsplit(base).path}"

    def knows(self, path: str) -> bool:
        """Whether the path begins with the token."""
        given = path.lstrip("/").partition("/")[0]
        return hmac.compare_digest(given.encode(), self._token.encode())

    def upstream(self, path: str) -> str | None:
        """Where a request to this path goes on to."""
        number, _, rest = path.lstrip("/").partition("/")[2].partition("/")
        if not number.isdecimal() or int(number) >= len(self._upstreams):
            return None
        parts = urlsplit(self._upstreams[int(number)])
        return f"{parts.scheme}://{parts.netloc}/{rest}"

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def variables(endpoint: Endpoint, environ: dict[str, str] | None = None) -> dict[str, str]:
    """Environment that leads agents to the endpoint, and from there to where they went before."""
    now = os.environ if environ is None else environ
    found = {}
    for name, default in VARIABLES.items():
        same = "OPENAI_BASE_URL" if name == "OPENAI_API_BASE" else "ANTHROPIC_BASE_URL"
        if name in ("OPENAI_API_BASE", "ANTHROPIC_API_URL") and name not in now:
            continue
        found[name] = endpoint.url(now.get(name) or now.get(same) or default)
    # The endpoint is on this machine, wherever the model is.
    for name in ("NO_PROXY", "no_proxy"):
        held = now.get(name, "")
        found[name] = f"{held},127.0.0.1" if held else "127.0.0.1"
    return found


class _Handler(BaseHTTPRequestHandler):
    owner: Endpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        if (upstream := self._allowed()) is None:
            return
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        api, calls = api_of(upstream), self.owner.calls
        body = _object(raw)
        if api is None or calls is None or body is None:
            self._pass_on(upstream, raw, None)
            return
        try:
            recorded = calls.decide(api.spoken(body))
            if recorded is not None:
                self._answer(api, recorded, body)
                return
            changed = calls.changed(api, body, calls.is_first())
        except (ReplayStopped, ReplayError) as stop:
            # 400: SDKs don't try this again.
            self._json(400, _error(f"everyspan replay: {stop}"))
            return
        self._pass_on(upstream, raw if changed is body else json.dumps(changed).encode(), api)

    def do_GET(self) -> None:
        if (upstream := self._allowed()) is not None:
            self._pass_on(upstream, None, None)

    def _allowed(self) -> str | None:
        """Where the request goes on to; None for one that is answered already."""
        upstream = None
        if self.headers.get("Host") != self.owner.host:
            # A name that somebody's DNS leads to this machine.
            self._refuse(403, "this is no address of the replay")
        elif not self.owner.knows(self.path):
            self._refuse(401, "the address begins with no token of this replay")
        elif (upstream := self.owner.upstream(self.path)) is None:
            self._refuse(404, "no such path")
        return upstream

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True  # what was sent is not read
        self._json(status, _error(f"everyspan replay: {why}"), {"Connection": "close"})

    def _answer(self, api: Api, recorded: Step, body: dict[str, Any]) -> None:
        if recorded.status == "error":
            status, error = error_of(recorded)
            self._json(status, error, {"x-should-retry": "false"})
            return
        answer = api.answer(recorded, body)
        self.owner.on_answer(str(answer["id"]), recorded)
        if not body.get("stream"):
            self._json(200, answer)
            return
        self._begin(200, {"Content-Type": "text/event-stream; charset=utf-8"}, None)
        for event in api.events(answer, body):
            self._chunk(event)
        self._chunk(b"")

    def _pass_on(self, upstream: str, raw: bytes | None, api: Api | None) -> None:
        request = urllib.request.Request(upstream, data=raw, method=self.command)  # noqa: S310
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                request.add_header(name, value)
        try:
            answer = opener(upstream).open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError as error:
            reason = getattr(error, "reason", error)
            why = f"everyspan replay: {upstream} does not answer: {reason}"
            self._json(502, _error(why), {"x-should-retry": "false"})
            return
        with answer:
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            length = answer.headers.get("Content-Length")
            self._begin(answer.status, headers, length)
            kept = bytearray()
            while piece := answer.read1(65536):
                kept += piece
                if length is None:
                    self._chunk(piece)
                else:
                    self.wfile.write(piece)
            if length is None:
                self._chunk(b"")
        if api is not None and answer.status == 200:
            self._count(api, bytes(kept), headers)

    def _count(self, api: Api, kept: bytes, headers: dict[str, str]) -> None:
        kind = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
        streamed = "event-stream" in kind
        whole = api.joined(sse.parsed(kept)) if streamed else _object(kept)
        with self.owner.counting:
            self.owner.live_calls += 1
            self.owner.live_tokens += sum(api.usage(whole or {}))

    def _begin(self, status: int, headers: dict[str, str], length: str | None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", length)
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self._begin(status, {"Content-Type": "application/json", **(headers or {})}, str(len(data)))
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the replay prints its own report."""


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _error(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"message": message, "type": "everyspan_replay"}}
