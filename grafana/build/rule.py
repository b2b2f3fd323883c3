"""One alert rule as Grafana provisions it: SQL with one number (A), its last value (B), and a
threshold (C)."""

from __future__ import annotations

from collections.abc import Mapping

from grafana.build.guarded import guarded
from grafana.build.panels import PLUGIN_VERSION, Json
from grafana.conditions import PRODUCTION, Condition, within

DATASOURCE_UID = "everyspan-clickhouse"
_EXPRESSION = {"type": "__expr__", "uid": "__expr__"}

#: Of another project than the default one: 'alpha/checkout (production)'.
BY_SERVICE = (
    "{{ with $labels.project }}{{ . }}/{{ end }}{{ $labels.service }} ({{ $labels.environment }})"
)
CLASSIFIER_PANEL = {
    "quality": "How often does each classifier fail?",
    "safety": "What share of the judged spans fails?",
}


def rule(
    uid: str,
    title: str,
    sql: str,
    *,
    seconds: int,
    above: float | None = None,
    below: float | None = None,
    severity: str,
    team: str,
    labels: Mapping[str, str],
    summary: str,
    description: str,
    board: str,
    panel: str,
    shift: int = 0,
    hold: str = "0s",
    annotations: Mapping[str, str] | None = None,
    time: str = "start_time",
) -> Json:
    """``seconds``: the query's window, ending ``shift`` seconds ago, which is of the column ``time``
    (grafana/conditions.py). ``hold``: pending for."""
    limit = above if above is not None else below
    return {
        "uid": uid,
        "title": title,
        "condition": "C",
        "data": [
            {
                "refId": "A",
                "datasourceUid": DATASOURCE_UID,
                "relativeTimeRange": {"from": seconds + shift, "to": shift},
                "model": {
                    "refId": "A",
                    "editorType": "sql",
                    "format": 1,
                    "pluginVersion": PLUGIN_VERSION,
                    "queryType": "table",
                    "rawSql": sql,
                    "intervalMs": 1000,
                    "maxDataPoints": 43200,
                },
            },
            {
                "refId": "B",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "datasource": _EXPRESSION,
                    "type": "reduce",
                    "expression": "A",
                    "reducer": "last",
                },
            },
            {
                "refId": "C",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "C",
                    "datasource": _EXPRESSION,
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [
                        {"evaluator": {"type": "gt" if below is None else "lt", "params": [limit]}}
                    ],
                },
            },
        ],
        "dashboardUid": board,
        "panel": panel,
        # No rows: nothing was judged, or not enough; silence has a rule of its own.
        "noDataState": "OK",
        "execErrState": "Error",
        "for": hold,
        "annotations": {
            "summary": guarded(summary),
            "description": guarded(description),
            "window_seconds": str(seconds + shift),
            "window_of": time,
            "threshold": f"{limit:g}",
            **(annotations or {}),
        },
        "labels": {"severity": severity, "team": team, **labels},
        "isPaused": False,
    }


def counted(of: Condition) -> str:
    """The rule's window of rows that could be what it is about."""
    return f"{within(of.time, '$__fromTime', '$__toTime')}\n  AND {PRODUCTION} AND {of.judged}"


def duration(seconds: int) -> str:
    """'3 h', else '20 min'."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"
