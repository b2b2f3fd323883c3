"""Calls a running service of Everyspan over HTTP."""

from __future__ import annotations

import json
from typing import Any

import requests

from cli.console import fail


def ask(
    method: str,
    host: str,
    port: int,
    path: str,
    body: Any = None,
    *,
    token: str = "",
    seconds: float = 60,
    service: str,
    remedy: str,
) -> requests.Response:
    """The answer, refusals too. ``host``: where the service listens; all interfaces are this
    machine. Ends the command with a sentence, and the ``remedy``, where no ``service`` answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        return requests.request(
            method,
            address + path,
            data=None if body is None else json.dumps(body),
            headers=headers,
            timeout=seconds,
        )
    except requests.RequestException:
        fail(f"no {service} service answers at {address}; {remedy}")


def refusal(answer: requests.Response) -> str:
    """What the service says of a call that it did not take."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return detail if isinstance(detail, str) else "; ".join(each["msg"] for each in detail)
