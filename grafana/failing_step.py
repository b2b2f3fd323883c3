"""Which step of a trace failed, where others only pass its failure on, and where it is in the code.

The root of a trace that ends in an error says what a step below it ran into: that step is the one
to look at, and to replay from. Rows: those of one run of a trace, mappings of columns of ``spans``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

#: Code that is nobody's own: what is installed, scripts of an environment, the standard library.
_NOT_OWN = re.compile(
    r"(^|[\\/])(site-packages|dist-packages|\.?venv|virtualenvs?|\.tox|\.nox|node_modules)[\\/]"
    r"|(^|[\\/])lib[\\/]python\d[\d.]*[\\/]|[\\/](bin|Scripts)[\\/][^\\/.]+(\.exe)?$|^<frozen",
    re.IGNORECASE,
)
_WORDS = re.compile(r"\w{3,}")


def in_order(rows: Sequence[Row]) -> list[Row]:
    """As step numbers count them everywhere: by start, then by id."""
    return sorted(rows, key=lambda row: (row["start_time"], row["span_id"]))


def failing_step(row: Row, rows: Sequence[Row], failed: Callable[[Row], bool] | None = None) -> Row:
    """The deepest step whose failure ``row`` passes on: ``row`` itself where there is none below.

    ``rows``: its run. ``failed``: whether a step counts as failed; its status if None.
    """
    failed = failed or _errored
    children: dict[str, list[Row]] = {}
    for each in in_order(rows):
        children.setdefault(each["parent_span_id"], []).append(each)
    seen = {row["span_id"]}
    at = row
    while (below := _cause(at, _failed_below(at, children, failed, seen))) is not None:
        seen.add(below["span_id"])
        at = below
    return at


def first_failing(rows: Sequence[Row], failed: Callable[[Row], bool]) -> Row | None:
    """Of all that failed the first, or what it passes on; None where nothing did."""
    first = next((row for row in in_order(rows) if failed(row)), None)
    return first and failing_step(first, rows, failed)


def own_code(row: Row, rows: Sequence[Row]) -> Row | None:
    """The step, or its nearest ancestor, that says where it is in somebody's own code."""
    by_id = {each["span_id"]: each for each in rows}
    seen: set[str] = set()
    at: Row | None = row
    while at is not None and at["span_id"] not in seen:
        if at["code_file"] and not _NOT_OWN.search(at["code_file"]):
            return at
        seen.add(at["span_id"])
        at = by_id.get(at["parent_span_id"])
    return None


def _errored(row: Row) -> bool:
    return bool(row["status"] == "error")


def _failed_below(
    row: Row, children: Mapping[str, list[Row]], failed: Callable[[Row], bool], seen: set[str]
) -> list[Row]:
    """The nearest steps below that failed; what lies between says nothing of it. A call that was
    made again and worked is no failure that anybody passes on."""
    found, todo, met = [], list(reversed(children.get(row["span_id"], []))), set(seen)
    while todo:
        each = todo.pop()
        if each["span_id"] in met:
            continue
        met.add(each["span_id"])
        if not failed(each):
            todo.extend(reversed(children.get(each["span_id"], [])))
        elif not _made_good(each, children, failed):
            found.append(each)
    return found


def _made_good(row: Row, children: Mapping[str, list[Row]], failed: Callable[[Row], bool]) -> bool:
    return any(
        other["name"] == row["name"]
        and (other["start_time"], other["span_id"]) > (row["start_time"], row["span_id"])
        and not failed(other)
        for other in children.get(row["parent_span_id"], [])
    )


def _cause(row: Row, below: Sequence[Row]) -> Row | None:
    """Of failed steps the one that the row speaks of, else the last: what came after it went on."""
    if not below:
        return None
    said = _told(row)
    alike = [each for each in below if said and said & _told(each)]
    return (alike or below)[-1]


def _told(row: Row) -> set[str]:
    text = f"{row['error_type']} {row['status_message']}".lower()
    return set(_WORDS.findall(text)) - {"error", "exception", "the"}
