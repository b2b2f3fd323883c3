"""Templates, and the headers that every answer of the page has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from everyspan.masking.mask import masked
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import printable
from service.caller import Caller
from service.moments import utc
from web import say

ROOM = Path(__file__).parent
STATIC = ROOM / "static"
#: See https://www.w3.org/TR/CSP3/. Nothing runs or is shown but what this service sends as a file
#: of its own; no text of a span can.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    # A form's Origin would be null without any.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_MOST_READ = 4000


class SafeHeaders:
    """Puts HEADERS on every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                have = {name.lower() for name, _ in message["headers"]}
                more = (
                    HEADERS
                    if b"cache-control" in have
                    else {**HEADERS, "cache-control": "no-store"}
                )
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in more.items()),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


_may_change: ContextVar[bool] = ContextVar("may_change", default=False)


class ForWhom:
    """Lets templates know whether the one who asks may do more than look."""

    def __init__(self, app: ASGIApp, may_change: Callable[[Caller], bool]) -> None:
        self._app = app
        self._may_change = may_change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _may_change.set(self._may_change(Caller.of(scope)))
        await self._app(scope, receive, send)


def line(text: object, most: int = 160) -> str:
    """A text of a span on one line: masked, control characters visible, cut."""
    told = _masked_line(str(text)[:_MOST_READ])
    return told if len(told) <= most else told[: most - 1] + "…"


@lru_cache(maxsize=4096)
def _masked_line(text: str) -> str:
    """Names come again and again; to mask one takes a while."""
    return printable.lines(" ".join(masked(text).split()))


def moment(at: datetime) -> Markup:
    """A time, which the script puts into the viewer's zone."""
    at = utc(at)
    if at.year < 1980:
        return Markup("–")
    return Markup('<time datetime="{0}" title="{0}">{1} UTC</time>').format(
        say.iso(at), say.clock(at, datetime.now(UTC))
    )


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "line": line,
        "moment": moment,
        "duration": say.duration,
        "money": say.money,
        "share": say.share,
        "count": say.count,
        "size": say.size,
        "plural": say.plural,
        "segment": lambda text: quote(str(text), safe=""),
    }
    made.globals["version"] = _digest()
    made.globals["may_change"] = _may_change.get
    return made


def _digest() -> str:
    """Of the static files: their addresses change with them."""
    found = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


_ENVIRONMENT = _environment()


def page(name: str, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
    """A template, filled in."""
    text = _ENVIRONMENT.get_template(f"{name}.html").render(**values)
    # A span may hold half of a character.
    return HTMLResponse(text.encode("utf-8", "replace"), status)


#: Of pages that say what is wrong.
_HEADINGS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "Not understood",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not here",
    HTTPStatus.SERVICE_UNAVAILABLE: "No answer just now",
}


def problem(status: int, told: str, heading: str = "") -> HTMLResponse:
    """What is wrong, and what to do."""
    heading = heading or _HEADINGS.get(status) or HTTPStatus(status).phrase
    return page("problem", status, told=told, heading=heading, here="")


def static(name: str) -> Response | None:
    """A file of ours, None for a name that is none."""
    kinds = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
    if name not in kinds:
        return None
    return Response(
        (STATIC / name).read_bytes(),
        media_type=kinds[name],
        headers={"cache-control": "max-age=86400"},
    )


async def in_thread(work: Callable[[], Response]) -> Response:
    """An answer that waits for others."""
    return await run_in_threadpool(work)
