"""Who may ask: user and password, and the guards against a browser used as a stepping stone.

A web page can make its visitor's browser send requests to 127.0.0.1. Requests that name another
host (DNS rebinding) or come from another site's page (Origin, Sec-Fetch-Site) are refused, and no
CORS header is ever sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from clickhouse.embedded_http.errors import QueryRefused


def check_origin(headers: Mapping[str, str], allowed_hosts: Collection[str] | None) -> None:
    """Raises QueryRefused (497). ``allowed_hosts`` None: any host name may be used.

    Loopback names and IP addresses are always allowed: a rebinding attack needs a name.
    """
    host = _hostname("//" + headers.get("host", ""))
    local = host == "localhost" or host.endswith(".localhost") or _is_address(host)
    if allowed_hosts is not None and host and not local and host not in allowed_hosts:
        raise QueryRefused(
            497, f"host name '{host}' is not served here; use an IP address or allow the name"
        )
    origin = headers.get("origin", "")
    foreign = origin and _authority(origin) != headers.get("host", "").lower()
    if foreign or headers.get("sec-fetch-site", "") in ("cross-site", "same-site"):
        raise QueryRefused(497, "requests from another site's page are not answered")


def check_credentials(
    headers: Mapping[str, str], url: Mapping[str, str], user: str, password: str
) -> None:
    """Basic auth, X-ClickHouse-User and -Key, or ``user`` and ``password`` of the URL.

    Raises QueryRefused (516); which of the two was wrong is not said.
    """
    given_user, given_password = _credentials(headers, url)
    # Both are compared whatever the first says, in constant time.
    same = hmac.compare_digest(given_user.encode(), user.encode())
    same &= hmac.compare_digest(given_password.encode(), password.encode())
    if not same:
        raise QueryRefused(
            516,
            f"{given_user}: Authentication failed: password is incorrect, or there is no user with"
            " such name",
        )


def _credentials(headers: Mapping[str, str], url: Mapping[str, str]) -> tuple[str, str]:
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


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return "invalid"


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return "invalid"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
