"""Who may call what a service offers to commands over HTTP."""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus

from fastapi import HTTPException, Request
from pydantic import SecretStr


def check_caller(request: Request, secret: SecretStr, setting: str) -> None:
    """The token, where one is set; else only callers on this machine. ``setting``: the token's, for
    what the error says. Raises HTTPException."""
    token = secret.get_secret_value()
    if token:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
            return
        raise HTTPException(HTTPStatus.UNAUTHORIZED, f"send Authorization: Bearer with {setting}")
    try:
        here = ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        here = False
    if not here:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, f"set {setting} to call this from another machine"
        )
    # A web page can't send this across origins unasked.
    if request.method != "GET" and "json" not in request.headers.get("content-type", ""):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type application/json")
