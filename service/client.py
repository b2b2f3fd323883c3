"""The one HTTP client of our services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr

from service.errors import UserError
from service.keys import ASKING


class CallError(UserError):
    """The service is away, or refuses; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Client:
    """``service``: its name. ``host``: where it listens; all interfaces are this machine.
    ``remedy``: what to do where none answers. ``seconds``: how long an answer may take."""

    service: str
    host: str
    port: int
    token: SecretStr
    remedy: str
    seconds: float = 60

    @property
    def address(self) -> str:
        """Its URL."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

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
            answer = requests.request(
                method, self.address + path, data=data, headers=sent, timeout=self.seconds
            )
        except requests.RequestException as error:
            raise CallError(
                f"no {self.service} service answers at {self.address}; {self.remedy}"
            ) from error
        if not answer.ok:
            raise CallError(_detail(answer))
        return answer.text if text else answer.json()


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
