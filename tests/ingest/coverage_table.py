"""The table of ingest/README.md, made from the captures.

``python -m tests.ingest.coverage_table`` prints it; a test holds the README to it.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from clickhouse.span import Span
from tests.ingest.test_captures import CAPTURES, rows_of

#: Heading to the columns that must be filled, all in one row of some capture.
FIELDS = {
    "input, output": ("input", "output"),
    "messages": ("input_messages", "output_messages"),
    "system": ("system_instructions",),
    "tool definitions": ("tool_definitions",),
    "tool steps": ("tool_name", "input"),
    "documents": ("documents",),
    "tokens": ("input_tokens", "output_tokens"),
    "cached": ("cached_input_tokens",),
    "reasoning": ("reasoning_tokens",),
    "errors": ("error_type",),
    "session": ("session_id",),
    "user": ("user_id",),
    "prompt": ("prompt_name",),
}
_BASE = {"opentelemetry-sdk", "opentelemetry-api", "@opentelemetry/sdk-node"}


def table() -> str:
    """Markdown: a row a library; 'x' where at least one captured span fills the columns."""
    head = ["Library", "Versions", "Recorded", "Convention", "Captures", *FIELDS]
    lines = [_line(head), _line(["---"] * len(head))]
    for library, captures in groupby(CAPTURES, key=lambda capture: capture.parent.name):
        lines.append(_line(_row(library, list(captures))))
    return "\n".join(lines)


def _row(library: str, captures: list[Path]) -> list[str]:
    versions: dict[str, set[str]] = {}
    dates: set[str] = set()
    rows: list[Span] = []
    for capture in captures:
        about = json.loads((capture / "capture.json").read_text())
        dates.add(about["recorded"])
        for package, version in about["versions"].items():
            if package not in _BASE:
                versions.setdefault(package, set()).add(version)
        rows += rows_of(capture)
    stated_versions = (
        f"{package} {' and '.join(sorted(found))}" for package, found in sorted(versions.items())
    )
    conventions = sorted({row.convention for row in rows if row.convention})
    filled = [
        "x"
        if any(all(getattr(row, c) not in ("", None, []) for c in columns) for row in rows)
        else ""
        for columns in FIELDS.values()
    ]
    return [
        library,
        ", ".join(stated_versions),
        max(dates),
        ", ".join(conventions),
        str(len(captures)),
        *filled,
    ]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table())
