"""Texts of strangers where control characters would be obeyed: terminals and logs.

Names, messages and answers in a span come from whoever sends spans. ESC begins commands to a
terminal (move, overwrite, open a link, set the clipboard), a line feed begins a new record of a
log, and bidirectional overrides (https://trojansource.codes) show a text in
another order than it has.
"""

from __future__ import annotations

import re

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_SEPARATORS = [0x2028, 0x2029]
_BIDIRECTIONAL = [0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
#: Can't be encoded at all.
_SURROGATES = range(0xD800, 0xE000)
_SHOWN = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}


def _escape(number: int) -> str:
    return _SHOWN.get(number) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")


_ALL = {
    number: _escape(number) for number in (*_CONTROLS, *_SEPARATORS, *_BIDIRECTIONAL, *_SURROGATES)
}
_LINES = {number: shown for number, shown in _ALL.items() if number not in (0x09, 0x0A)}
_CRLF = re.compile(r"\r+\n")


def lines(text: str) -> str:
    """For a terminal: the text with every control character but line feed and tab made visible, as
    Python writes it."""
    return _CRLF.sub("\n", text).translate(_LINES)


def line(text: str) -> str:
    """For a log: the same, on one line."""
    return text.translate(_ALL)
