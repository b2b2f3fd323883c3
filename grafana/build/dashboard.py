"""A dashboard around its panels: variables, links, the grid."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build import sql
from grafana.build.panels import DATASOURCE, Json
from grafana.build.quoting import offered

_GRID = 24


def dashboard(
    uid: str,
    title: str,
    description: str,
    panels: Sequence[Json],
    variables: Sequence[Json],
    *,
    time_from: str = "now-24h",
    refresh: str = "1m",
) -> Json:
    """Panels flow left to right; a new line begins where the next one would not fit."""
    of_services = any_service(variables)
    own = [*variables, replays()] if of_services else variables
    return {
        "annotations": {"list": [deployments()] if of_services else []},
        "description": description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": [
            {
                "asDropdown": True,
                "icon": "external link",
                "includeVars": True,
                "keepTime": True,
                "tags": ["everyspan"],
                "targetBlank": False,
                "title": "Boards",
                "tooltip": "The other boards, with these filters and this time range",
                "type": "dashboards",
                "url": "",
            }
        ],
        "panels": flow(panels),
        "refresh": refresh,
        "schemaVersion": 39,
        "tags": ["everyspan"],
        "templating": {"list": [datasource(), *own]},
        "time": {"from": time_from, "to": "now"},
        "timepicker": {},
        "timezone": "",
        "title": title,
        "uid": uid,
        "version": 1,
    }


def flow(panels: Sequence[Json]) -> list[Json]:
    """Panels with places on the grid. Raises ValueError where two have one id."""
    x = y = height = 0
    placed: dict[int, Json] = {}
    for panel in panels:
        size, panel_id = panel["gridPos"], panel["id"]
        if panel_id in placed:
            raise ValueError(
                f"panels '{placed[panel_id]['title']}' and '{panel['title']}' both have id"
                f" {panel_id}: give the new one a number that this dashboard has never had"
            )
        if x + size["w"] > _GRID:
            x, y, height = 0, y + height, 0
        height = max(height, size["h"])
        placed[panel_id] = panel | {"gridPos": size | {"x": x, "y": y}}
        x += size["w"]
    return list(placed.values())


def any_service(variables: Sequence[Json]) -> bool:
    """Whether the dashboard filters by service."""
    return any(variable["name"] == "service" for variable in variables)


def deployments() -> Json:
    """Marks where a service version or prompt version is seen for the first time in the range."""
    query = f"""SELECT min(start_time) AS time, service_name AS tags, 'First seen in this range' AS title,
  concat(service_name, ' ', kind, ' ', version) AS text
FROM (
  SELECT start_time, service_name, v.1 AS kind, v.2 AS version
  FROM spans
  ARRAY JOIN [('version', toString(service_version)), ('prompt', toString(prompt_version))] AS v
  WHERE $__timeFilter(start_time) AND v.2 != '' AND {sql.UNLESS_ASKED}
)
GROUP BY service_name, kind, version
HAVING time > $__fromTime + toIntervalSecond(dateDiff('second', $__fromTime, $__toTime) / 50)
ORDER BY time
LIMIT 100"""
    return {
        "datasource": DATASOURCE,
        "enable": False,
        "hide": False,
        "iconColor": "rgba(115, 191, 105, 1)",
        "name": "New versions",
        "target": {
            "editorType": "sql",
            "format": 1,
            "pluginVersion": "4.20.0",
            "queryType": "table",
            "rawSql": query,
            "refId": "Anno",
        },
    }


def datasource() -> Json:
    """Which ClickHouse: the provisioned one, or another of the same type."""
    return {
        "current": {"selected": True, "text": "Everyspan", "value": "everyspan-clickhouse"},
        "hide": 0,
        "includeAll": False,
        "label": "Data source",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "grafana-clickhouse-datasource",
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
        "type": "datasource",
    }


def filters(*names: str) -> list[Json]:
    """Variables by name: service, environment, model, prompt_version, classifier, user."""
    return [_VARIABLES[name] for name in names]


def query_variable(name: str, label: str, column: str) -> Json:
    """All values of a column in the time range."""
    query = (
        f"SELECT DISTINCT {offered(column)} FROM spans WHERE $__timeFilter(start_time)"
        f" AND text != '' AND {sql.UNLESS_ASKED} ORDER BY text LIMIT 500"
    )
    return {
        "allValue": None,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": DATASOURCE,
        "definition": query,
        "hide": 0,
        "includeAll": True,
        "label": label,
        "multi": True,
        "name": name,
        "options": [],
        "query": {"editorType": "sql", "rawSql": query},
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 0,
        "type": "query",
    }


def textbox(name: str, label: str) -> Json:
    """Free text; empty for no filter."""
    return {
        "current": {"selected": False, "text": "", "value": ""},
        "hide": 0,
        "label": label,
        "name": name,
        "options": [{"selected": True, "text": "", "value": ""}],
        "query": "",
        "skipUrlSync": False,
        "type": "textbox",
    }


def replays() -> Json:
    """Whether rows of replays count: on each board that filters by service, at its end."""
    options = [
        {"selected": name == "left out", "text": name, "value": name}
        for name in ("left out", "shown")
    ]
    return {
        "allValue": None,
        "current": {"selected": True, "text": "left out", "value": "left out"},
        "hide": 0,
        "includeAll": False,
        "label": "Replays",
        "multi": False,
        "name": "replays",
        "options": options,
        "query": "left out,shown",
        "skipUrlSync": False,
        "type": "custom",
    }


def classifier_variable(names: Sequence[str]) -> Json:
    """The classifiers of a layer; with CUSTOM, those that users have added are looked up."""
    if sql.CUSTOM in names:
        ours = ", ".join(f"'{name}'" for name in sql.columns(names))
        query = (
            f"SELECT arrayJoin(arrayConcat([{ours}], (SELECT groupArray(name) FROM (SELECT name"
            " FROM custom_classifiers GROUP BY name HAVING argMax(state, revision) IN"
            " ('live', 'disabled') ORDER BY name)))) AS classifier"
        )
        found = query_variable("classifier", "Classifier", "classifier")
        return found | {"definition": query, "query": {"editorType": "sql", "rawSql": query}}
    every = {"selected": True, "text": "All", "value": "$__all"}
    options = [{"selected": False, "text": name, "value": name} for name in names]
    return {
        "allValue": None,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "includeAll": True,
        "label": "Classifier",
        "multi": True,
        "name": "classifier",
        "options": [every, *options],
        "query": ",".join(names),
        "skipUrlSync": False,
        "type": "custom",
    }


_VARIABLES: dict[str, Json] = {
    "service": query_variable("service", "Service", "service_name"),
    "environment": query_variable("environment", "Environment", "environment"),
    "model": query_variable("model", "Model", "model"),
    "prompt_version": query_variable("prompt_version", "Prompt version", "prompt_version"),
    "user": textbox("user", "User"),
    "classifier": classifier_variable(sql.classifiers()),
    "quality": classifier_variable(sql.classifiers("quality")),
    "safety": classifier_variable(sql.classifiers("safety")),
}

STANDARD = ("service", "environment", "model", "prompt_version", "user")
