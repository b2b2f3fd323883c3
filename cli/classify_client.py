"""Calls the running classify service."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import requests
import typer

from classify.settings import ClassifySettings
from cli.console import errors

#: Learning asks the encoder, and searches the rows of days.
_SECONDS = 120


def call(
    settings: ClassifySettings, method: str, path: str, body: Any = None, *, text: bool = False
) -> Any:
    """The answer, decoded from JSON or as ``text``. Ends the command with a sentence where there is
    none, or where the service refuses."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    address = f"http://{host}:{settings.classify_port}"
    token = settings.classify_token.get_secret_value()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = requests.request(
            method,
            address + path,
            data=None if body is None else json.dumps(body),
            headers=headers,
            timeout=_SECONDS,
        )
    except requests.RequestException:
        fail(
            f"no classify service answers at {address}; start `everyspan up` or `everyspan"
            " classify`, or give --host and --classify-port"
        )
    if not answer.ok:
        fail(_detail(answer))
    return answer.text if text else answer.json()


def fail(told: str) -> NoReturn:
    """End the command with an error."""
    errors.print("[bold red]error:[/]", end=" ")
    errors.print(told, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


def _detail(answer: requests.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text}"
    if isinstance(detail, str):
        return detail
    found = []
    for each in detail:
        place = ".".join(str(part) for part in each.get("loc", ())[1:])
        text = str(each.get("msg", "")).removeprefix("Value error, ")
        found.append(f"{place}: {text}" if place else text)
    return "; ".join(found)
