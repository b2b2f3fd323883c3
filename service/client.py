"""The one HTTP client of our services."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from service.errors import UserError
from service.keys import ASKING

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class CallError(UserError):
    """The service is away, or refuses; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Client:
    """``service``: its name. ``host``: where it listens; all interfaces are this machine.
    ``remedy``: what to do where none answers. ``seconds``: how long an answer may take.
    ``certificate``: the service's own, in PEM, where it speaks TLS: that one and no other is taken,
    whatever its name."""

    service: str
    host: str
    port: int
    token: SecretStr
    remedy: str
    seconds: float = 60
    certificate: Path | None = None

    @property
    def address(self) -> str:
        """Its URL."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        text: bool = False,
    ) -> Any:
        """The answer, decoded from JSON or as ``text``. ``body``: JSON as bytes, or what becomes
        JSON. ``headers``: beside those that every call has. Raises CallError."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        # Whoever came with a key goes on with it: what it does not open, we do not open for it.
        if token := ASKING.get().secret or self.token.get_secret_value():
            sent["Authorization"] = f"Bearer {token}"
        try:
            answer = self.ask(method, path, data, sent)
        except requests.RequestException as error:
            raise CallError(
                f"no {self.service} service answers at {self.address}; {self.remedy}"
            ) from error
        if not answer.ok:
            raise CallError(_detail(answer))
        return answer.text if text else answer.json()

    def ask(
        self, method: str, path: str, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """As it stands: no token, and whatever is answered. Raises requests' errors."""
        with requests.Session() as session:
            if self.certificate is not None:
                session.mount("https://", _Pinned(_fingerprint(self.certificate)))
            return session.request(
                method,
                self.address + path,
                data=data,
                headers=headers,
                timeout=self.seconds,
                # Of a pinned one nobody else need say whose it is; said here, as REQUESTS_CA_BUNDLE
                # would overrule the session's.
                verify=None if self.certificate is None else False,
            )


class _Pinned(HTTPAdapter):
    """Takes the one certificate: it need not name the address, nor be signed by anybody."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, assert_fingerprint=self._fingerprint)


def _fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of the file. Raises CallError."""
    try:
        text = certificate.read_text()
        first = text[text.index(_BEGIN) : text.index(_END) + len(_END)]
        return sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
    except (OSError, ValueError) as error:
        raise CallError(
            f"EVERYSPAN_TLS_CERTIFICATE={certificate} can't be read: {error}"
        ) from error


def _detail(answer: requests.Response) -> str:
    """FastAPI's words for what is wrong, on one line."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text}"
    if isinstance(detail, str):
        return detail
    found = []
    for each in detail:
        place = ".".join(str(part) for part in each.get("loc", ())[1:])
        told = str(each.get("msg", "")).removeprefix("Value error, ")
        found.append(f"{place}: {told}" if place else told)
    return "; ".join(found)
