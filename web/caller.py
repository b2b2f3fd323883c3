"""Who may look (a browser on this machine), and who may change something (one that was given the
key, or whose user knows the token)."""

from __future__ import annotations

import base64
import binascii
import re
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from pydantic import SecretStr

from service.caller import Caller, Gate, NotAllowed, same
from service.keys import Keys, Scope, Who
from web.key import ENTER, FILE, cookie
from web.settings import WebSettings

_READ = ("GET", "HEAD", "OPTIONS")
READ_ONLY = (
    "this browser may only look; open the address with the key that `everyspan up` (or `web`) "
    f"prints when it starts, {ENTER}?key=…; the key is in {FILE} of the data directory, too"
)

#: What a project's key opens: the scope, methods, and the whole path.
_SCOPES: tuple[tuple[Scope, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        "read",
        _READ,
        re.compile(
            r"/|/traces(\.json|/.*)?|/api/traces/[^/]+|/sessions/.*|/static/[^/]+"
            r"|/classifiers|/review/.+"
        ),
    ),
    ("review", ("POST",), re.compile(r"/review/.+")),
    ("alerts", (*_READ, "POST"), re.compile(r"/alerts(/.+)?")),
)


class WebGate(Gate):
    """A browser shows the token as the password of basic authentication, and from then on sends it
    whoever asks it to; so it does with the key's cookie. So what changes something must come from a
    page of ours. ``key``: asked for where there is no token. ``keys``: of projects, each shown as
    the token is."""

    def __init__(self, settings: WebSettings, key: SecretStr, keys: Keys | None = None) -> None:
        super().__init__(
            "web",
            "EVERYSPAN_WEB_TOKEN",
            settings.web_token,
            settings.host_names,
            how=", or give it as the password in a browser",
            keys=keys,
            scope_of=_scope,
        )
        self._key, self._cookie = key, cookie(key)

    def check(self, caller: Caller) -> Who:
        try:
            who = super().check(caller)
        except NotAllowed as refused:
            if refused.status == HTTPStatus.UNAUTHORIZED:
                refused.challenge = 'Bearer, Basic realm="Everyspan", charset="UTF-8"'
            raise
        if caller.method in _READ or self._is_program(caller, who):
            return who
        caller.check_site()
        if "origin" not in caller.headers and "sec-fetch-site" not in caller.headers:
            raise NotAllowed(
                HTTPStatus.FORBIDDEN,
                "send the header Origin, as browsers do, or 'Authorization: Bearer "
                "<EVERYSPAN_WEB_TOKEN>'",
            )
        if not self.may_change(caller):
            raise NotAllowed(HTTPStatus.FORBIDDEN, READ_ONLY)
        return who

    def _is_program(self, caller: Caller, who: Who) -> bool:
        """Whether it shows the token or a key in a header that no browser sends by itself."""
        sent = super().given(caller)
        return bool(sent) and (who.secret in sent or any(same(self._token, each) for each in sent))

    def may_change(self, caller: Caller) -> bool:
        """Whether it may do more than look, on this page."""
        try:
            who = self.key_of(caller)
        except NotAllowed:
            return False
        if who is not None:
            return who.may("alerts" if caller.path.startswith("/alerts") else "review")
        return self.shows_token(caller) or self.is_key(_cookie(caller, self._cookie))

    def is_key(self, given: str) -> bool:
        """Whether it is the page's key; False where the page has none."""
        return same(self._key, given)

    def given(self, caller: Caller) -> list[str]:
        return [*super().given(caller), *filter(None, [_password(caller)])]


def _scope(caller: Caller) -> Scope | None:
    for scope, methods, path in _SCOPES:
        if caller.method in methods and path.fullmatch(caller.path):
            return scope
    return None


def _password(caller: Caller) -> str:
    """Of basic authentication, '' where there is none."""
    kind, _, given = caller.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode("latin-1").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _cookie(caller: Caller, name: str) -> str:
    """A cookie, '' where there is none. One of another's making takes ours with it."""
    for each in caller.headers.get("cookie", "").split(";"):
        try:
            found = SimpleCookie(each.strip())
        except CookieError:
            continue
        if name in found:
            return found[name].value
    return ""
