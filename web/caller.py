"""Who may look: a browser on this machine, or one whose user knows the token."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from service.caller import Caller, Gate, NotAllowed, same
from web.settings import WebSettings


class WebGate(Gate):
    """A browser shows the token as the password of basic authentication, and from then on sends it
    whoever asks it to: so what changes something must come from a page of ours."""

    def __init__(self, settings: WebSettings) -> None:
        super().__init__(
            "web",
            "EVERYSPAN_WEB_TOKEN",
            settings.web_token,
            settings.host_names,
            how=", or give it as the password in a browser",
        )

    def check(self, caller: Caller) -> None:
        try:
            super().check(caller)
        except NotAllowed as refused:
            if refused.status == HTTPStatus.UNAUTHORIZED:
                refused.challenge = 'Bearer, Basic realm="Everyspan", charset="UTF-8"'
            raise
        if super().shows_token(caller) or caller.method in ("GET", "HEAD", "OPTIONS"):
            return
        caller.check_site()
        if "origin" not in caller.headers and "sec-fetch-site" not in caller.headers:
            raise NotAllowed(
                HTTPStatus.FORBIDDEN,
                "send the header Origin, as browsers do, or 'Authorization: Bearer "
                "<EVERYSPAN_WEB_TOKEN>'",
            )

    def shows_token(self, caller: Caller) -> bool:
        return super().shows_token(caller) or same(self._token, _password(caller))


def _password(caller: Caller) -> str:
    """Of basic authentication, '' where there is none."""
    kind, _, given = caller.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode("latin-1").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
