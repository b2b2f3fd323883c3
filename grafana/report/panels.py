"""Runs a dashboard's panels and makes of each what the page shows: the same SQL, the same units."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from everyspan.masking.mask import masked

from grafana.macros import TimeRange, expand, interval_for
from grafana.report.units import told
from grafana.variables import fill
from service import printable

log = logging.getLogger(__name__)

DASHBOARDS = Path(__file__).parents[1] / "dashboards"
#: What the page shows, in this order; the others are about one trace, session or experiment.
SHOWN = ("overview", "operational", "quality", "safety", "monitor")
_CHARTS = {"timeseries", "barchart", "state-timeline"}
#: Of states: each reads on light and on dark.
_HEX = {"green": "#57ab5a", "yellow": "#e0a800", "red": "#e5534b"}
_COLORS = {"green", "yellow", "orange", "red", "blue"}
#: Points of a chart.
_POINTS = 120
_AXES: dict[str, dict[str, Any]] = {
    "percentunit": {"tickformat": ".1~%"},
    "currencyUSD": {"tickprefix": "$"},
    "ms": {"ticksuffix": " ms"},
    "s": {"ticksuffix": " s"},
}
#: Of a table.
_MOST_ROWS = 50
_MOST_CHARACTERS = 400
#: Of a text, more than is shown: a secret that would be cut is still known by what follows.
_MOST_READ = 16_384

Run = Callable[[str], tuple[Sequence[str], Sequence[Sequence[Any]]]]
"""SQL to column names and rows."""


@dataclass(slots=True)
class Shown:
    """A panel. ``kind``: stat, chart, table or row. ``width``: of 24. ``chart``: what Plotly draws,
    ``height`` pixels high, 0 for as high as others.

    ``cells``: text, colour ('' for none) and whether it is a number, of each row.
    """

    kind: str
    title: str
    description: str
    width: int
    problem: str = ""
    value: str = ""
    color: str = ""
    columns: list[str] = field(default_factory=list)
    cells: list[list[tuple[str, str, bool]]] = field(default_factory=list)
    more: int = 0
    chart: dict[str, Any] = field(default_factory=dict)
    height: int = 0
    empty: str = ""


def board(name: str) -> dict[str, Any]:
    """A dashboard's file."""
    found: dict[str, Any] = json.loads((DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def shown(document: dict[str, Any], run: Run, times: TimeRange) -> Iterator[Shown]:
    """Each panel of a dashboard, variables at their defaults. A panel whose SQL fails says so."""
    values = {}
    for variable in document["templating"]["list"]:
        current = variable.get("current", {}).get("value", "")
        values[variable["name"]] = current[0] if isinstance(current, list) else current
    ordered = sorted(document["panels"], key=lambda p: (p["gridPos"]["y"], p["gridPos"]["x"]))
    # Grafana's own list of alerts is none of our queries: what stands before it has its room.
    lists = [i for i, panel in enumerate(ordered) if panel["type"] == "alertlist"]
    room = {i - 1: ordered[i]["gridPos"]["w"] for i in lists}
    for number, panel in enumerate(ordered):
        if panel["type"] == "alertlist":
            continue
        found = Shown(
            "chart" if panel["type"] in _CHARTS else panel["type"],
            panel["title"],
            panel.get("description", ""),
            panel["gridPos"]["w"] + room.get(number, 0),
            empty=panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", ""),
        )
        if panel["type"] != "row":
            sql = fill(panel["targets"][0]["rawSql"], values)
            step = interval_for(times, _POINTS, 60_000)
            sql = expand(sql, times, step)
            try:
                names, rows = run(sql)
            except Exception as error:
                log.warning("%s: %s", panel["title"], error)
                found.problem = _text(f"{type(error).__name__}: {error}")[:300]
            else:
                _SHOW[panel["type"]](found, panel, list(names), rows)
                if panel["type"] in ("timeseries", "state-timeline") and found.chart:
                    _over_time(found.chart, times, step)
        yield found


def _over_time(chart: dict[str, Any], times: TimeRange, step_ms: int) -> None:
    """The axis is the time that was asked for, however little there is; a bar that stands alone, of
    which Plotly can't know how long it lasts, is as wide as its step."""
    ends = [f"{at:%Y-%m-%d %H:%M:%S}" for at in (times.start, times.end)]
    chart["xaxis"] = {"type": "date", "range": ends}
    if len({str(at) for trace in chart["traces"] for at in trace["x"]}) == 1:
        for trace in chart["traces"]:
            if trace["type"] == "bar" and "base" not in trace:
                trace["width"] = step_ms


def _stat(found: Shown, panel: dict[str, Any], names: list[str], rows: Sequence[Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    value = next((v for v in reversed(rows[-1]) if v is not None), None) if rows else None
    found.value = _text(told(value, defaults.get("unit", "short"), defaults.get("decimals")))
    found.color = _color(value, defaults.get("thresholds"))


def _table(found: Shown, panel: dict[str, Any], names: list[str], rows: Sequence[Any]) -> None:
    config = panel["fieldConfig"]
    overrides: dict[str, dict[str, Any]] = {}
    for override in config.get("overrides", []):
        if override["matcher"]["id"] == "byName":
            properties = {p["id"]: p["value"] for p in override["properties"]}
            overrides.setdefault(override["matcher"]["options"], {}).update(properties)
    own_of = [overrides.get(name, {}) for name in names]
    shown = [i for i, own in enumerate(own_of) if not own.get("custom.hidden")]
    found.columns = [own_of[i].get("displayName", names[i]) for i in shown]
    found.more = max(0, len(rows) - _MOST_ROWS)
    for row in rows[:_MOST_ROWS]:
        cells = []
        for value, own in ((row[i], own_of[i]) for i in shown):
            unit = own.get("unit", config["defaults"].get("unit", "short"))
            text = _text(told(value, unit, own.get("decimals")))
            if any(link["title"] == "Open the trace" for link in own.get("links", [])):
                text = f"{text[:12]}…" if len(text) > 13 else text
            if len(text) > _MOST_CHARACTERS:
                text = text[:_MOST_CHARACTERS] + "…"
            colored = own.get("custom.cellOptions", {}).get("type") in ("color-text", "gauge")
            color = _color(value, own.get("thresholds")) if colored else ""
            for mapping in own.get("mappings", []):
                color = mapping["options"].get(text, {}).get("color", color)
            cells.append((text, color, isinstance(value, (int, float))))
        found.cells.append(cells)


def _timeseries(found: Shown, panel: dict[str, Any], names: list[str], rows: Sequence[Any]) -> None:
    """Strings are labels; each number column is a series of its own."""
    series: dict[str, tuple[list[str], list[float | None]]] = {}
    for row in rows:
        at = next(v for v in row if hasattr(v, "isoformat"))
        labels = [_label(v) for v in row if isinstance(v, str)]
        numbers = [
            (name, v)
            for name, v in zip(names, row, strict=True)
            if not isinstance(v, str) and v is not at
        ]
        for name, value in numbers:
            parts = labels if len(numbers) == 1 and labels else [*labels, name.replace("_", " ")]
            x, y = series.setdefault(" ".join(parts) or name, ([], []))
            x.append(at.strftime("%Y-%m-%d %H:%M:%S"))
            y.append(_plain(value))
    config = panel["fieldConfig"]
    defaults = config["defaults"]
    if config.get("overrides"):
        found.chart = _chart(_band(series), defaults, stacked=False)
        return
    custom = defaults.get("custom", {})
    bars = custom.get("drawStyle") == "bars"
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    traces = [
        {"type": "bar", "name": name, "x": x, "y": y}
        if bars
        else {"type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y}
        for name, (x, y) in series.items()
    ]
    found.chart = _chart(traces, defaults, stacked=stacked and bars)
    if found.chart and any(isinstance(value, str) for value in rows[0]):
        # Whose line it is must be said where it is the only one, too.
        found.chart["named"] = True


def _band(series: dict[str, tuple[list[str], list[float | None]]]) -> list[dict[str, Any]]:
    """A rate with its interval: the names of its series end in what they are."""
    kinds = ("at least", "at most", "fail rate")
    traces: list[dict[str, Any]] = []
    for kind in kinds:
        for name, (x, y) in series.items():
            if not name.endswith(kind):
                continue
            trace: dict[str, Any] = {"type": "scatter", "name": name, "x": x, "y": y}
            if kind == "fail rate":
                trace["mode"] = "lines+markers"
            else:
                trace |= {"band": True, "showlegend": False, "name": kind}
            if kind == "at most":
                trace["fill"] = "tonexty"
            traces.append(trace)
    return traces


def _states(found: Shown, panel: dict[str, Any], names: list[str], rows: Sequence[Any]) -> None:
    """Each series a row of coloured stretches; a state lasts until the next one of its row."""
    mapped = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    series: dict[str, list[tuple[Any, int]]] = {}
    for at, name, state in rows:
        if state is None:
            # That there is none, which the page says in its own way.
            continue
        series.setdefault(_label(str(name)), []).append((at, int(state)))
    order = sorted(series, key=lambda name: sum(state for _, state in series[name]))
    times = sorted({at for points in series.values() for at, _ in points})
    if not times:
        return
    # How long the last state lasts, nobody knows yet: as long as the shortest step.
    step = min((b - a for a, b in pairwise(times)), default=timedelta(minutes=1))
    stretches: dict[int, list[tuple[str, Any, Any]]] = {}
    for name in order:
        points = sorted(series[name])
        for (at, state), following in zip(points, [*points[1:], None], strict=True):
            until = following[0] if following else at + step
            found_here = stretches.setdefault(state, [])
            if found_here and found_here[-1][0] == name and found_here[-1][2] == at:
                at = found_here.pop()[1]
            found_here.append((name, at, until))
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": mapped[str(state)]["text"],
            "y": [name.replace("_", " ") for name, _, _ in stretches[state]],
            "base": [f"{at:%Y-%m-%d %H:%M:%S}" for _, at, _ in stretches[state]],
            "x": [(until - at).total_seconds() * 1000 for _, at, until in stretches[state]],
            "marker": {"color": _HEX[mapped[str(state)]["color"]]},
            "hovertemplate": "%{y}, from %{base}<extra>" + mapped[str(state)]["text"] + "</extra>",
        }
        for state in sorted(stretches)
    ]
    names_in_order = [name.replace("_", " ") for name in order]
    # Every row has its name: where they are many, Plotly would name every other.
    found.height = max(260, 120 + 18 * len(order))
    yaxis = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names_in_order,
        "dtick": 1,
    }
    found.chart = {"traces": traces, "yaxis": yaxis, "barmode": "overlay"}


def _barchart(found: Shown, panel: dict[str, Any], names: list[str], rows: Sequence[Any]) -> None:
    """The first column names the bars, the others are their heights."""
    traces = [
        {
            "type": "bar",
            "name": name.replace("_", " "),
            "x": [_label(str(row[0])) for row in rows],
            "y": [_plain(row[i]) for row in rows],
        }
        for i, name in enumerate(names)
        if i and any(row[i] for row in rows) and isinstance(rows[0][i], (int, float))
    ]
    found.chart = _chart(traces, panel["fieldConfig"]["defaults"], stacked=False)


def _text(text: str) -> str:
    """A text of spans as the page shows it: masked, and no control character obeyed, least of all
    one that turns the order of what follows."""
    return printable.lines(masked(text[:_MOST_READ]))


def _label(text: str) -> str:
    """A text of spans for Plotly, which reads tags, links among them, in labels."""
    return escape(_text(text)[:_MOST_CHARACTERS], quote=False)


def _chart(traces: list[dict[str, Any]], defaults: dict[str, Any], *, stacked: bool) -> Any:
    if not traces:
        return {}
    unit = defaults.get("unit", "short")
    if unit == "ms" and max((y for each in traces for y in each["y"] if y), default=0) >= 2000:
        unit = "s"
        for each in traces:
            each["y"] = [None if y is None else y / 1000 for y in each["y"]]
    axis: dict[str, Any] = {"rangemode": "tozero", **_AXES.get(unit, {})}
    if unit.startswith("suffix:"):
        axis["ticksuffix"] = unit.removeprefix("suffix:")
    return {"traces": traces, "yaxis": axis, "barmode": "stack" if stacked else "group"}


def _color(value: Any, thresholds: dict[str, Any] | None) -> str:
    if not thresholds or not isinstance(value, (int, float)):
        return ""
    color = ""
    for step in thresholds["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return color if color in _COLORS else ""


def _plain(value: Any) -> float | None:
    number = float(value) if value is not None else None
    return None if number is None or number != number else number


_SHOW: dict[str, Callable[[Shown, dict[str, Any], list[str], Sequence[Any]], None]] = {
    "stat": _stat,
    "table": _table,
    "timeseries": _timeseries,
    "state-timeline": _states,
    "barchart": _barchart,
}
