"""A few failing rows that stand for all: one of each cause, worst and newest first."""

from __future__ import annotations

import re
from typing import Any

Row = dict[str, Any]

_QUOTED = re.compile(r"[“\"'‘`][^”\"'’`]{1,200}[”\"'’`]")
_ID = re.compile(r"\b(?=\w*\d)[\w-]{6,}\b")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"\w+")
#: Share of words in common from which two causes are one.
_ALIKE = 0.7


def cause(said: str) -> str:
    """The evidence without what differs from case to case: quotes, ids, numbers."""
    text = _QUOTED.sub("…", said)
    text = _NUMBER.sub("#", _ID.sub("#", text))
    return " ".join(text.lower().split())


def chosen(rows: list[Row], most: int = 5) -> list[tuple[Row, int]]:
    """At most ``most`` rows of different traces, each with how many rows share its cause.

    ``rows`` come worst first; the most frequent cause comes first.
    """
    groups: list[tuple[set[str], list[Row]]] = []
    for row in rows:
        words = set(_WORD.findall(f"{row['name']} {cause(str(row['said']))}"))
        for known, members in groups:
            if len(words & known) >= _ALIKE * max(1, len(words | known)):
                members.append(row)
                break
        else:
            groups.append((words, [row]))
    groups.sort(key=lambda group: -len(group[1]))
    found: list[tuple[Row, int]] = []
    traces: set[str] = set()
    turn = 0
    while len(found) < most and any(turn < len(members) for _, members in groups):
        for _, members in groups:
            if turn < len(members) and len(found) < most:
                row = members[turn]
                # Another step of a trace that is shown already says little more.
                if row["trace_id"] not in traces:
                    traces.add(row["trace_id"])
                    found.append((row, len(members)))
        turn += 1
    return found
