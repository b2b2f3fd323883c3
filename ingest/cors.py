"""Browsers that may send: EVERYSPAN_CORS_ORIGINS names the sites whose pages do.

A page of such a site counts as a program of its own: where no token is set, it must still be on
this machine, and where one is set, it must send it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAID_BY_BROWSERS = frozenset((b"origin", b"sec-fetch-site"))
_A_DAY = "86400"


class Cors:
    """ASGI in front of ``app``. ``origins``: ``https://app.example.org``, or ``*`` for all."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin") if scope["type"] == "http" else ""
        if not origin or not ("*" in self._origins or origin in self._origins):
            await self._app(scope, receive, send)
            return
        allowed = {"access-control-allow-origin": origin, "vary": "Origin"}
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            asked = _header(scope, b"access-control-request-headers")
            allowed |= {
                "access-control-allow-methods": "POST",
                "access-control-allow-headers": asked or "content-type",
                "access-control-max-age": _A_DAY,
            }
            await Response(status_code=HTTPStatus.NO_CONTENT, headers=allowed)(scope, receive, send)
            return
        kept = [pair for pair in scope["headers"] if pair[0].lower() not in _SAID_BY_BROWSERS]
        await self._app({**scope, "headers": kept}, receive, _with(send, allowed))


def _header(scope: Scope, name: bytes) -> str:
    return next((v.decode("latin-1") for k, v in scope["headers"] if k.lower() == name), "")


def _with(send: Send, headers: dict[str, str]) -> Callable[[Message], Awaitable[None]]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *raw]}
        await send(message)

    return sending
