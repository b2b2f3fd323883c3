"""Who may call a service: one rule for every route of every service.

- /healthz and /readyz answer everybody.
- Whoever shows the token may call everything.
- A project's key opens the routes that its scopes name, and no other; a text that looks like a key
  and is none, or no longer, opens nothing, wherever it comes from.
- Where no token is set, programs on this machine may call, and nobody else can: without a token a
  service listens on loopback only. /metrics answers them even where a token is set.

A web page can make its visitor's browser call 127.0.0.1 for it. So a caller without the token must
name this machine (Host: a page of another name that leads here has rebound it) and must not come
from another site's page (Origin, Sec-Fetch-Site). No CORS header is ever sent.

What proxies say of the caller (X-Forwarded-For and its like) makes nobody a caller on this machine;
it only shows that one is not.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from service.errors import UserError
from service.keys import OPERATOR, Keys, KeysUnknownError, NoKeys, Scope, Who, is_key

#: Paths that tell no more than whether the service is well.
FREE = frozenset(("/healthz", "/readyz"))
#: Which keys there are may be known by then.
RETRY_SECONDS = 2
#: Paths that programs on this machine may ask for where a token is set, too.
_LOCAL = frozenset(("/metrics",))
_FORWARDED = frozenset(
    ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "true-client-ip", "via")
)

#: A media type of JSON; a page can send text/plain unasked, whatever its parameters say.
_JSON = re.compile(r"\s*application/([\w.+-]+\+)?json\s*(;|$)", re.IGNORECASE)


class NotAllowed(Exception):
    """The text is for the caller. ``status``: 401, 403, 415, or 503 where it can't be known yet.
    ``challenge``: how to show who one is, with 401."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.challenge = "Bearer"

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return {"retry-after": str(RETRY_SECONDS)}
        return (
            {"www-authenticate": self.challenge} if self.status == HTTPStatus.UNAUTHORIZED else {}
        )


class ExposedError(UserError):
    """A service would listen to others without knowing who they are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """``peer``: address of the other end of the connection, '' where it has none. ``headers``: by
    lower-case name; several of one name are one text with commas, which no check takes."""

    peer: str
    method: str = "POST"
    path: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> Caller:
        """From an ASGI scope of HTTP."""
        headers: dict[str, str] = {}
        for raw, value in scope["headers"]:
            name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        client = scope.get("client")
        return cls(
            client[0] if client else "",
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            headers,
        )

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the connection comes from here, and from no proxy here."""
        return _is_loopback(self.peer) and not self.headers.keys() & _FORWARDED

    def check_site(self) -> None:
        """Refuses what a browser sends for another site's page. Raises NotAllowed."""
        origin = self.headers.get("origin", "")
        foreign = origin and _authority(origin) != self.headers.get("host", "").lower()
        if foreign or self.headers.get("sec-fetch-site", "") in ("cross-site", "same-site"):
            raise NotAllowed(
                HTTPStatus.FORBIDDEN, "requests from another site's page are not answered"
            )

    def check_host(self, allowed: frozenset[str]) -> None:
        """Refuses a Host that is not this machine's. HTTP/1.0 may have none. Raises NotAllowed."""
        given = self.headers.get("host", "")
        host = _hostname(given)
        local = host == "localhost" or host.endswith(".localhost") or _is_loopback(host)
        if given and not local and host not in allowed:
            raise NotAllowed(
                HTTPStatus.FORBIDDEN,
                f"host name '{host[:80]}' is not served here; use localhost or 127.0.0.1, show the "
                "service's token, or name it in EVERYSPAN_ALLOWED_HOSTS",
            )


#: The scope that a key needs for what a caller asks; None where no key will do.
ScopeOf = Callable[[Caller], Scope | None]


def _none(_: Caller) -> Scope | None:
    return None


class Gate:
    """``service``: its name. ``setting``: the token's, which errors name. ``allowed_hosts``: as
    EVERYSPAN_ALLOWED_HOSTS. ``how``: more words on how its callers send the token. ``json_only``:
    its bodies are JSON, a type that no page can send across sites unasked. ``keys``: of projects;
    ``scope_of``: what they open, nothing unless it is said."""

    def __init__(
        self,
        service: str,
        setting: str,
        token: SecretStr,
        allowed_hosts: frozenset[str] = frozenset(),
        *,
        how: str = "",
        json_only: bool = False,
        keys: Keys | None = None,
        scope_of: ScopeOf = _none,
    ) -> None:
        self.service = service
        self._setting = setting
        self._token = token
        self._allowed_hosts = allowed_hosts
        self._how = how
        self._json_only = json_only
        self._keys = keys or NoKeys()
        self._scope_of = scope_of

    def check(self, caller: Caller) -> Who:
        """Who it is. Raises NotAllowed."""
        if caller.path in FREE or self.shows_token(caller):
            return OPERATOR
        if who := self.key_of(caller):
            self.check_scope(caller, who)
            return who
        if not self._token.get_secret_value():
            self.check_local(caller)
        elif caller.path not in _LOCAL or not self._is_local(caller):
            raise NotAllowed(
                HTTPStatus.UNAUTHORIZED,
                "the bearer token is missing or wrong; send the header 'Authorization: Bearer "
                f"<{self._setting}>'{self._how}",
            )
        return OPERATOR

    def key_of(self, caller: Caller) -> Who | None:
        """Whose key it shows; None where it shows none. Raises NotAllowed for what has the form of
        a key and is none, or no longer."""
        shown = [text for text in self.given(caller) if is_key(text)]
        try:
            for text in shown:
                if key := self._keys.find(text):
                    return Who(key, text)
        except KeysUnknownError as error:
            raise NotAllowed(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        if shown:
            raise NotAllowed(
                HTTPStatus.UNAUTHORIZED,
                f"the key {shown[0][:11]}… is not known here, or was revoked; "
                "`everyspan key list` shows those that hold",
            )
        return None

    def check_scope(self, caller: Caller, who: Who) -> None:
        """Whether the key opens what is asked for. Raises NotAllowed."""
        scope = self._scope_of(caller)
        if scope is None:
            raise NotAllowed(
                HTTPStatus.FORBIDDEN,
                f"no project's key opens this: it concerns all projects. Send {self._setting}",
            )
        if not who.may(scope):
            assert who.key is not None
            raise NotAllowed(
                HTTPStatus.FORBIDDEN,
                f"the key {who.key.id} has no scope '{scope}'; make one that has it with "
                f"`everyspan key create {who.key.project or 'default'} --scope {scope}`",
            )

    def check_local(self, caller: Caller) -> None:
        """Whether it is a program on this machine, by itself. Raises NotAllowed."""
        if not caller.is_on_this_machine:
            raise NotAllowed(
                HTTPStatus.FORBIDDEN,
                f"only programs on the service's own machine may call this; set {self._setting} "
                "there, and send it as 'Authorization: Bearer …'",
            )
        caller.check_host(self._allowed_hosts)
        caller.check_site()
        typed = _JSON.match(caller.headers.get("content-type", ""))
        if self._json_only and caller.method not in ("GET", "HEAD") and not typed:
            raise NotAllowed(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type application/json"
            )

    def may_see_reasons(self, caller: Caller) -> bool:
        """Whether /readyz tells why not: a reason quotes errors, which are not for everybody."""
        return self.shows_token(caller) or self._is_local(caller)

    def shows_token(self, caller: Caller) -> bool:
        """Whether it sends the token."""
        return any(same(self._token, text) for text in self.given(caller))

    def given(self, caller: Caller) -> list[str]:
        """What it shows to say who it is: tokens, keys, or anything else."""
        kind, _, text = caller.headers.get("authorization", "").partition(" ")
        return [text.strip()] if kind.lower() == "bearer" else []

    def check_listening(self, host: str) -> None:
        """Refuse to listen to others without knowing who they are. Raises ExposedError."""
        if host != "localhost" and not _is_loopback(host) and not self.has_secret:
            raise ExposedError(
                f"{self.service} would listen on {host} for everybody; set {self.remedy}, or "
                "EVERYSPAN_HOST=127.0.0.1"
            )

    @property
    def has_secret(self) -> bool:
        """Whether a caller from elsewhere can show who it is."""
        return bool(self._token.get_secret_value())

    @property
    def remedy(self) -> str:
        """The setting that gives it one."""
        return self._setting

    def _is_local(self, caller: Caller) -> bool:
        try:
            self.check_local(caller)
        except NotAllowed:
            return False
        return True


def same(secret: SecretStr, given: str) -> bool:
    """Compared in constant time; False without a secret. ``given``: a header's text, Latin-1."""
    expected = secret.get_secret_value()
    return bool(expected) and hmac.compare_digest(
        given.encode("latin-1", "replace"), expected.encode()
    )


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _hostname(authority: str) -> str:
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
