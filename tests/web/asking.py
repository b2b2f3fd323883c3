"""Asking the page of a running stack, as a browser on this machine does."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

from pydantic import SecretStr

from tests.everyspan_up import Answer, Up
from web.key import FILE, cookie
from web.pages import HEADERS


def key(up: Up) -> str:
    """Of the page, as `everyspan up` printed it."""
    return (up.data / FILE).read_text()


def kept(up: Up) -> str:
    """The cookie of a browser that has the key."""
    return f"{cookie(SecretStr(key(up)))}={key(up)}"


def form(up: Up, path: str, fields: dict[str, str], **headers: str) -> Answer:
    """As a browser that has the key sends a form of the page. ``headers``: with _ for -; an empty
    one is left out."""
    given = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{up.ports['web']}",
        "Sec-Fetch-Site": "same-origin",
        "Cookie": f"other=1; {kept(up)}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    sent = {name: value for name, value in given.items() if value}
    return up.request("POST", path, urlencode(fields).encode(), sent, port="web")


def get(up: Up, path: str, **parameters: str) -> Answer:
    """A view, for who has the key. Every answer has the headers that keep a text from running."""
    up.until_visible()
    query = f"?{urlencode(parameters)}" if parameters else ""
    answer = up.request("GET", path + query, headers={"Cookie": kept(up)}, port="web")
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
