"""Calls the running classify service."""

from __future__ import annotations

from typing import Any

import requests

from classify.settings import ClassifySettings
from cli.console import fail
from cli.service_client import ask

#: Learning asks the encoder, and searches the rows of days.
_SECONDS = 120


def call(
    settings: ClassifySettings, method: str, path: str, body: Any = None, *, text: bool = False
) -> Any:
    """The answer, decoded from JSON or as ``text``. Ends the command with a sentence where there is
    none, or where the service refuses."""
    answer = ask(
        method,
        settings.host,
        settings.classify_port,
        path,
        body,
        token=settings.classify_token.get_secret_value(),
        seconds=_SECONDS,
        service="classify",
        remedy=("start `everyspan up` or `everyspan classify`, or give --host and --classify-port"),
    )
    if not answer.ok:
        fail(_detail(answer))
    return answer.text if text else answer.json()


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
