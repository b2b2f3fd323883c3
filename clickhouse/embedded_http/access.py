"""Who may ask: user and password, and the guards against a browser used as a stepping stone."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from pydantic import SecretStr

from clickhouse.embedded_http.errors import QueryRefused
from service.caller import Caller, Gate, NotAllowed
from service.keys import OPERATOR, Keys, Who

#: What a ClickHouse server answers to everybody.
_FREE = ("/ping", "/replicas_status")
#: Why a key does not open: it is none; whether it is one is not known now, so that clients wait.
_CODES = {HTTPStatus.UNAUTHORIZED: 516, HTTPStatus.SERVICE_UNAVAILABLE: 202}


class ReaderGate(Gate):
    """``user`` and ``password``: what readers give; '' for none, which only programs on this
    machine may do without. ``keys``: of projects, each of which is a password of its own."""

    def __init__(
        self, user: str, password: str, allowed_hosts: frozenset[str], keys: Keys | None = None
    ) -> None:
        super().__init__(
            "ClickHouse HTTP",
            "EVERYSPAN_CLICKHOUSE_PASSWORD",
            SecretStr(password),
            allowed_hosts,
            keys=keys,
            scope_of=lambda _: "read",
        )
        self._user = user

    def check(self, caller: Caller) -> Who:
        """Raises QueryRefused (202, 497, 516), which is NotAllowed in ClickHouse's words."""
        url = dict(parse_qsl(caller.query, keep_blank_values=True))
        if caller.path in _FREE or (
            caller.path == "/" and caller.method in ("GET", "HEAD") and not url.get("query")
        ):
            return OPERATOR
        try:
            if who := self.key_of(caller):
                self.check_scope(caller, who)
                caller.check_site()
                return who
        except NotAllowed as refused:
            raise QueryRefused(_CODES.get(refused.status, 497), str(refused)) from refused
        check_credentials(caller.headers, url, self._user, self._token.get_secret_value())
        try:
            if self.has_secret:
                # A browser keeps the password of Basic, and sends it for other sites' pages too.
                caller.check_site()
            else:
                self.check_local(caller)
        except NotAllowed as refused:
            raise QueryRefused(497, str(refused)) from refused
        return OPERATOR

    def given(self, caller: Caller) -> list[str]:
        """The password, whatever the user: a key is one's own."""
        url = dict(parse_qsl(caller.query, keep_blank_values=True))
        return [*super().given(caller), credentials(caller.headers, url)[1]]


def check_credentials(
    headers: Mapping[str, str], url: Mapping[str, str], user: str, password: str
) -> None:
    """Basic auth, X-ClickHouse-User and -Key, or ``user`` and ``password`` of the URL.

    Raises QueryRefused (516); which of the two was wrong is not said.
    """
    given_user, given_password = credentials(headers, url)
    # Both are compared whatever the first says, in constant time.
    same = hmac.compare_digest(given_user.encode(), user.encode())
    same &= hmac.compare_digest(given_password.encode(), password.encode())
    if not same:
        raise QueryRefused(
            516,
            f"{given_user}: Authentication failed: password is incorrect, or there is no user with"
            " such name",
        )


def credentials(headers: Mapping[str, str], url: Mapping[str, str]) -> tuple[str, str]:
    """User and password, however they are given. Raises QueryRefused (516)."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise QueryRefused(516, "the Authorization header is not valid Basic auth") from error
        user, _, password = text.partition(":")
        return user or "default", password
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    return url.get("user") or "default", url.get("password", "")
