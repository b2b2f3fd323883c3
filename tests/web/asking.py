"""Asking the page of a running stack, as a browser on this machine does."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

from tests.everyspan_up import Answer, Up
from web.pages import HEADERS


def get(up: Up, path: str, **parameters: str) -> Answer:
    """A view. Every answer has the headers that keep a span's text from running."""
    up.until_visible()
    query = f"?{urlencode(parameters)}" if parameters else ""
    answer = up.request("GET", path + query, port="web")
    assert HEADERS.items() <= dict(answer.headers).items(), path
    return answer


def page(up: Up, path: str, status: int = 200, **parameters: str) -> str:
    """Its HTML."""
    answer = get(up, path, **parameters)
    assert answer.status == status, answer.body.decode()[:3000]
    return answer.body.decode()


def read(up: Up, path: str, status: int = 200, **parameters: str) -> str:
    """What of it is read: no tags, blanks folded."""
    text = re.sub(r"<[^>]*>", " ", page(up, path, status, **parameters))
    return " ".join(html.unescape(text).split())
