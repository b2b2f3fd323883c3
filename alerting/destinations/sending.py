"""What the destinations have in common: their errors, HTTP, templates."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerting.case import Source
from alerting.message import Message, duration, number, percent


class RefusedError(Exception):
    """The destination will never take this message; trying again is no use."""


class AwayError(Exception):
    """The destination did not take it now. ``retry_after``: seconds that it asks for, or None."""

    def __init__(self, told: str, retry_after: float | None = None) -> None:
        super().__init__(told)
        self.retry_after = retry_after


def post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> requests.Response:
    """Raises RefusedError for what is the message's fault or ours, AwayError for the rest."""
    told = {"Content-Type": "application/json", "User-Agent": "Everyspan", **headers}
    try:
        answer = requests.post(url, data=body, headers=told, timeout=timeout, allow_redirects=False)
    except (requests.Timeout, requests.ConnectionError) as error:
        raise AwayError(f"{type(error).__name__}: no answer within {timeout:g} s") from error
    except requests.RequestException as error:
        raise RefusedError(f"{type(error).__name__}: {error}") from error
    if answer.ok and not answer.is_redirect:
        return answer
    text = f"{answer.status_code} {answer.text[:300]}"
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise AwayError(text, _seconds(answer.headers.get("Retry-After", "")))
    raise RefusedError(text)


def _seconds(told: str) -> float | None:
    # Not isdigit: "3²" has digits only, and is no number.
    if told.isdecimal():
        return float(told[:9])
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def cut(text: str, most: int) -> str:
    """At most ``most`` characters, with … where some are missing."""
    return text if len(text) <= most else text[: max(0, most - 1)] + "…"


def code(source: Source | None, around: int = 5) -> str:
    """Numbered lines with the line itself marked."""
    if source is None or not source.lines:
        return ""
    near = [line for line in source.lines if abs(line[0] - source.line) <= around]
    width = len(str(near[-1][0]))
    return "\n".join(
        f"{'>' if at == source.line else ' '} {at:>{width}} {text}".rstrip() for at, text in near
    )


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 - JSON and plain text; HTML escapes where it is written
)
_environment.filters.update(cut=cut, code=code, duration=duration, number=number, percent=percent)
_environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)


def rendered(template: str, message: Message, **more: Any) -> str:
    """A template filled with ``m``, the message, and ``best``, its failure."""
    return _environment.get_template(template).render(m=message, best=message.best, **more)


def json_of(template: str, message: Message, **more: Any) -> Any:
    """A template that writes JSON, read."""
    return json.loads(rendered(template, message, **more))
