"""What must hold between the columns of ``spans``, the code's ``Span`` and clickhouse/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from clickhouse.span import SPAN_COLUMNS
from tests.contract.classifiers import MIGRATIONS, VERDICT
from tests.contract.problem import Problem
from tests.contract.stored import Stored

README = "clickhouse/README.md"
#: Types end in a bracket or are one word, which tells a column's row from other tables' rows.
_ROW = re.compile(r"^\| `(\w+)` \| (\w+(?:\([^|]*\))?) \|", re.MULTILINE)


def problems(root: Path, classifiers: Sequence[str], stored: Stored) -> list[Problem]:
    """All that is wrong in the tree ``root``. ``classifiers``: names of the built-in ones, whose
    columns are documented by their row in classify/README.md."""
    verdicts = {f"{name}{suffix}" for name in classifiers for suffix in VERDICT}
    return list(_found(root, verdicts, stored))


def _found(root: Path, verdicts: set[str], stored: Stored) -> Iterator[Problem]:
    rows = dict(_ROW.findall((root / README).read_text(encoding="utf-8")))
    for name, kind in stored.columns.items():
        if name in verdicts:
            continue
        if name not in rows:
            yield Problem(
                README,
                f"column '{name}' of spans is not described",
                f"add | `{name}` | {kind} | … | to the table that it belongs to",
            )
        elif rows[name] != kind:
            yield Problem(README, f"column '{name}' is a {rows[name]} there", f"write {kind}")
    for name in sorted(rows.keys() - stored.columns.keys()):
        yield Problem(README, f"there is no column '{name}'", "take its row out")
    for name in SPAN_COLUMNS:
        if name not in stored.columns:
            yield Problem(
                MIGRATIONS,
                f"field '{name}' of clickhouse/span.py has no column",
                "add a file that adds it to spans_raw and makes the view spans again",
            )
