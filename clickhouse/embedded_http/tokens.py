"""Tokens of a statement in the engine's own canonical spelling (formatQuerySingleLine).

Canonical text has no comments, one kind of string ('…' with backslash escapes) and one kind of
quoted name (`…`), which makes it safe to read with one regular expression. Text as a user typed it
must never come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clickhouse.embedded_http.errors import QueryRefused

Kind = Literal["word", "quoted", "string", "number", "mark"]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\d[\w.]*(?:(?<=[eE])[+-]\d+)?)
    | (?P<mark>->|::|[-+*/%=<>!(){}\[\],.:?@|;^&$~])
    )""",
    re.X | re.S,
)
_ESCAPE = re.compile(r"\\(.)|(``|\"\"|'')", re.S)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]|\\[0abfnrtvx]")


@dataclass(slots=True, frozen=True)
class Token:
    """``text`` as written; ``value`` without quotes; ``depth`` counts open brackets around it."""

    kind: Kind
    text: str
    value: str
    start: int
    end: int
    depth: int


def tokenise(canonical: str) -> list[Token]:
    """Split canonical SQL into tokens. Raises QueryRefused (62) at anything unexpected."""
    return list(_scan(canonical))


def unquote(text: str) -> str:
    """The characters that a '…' or `…` token stands for (simple escapes only)."""
    simple = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "a": "\a"}
    return _ESCAPE.sub(
        lambda m: simple.get(m[1], m[1]) if m[1] is not None else m[2][0], text[1:-1]
    )


def _scan(canonical: str) -> Iterator[Token]:
    position = depth = 0
    end = len(canonical.rstrip())
    while position < end:
        match = _TOKEN.match(canonical, position)
        if match is None or canonical[match.end() - 1 : match.end() + 1] in ("--", "/*"):
            raise QueryRefused(62, f"the statement cannot be checked at position {position + 1}")
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        text = match[kind]
        if kind == "quoted" and _CONTROL.search(text):
            raise QueryRefused(62, "a quoted name holds control characters; rename it")
        if kind == "mark" and text in ")]}":
            depth -= 1
        value = unquote(text) if kind in ("quoted", "string") else text
        yield Token(kind, text, value, match.start(kind), match.end(), depth)
        if kind == "mark" and text in "([{":
            depth += 1
        position = match.end()
