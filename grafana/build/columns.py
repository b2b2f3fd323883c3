"""Columns of tables, declared: width, unit, what the header says, where a click leads.

A table panel reads a text that looks like a number as one and formats it by the unit ("1001" as
"1.00 K"), so a column of text has the unit ``string``. Widths are given so that what answers the
panel's question is on the screen at 1440 pixels; a test adds them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]
Steps = Sequence[tuple[float | None, str]]

TEXT, COUNT, SHARE, DOLLARS, MS, SECONDS = (
    "string", "short", "percentunit", "currencyUSD", "ms", "s",
)  # fmt: skip
PLAIN = "none"
#: As wide as 16 digits: what is cut says nothing.
TIME = "time:YYYY-MM-DD HH:mm"

#: Pixels that a column without a width takes at least.
FLEXIBLE = 150

TRACE_LINK = (
    "/d/everyspan-trace?var-trace_id=${__value.raw}&${__url_time_range}&${datasource:queryparam}"
)
SESSION_LINK = (
    "/d/everyspan-session?var-session_id=${__value.raw:percentencode}"
    "&${__url_time_range}&${datasource:queryparam}"
)


@dataclass(frozen=True, slots=True)
class Column:
    """``name``: of the query. ``width``: pixels, 0 for what the others leave. ``steps``: colours by
    value; ``words``: colours of texts; ``gauge``: as a bar as well, 0 to ``most``. ``wrap``: long text over several lines.
    ``link``: title and address. ``hidden``: only for the links of other columns."""

    name: str
    width: int = 0
    unit: str = TEXT
    title: str = ""
    steps: Steps = ()
    words: Sequence[tuple[str, str]] = ()
    gauge: bool = False
    most: float | None = None
    wrap: bool = False
    link: tuple[str, str] | None = None
    hidden: bool = False
    decimals: int | None = None

    @property
    def header(self) -> str:
        return self.title or self.name.replace("_", " ")

    def called(self, title: str) -> Column:
        return replace(self, title=title)


def text(name: str, width: int = 0, title: str = "", **more: Any) -> Column:
    return Column(name, width, TEXT, title, **more)


def count(name: str, width: int = 80, title: str = "", **more: Any) -> Column:
    return Column(name, width, COUNT, title, **more)


def number(name: str, width: int = 80, title: str = "", **more: Any) -> Column:
    """A plain number that is no count."""
    return Column(name, width, PLAIN, title, **more)


def share(name: str, width: int = 80, title: str = "", **more: Any) -> Column:
    return Column(name, width, SHARE, title, decimals=more.pop("decimals", 1), **more)


def rate(name: str = "fail_rate", steps: Steps = (), width: int = 120, title: str = "") -> Column:
    """The answer, as a bar."""
    return Column(name, width, SHARE, title, steps, gauge=True, most=1, decimals=1)


def interval(width: int = 90, title: str = "between") -> Column:
    """Beside a rate: between what it lies, as text."""
    return Column("interval", width, TEXT, title)


def dollars(name: str, width: int = 80, title: str = "", **more: Any) -> Column:
    return Column(name, width, DOLLARS, title, **more)


def ms(name: str, width: int = 85, title: str = "", **more: Any) -> Column:
    # Without, 0.0962 ms is written out.
    return Column(name, width, MS, title, decimals=more.pop("decimals", 1), **more)


def time(name: str = "time", width: int = 145, title: str = "") -> Column:
    return Column(name, width, TIME, title)


def trace(name: str = "trace_id", width: int = 120, title: str = "trace") -> Column:
    return Column(name, width, TEXT, title, link=("Open the trace", TRACE_LINK))


def session(name: str = "session_id", width: int = 120, title: str = "session") -> Column:
    return Column(name, width, TEXT, title, link=("Open the session", SESSION_LINK))


def override(column: Column, thresholds: Json | None) -> Json:
    """As Grafana's JSON; ``thresholds`` are those of ``steps``."""
    properties: list[Json] = [
        {"id": "unit", "value": column.unit},
        # An empty cell would say what an empty table says.
        {"id": "noValue", "value": ""},
    ]
    if column.header != column.name:
        properties.append({"id": "displayName", "value": column.header})
    if column.width:
        properties.append({"id": "custom.width", "value": column.width})
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.hidden:
        properties.append({"id": "custom.hidden", "value": True})
    if thresholds is not None:
        properties.append({"id": "thresholds", "value": thresholds})
    if column.gauge:
        cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        properties.append({"id": "custom.cellOptions", "value": cell})
        properties += [{"id": "min", "value": 0}, {"id": "max", "value": column.most or 1}]
    elif column.words:
        colors = {word: {"color": each, "index": i} for i, (word, each) in enumerate(column.words)}
        # All others are as texts are.
        plain = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
        properties += [
            {"id": "mappings", "value": [{"type": "value", "options": colors}]},
            {"id": "thresholds", "value": plain},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
    elif column.wrap:
        properties.append({"id": "custom.cellOptions", "value": {"type": "auto", "wrapText": True}})
    elif thresholds is not None:
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    if column.link:
        title, url = column.link
        link = {"targetBlank": False, "title": title, "url": url}
        properties.append({"id": "links", "value": [link]})
    return {"matcher": {"id": "byName", "options": column.name}, "properties": properties}
