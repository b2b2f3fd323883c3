"""Texts of spans on a terminal: what drives it, or looks like another line, is shown instead."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

#: Control and format characters (escape sequences, text that runs from right to left), line and
#: paragraph separators, halves of a pair.
_SHOWN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
#: Parts of letters and emoji: zero-width non-joiner and joiner.
_JOINERS = "\u200c\u200d"


def line(text: str) -> str:
    """One line: line breaks as spaces, each other such character as `\\x1b` or `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _is_shown(character) else character for character in text)


def as_json(value: Any) -> str:
    """JSON of `value`, the same in any reader."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(
        json.dumps(character)[1:-1] if _is_shown(character) else character for character in text
    )


def say(lines: Iterable[str], file: TextIO | None = None) -> None:
    """Prints them, each as one line; to stderr where `file` says so."""
    at = sys.stdout if file is None else file
    # A terminal that has no letters but ASCII shows the others escaped.
    encoding = getattr(at, "encoding", None) or "utf-8"
    for text in lines:
        shown = line(text).encode(encoding, "backslashreplace").decode(encoding)
        print(shown, file=at, flush=True)


def _is_shown(character: str) -> bool:
    return unicodedata.category(character) in _SHOWN and character not in _JOINERS


def _escaped(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
