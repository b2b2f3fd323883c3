"""Panels as Grafana's classic JSON (schema version 39), from an id, a title, a definition and SQL.

``panel_id`` is what links and alert rules name a panel by: it stays with its panel, whatever is
renamed or comes before it. A new panel takes a number that its dashboard has never had.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from grafana.build.columns import TEXT, Column, override

Json = dict[str, Any]

DATASOURCE: Json = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
PLUGIN_VERSION = "4.20.0"

_EMPTY = "Nothing in this time range."

TIME_SERIES, TABLE, LOGS, TRACE = 0, 1, 2, 3

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"

FAIL_RATE_STEPS = [(None, GREEN), (0.05, YELLOW), (0.15, RED)]


def id_for(name: str) -> int:
    """Of a panel that is made for each of a list of names: the same wherever in the list it is."""
    return 1000 + zlib.crc32(name.encode()) % 1_000_000


def target(sql: str, format_: int = TABLE, ref_id: str = "A") -> Json:
    """A query in the plugin's SQL editor."""
    return {
        "datasource": DATASOURCE,
        "editorType": "sql",
        "format": format_,
        "pluginVersion": PLUGIN_VERSION,
        "queryType": {TIME_SERIES: "timeseries", TRACE: "traces"}.get(format_, "table"),
        "rawSql": sql,
        "refId": ref_id,
    }


def thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    """From (value, colour); the first value is None: everything below the second."""
    return {
        "mode": "absolute",
        "steps": [{"color": color, "value": value} for value, color in steps],
    }


def _panel(
    panel_id: int,
    kind: str,
    title: str,
    description: str,
    targets: list[Json],
    defaults: Json,
    options: Json,
    size: tuple[int, int],
    overrides: Sequence[Json] = (),
) -> Json:
    return {
        "datasource": DATASOURCE,
        "description": description,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "gridPos": {"h": size[1], "w": size[0], "x": 0, "y": 0},
        "id": panel_id,
        "options": options,
        "targets": targets,
        "title": title,
        "type": kind,
    }


def timeseries(
    panel_id: int,
    title: str,
    description: str,
    sql: str | Sequence[str],
    *,
    unit: str,
    label: str = "",
    size: tuple[int, int] = (12, 8),
    steps: Sequence[tuple[float | None, str]] | None = None,
    maximum: float | None = None,
    style: str = "line",
    stacked: bool = False,
    interval: str = "1m",
) -> Json:
    """``label``: the string column that names a series. ``interval``: the shortest bucket."""
    custom: Json = {
        # A bar stands for the time from its bucket's start on.
        "barAlignment": 1 if style == "bars" else 0,
        "drawStyle": style,
        "fillOpacity": 80 if style == "bars" else 8,
        "lineInterpolation": "linear",
        "lineWidth": 1 if style == "bars" else 2,
        "showPoints": "auto",
        "spanNulls": True,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    defaults: Json = {
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "min": 0,
        "noValue": _EMPTY,
        "thresholds": thresholds(steps or [(None, GREEN)]),
        "unit": unit,
    }
    if maximum is not None:
        defaults["max"] = maximum
    elif unit == "percentunit":
        # Where all shares are 0, Grafana's axis goes up to 10000 %.
        custom["axisSoftMax"] = 0.01
    if label:
        defaults["displayName"] = "${__field.labels." + label + "}"
    queries = [sql] if isinstance(sql, str) else list(sql)
    targets = [target(q, TIME_SERIES, chr(ord("A") + i)) for i, q in enumerate(queries)]
    options = {
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    panel = _panel(panel_id, "timeseries", title, description, targets, defaults, options, size)
    return panel | {"interval": interval}


def band(
    panel_id: int, title: str, description: str, sql: str, *, label: str, size: tuple[int, int]
) -> Json:
    """A rate with its interval as a band. ``sql``: time, the label, fail_rate, at_least, at_most."""
    panel = timeseries(panel_id, title, description, sql, unit="percentunit", size=size)
    quiet = {"id": "custom.lineWidth", "value": 0}
    unmarked = {"id": "custom.showPoints", "value": "never"}
    # Only what lies between the ends of the interval is the band.
    empty = {"id": "custom.fillOpacity", "value": 0}
    named = "${__field.labels." + label + "}"
    panel["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": name}, "properties": properties}
        for name, properties in (
            ("fail_rate", [empty, {"id": "displayName", "value": named + ", fail rate"}]),
            ("at_least", [quiet, unmarked, empty, {"id": "displayName", "value": "at least"}]),
            (
                "at_most",
                [
                    quiet,
                    unmarked,
                    {"id": "displayName", "value": "at most"},
                    {"id": "custom.fillBelowTo", "value": "at_least"},
                    {"id": "custom.fillOpacity", "value": 20},
                ],
            ),
        )
    ]
    panel["fieldConfig"]["defaults"]["color"] = {"mode": "fixed", "fixedColor": ORANGE}
    return panel


def state_timeline(
    panel_id: int,
    title: str,
    description: str,
    sql: str,
    *,
    label: str,
    states: Sequence[tuple[str, str]],
    size: tuple[int, int] = (12, 9),
) -> Json:
    """One row a series, coloured by state: 0, 1, … of ``states``, each its words and colour."""
    options = {
        str(value): {"color": color, "index": value, "text": text}
        for value, (text, color) in enumerate(states)
    }
    defaults: Json = {
        # With the mode "thresholds" Grafana merges by thresholds and passes the mappings over.
        "color": {"fixedColor": "text", "mode": "fixed"},
        "custom": {"fillOpacity": 75, "lineWidth": 0, "spanNulls": True},
        "displayName": "${__field.labels." + label + "}",
        "mappings": [{"type": "value", "options": options}],
        # A time without a state would be one more state, with these words in the legend.
        "noValue": "",
        "thresholds": thresholds([(None, "text")]),
        "unit": "none",
    }
    shown = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "never",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    queries = [target(sql, TIME_SERIES)]
    return _panel(panel_id, "state-timeline", title, description, queries, defaults, shown, size)


def alert_list(panel_id: int, title: str, description: str, *, size: tuple[int, int]) -> Json:
    """Grafana's own list of the rules that fire, with a link to each."""
    states = {"error": True, "firing": True, "noData": False, "normal": False, "pending": True}
    return {
        "description": description,
        "gridPos": {"h": size[1], "w": size[0], "x": 0, "y": 0},
        "id": panel_id,
        "options": {
            "alertInstanceLabelFilter": '{layer=~".+"}',
            "alertName": "",
            "dashboardAlerts": False,
            "groupBy": [],
            "groupMode": "default",
            "maxItems": 20,
            "sortOrder": 3,
            "stateFilter": states,
            "viewMode": "list",
        },
        "title": title,
        "type": "alertlist",
    }


def stat(
    panel_id: int,
    title: str,
    description: str,
    sql: str,
    *,
    unit: str,
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    size: tuple[int, int] = (4, 4),
    decimals: int | None = None,
    empty: str = "–",
) -> Json:
    """One number, or one text of the unit ``string``."""
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "noValue": empty,
        "thresholds": thresholds(steps),
        "unit": unit,
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {
            "calcs": ["lastNotNull"],
            "fields": "/.*/" if unit == TEXT else "",
            "values": False,
        },
        "textMode": "auto",
    }
    return _panel(panel_id, "stat", title, description, [target(sql)], defaults, options, size)


def table(
    panel_id: int,
    title: str,
    description: str,
    sql: str,
    columns: Sequence[Column],
    *,
    size: tuple[int, int] = (24, 9),
    empty: str = "Nothing in this time range.",
    tall: bool = False,
) -> Json:
    """``columns``: each of the query's, in its order. ``empty``: what an empty table says.
    ``tall``: rows high enough for wrapped text."""
    overrides = [
        override(column, thresholds(column.steps) if column.steps else None) for column in columns
    ]
    defaults = {
        "color": {"mode": "thresholds"},
        "custom": {
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": False,
            "inspect": True,
        },
        "noValue": empty,
        "thresholds": thresholds([(None, "text")]),
        # A column that is not declared is text until it is.
        "unit": TEXT,
    }
    options = {"cellHeight": "lg" if tall else "sm", "showHeader": True}
    return _panel(
        panel_id, "table", title, description, [target(sql)], defaults, options, size, overrides
    )


def barchart(
    panel_id: int,
    title: str,
    description: str,
    sql: str,
    *,
    x: str,
    unit: str,
    size: tuple[int, int] = (12, 8),
    stacked: bool = False,
    horizontal: bool = False,
) -> Json:
    """``x``: the string column; every numeric column is a series."""
    defaults: Json = {
        "color": {"mode": "palette-classic"},
        "custom": {"fillOpacity": 80, "lineWidth": 1},
        "min": 0,
        "noValue": _EMPTY,
        "thresholds": thresholds([(None, GREEN)]),
        "unit": unit,
    }
    options = {
        "barWidth": 0.9,
        "groupWidth": 0.8,
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "orientation": "horizontal" if horizontal else "vertical",
        "showValue": "never",
        "stacking": "normal" if stacked else "none",
        "tooltip": {"mode": "multi", "sort": "desc"},
        "xField": x,
        "xTickLabelMaxLength": 30,
    }
    return _panel(panel_id, "barchart", title, description, [target(sql)], defaults, options, size)


def traces(
    panel_id: int, title: str, description: str, sql: str, *, size: tuple[int, int] = (24, 14)
) -> Json:
    """The waterfall."""
    return _panel(
        panel_id, "traces", title, description, [target(sql, TRACE)], {"unit": "ms"}, {}, size
    )


def row(panel_id: int, title: str) -> Json:
    """A heading across the dashboard."""
    return {
        "collapsed": False,
        "gridPos": {"h": 1, "w": 24, "x": 0, "y": 0},
        "id": panel_id,
        "panels": [],
        "title": title,
        "type": "row",
    }
