"""Every panel's, variable's and rule's SQL on real ClickHouse over seeded spans."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from clickhouse_connect.driver.client import Client

from grafana.evaluation.provisioning import Alerting
from grafana.macros import TimeRange, expand, interval_for
from grafana.variables import fill
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana import seed
from tests.grafana.dashboard_schema import Dashboard

FOLDER = Path(__file__).parents[2] / "grafana"
BOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
ROWS, DAYS = 60_000, 15


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries() -> Iterator[Any]:
    for path in BOARDS:
        for panel in panels(load(path)):
            for target in panel.get("targets", []):
                name = f"{path.stem}: {panel['title']}: {target['refId']}"
                yield pytest.param(path, panel, target, id=name)


@cache
def rules() -> tuple[Any, ...]:
    document = yaml.safe_load((FOLDER / "provisioning/alerting/rules.yaml").read_text())
    return tuple(
        pytest.param(rule, id=rule["uid"])
        for group in document["groups"]
        for rule in group["rules"]
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("grafana") / "clickhouse"
    with engine(folder) as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        seed.fill(client, settings.database, ROWS, DAYS)
        client.database = settings.database
        yield client


def expanded(sql: str, last: timedelta) -> str:
    """As Grafana's plugin sends it, of the time until now."""
    time_range = TimeRange.last(last, datetime.now(UTC))
    return expand(sql, time_range, interval_for(time_range))


def run(
    client: Client, sql: str, last: timedelta, **values: str | Sequence[str]
) -> tuple[list[str], list[str], list[Any]]:
    text = expanded(fill(sql, values), last)
    # An empty answer has no columns, so they are asked for.
    columns = client.query(f"DESCRIBE TABLE ({text})").result_rows
    rows = client.query(text).result_rows
    return [str(row[0]) for row in columns], [str(row[1]) for row in columns], list(rows)


def values_of(board: dict[str, Any]) -> dict[str, str]:
    """Every variable at 'All', text boxes empty, the trace and session as tests seed them."""
    found = {}
    for variable in board["templating"]["list"]:
        current = variable.get("current", {}).get("value", "")
        found[variable["name"]] = current[0] if isinstance(current, list) else current
    return found


@pytest.mark.parametrize(("path", "panel", "target"), list(queries()))
def test_panel(
    client: Client,
    path: Path,
    panel: dict[str, Any],
    target: dict[str, Any],
    record_property: Callable[[str, object], None],
) -> None:
    values = values_of(load(path))
    if path.stem in ("trace", "session"):
        trace, session = client.query(
            "SELECT trace_id, session_id FROM spans WHERE session_id != '' ORDER BY start_time DESC"
            " LIMIT 1"
        ).result_rows[0]
        values |= {"trace_id": trace, "session_id": session}
    began = time.perf_counter()
    names, kinds, rows = run(client, target["rawSql"], timedelta(days=1), **values)
    took = (time.perf_counter() - began) * 1000
    record_property("sql", f"{path.stem}: {panel['title']} | {len(rows)} | {took:.0f}")
    assert len(set(names)) == len(names)
    if panel["type"] in ("timeseries", "state-timeline"):
        assert any("DateTime" in kind for kind in kinds), kinds
    if panel["type"] == "traces":
        assert {"traceID", "spanID", "parentSpanID", "serviceName", "operationName", "startTime",
                "duration"} <= set(names)  # fmt: skip
    # The Monitor board reads what running services write, experiments need variants, and data sets
    # are made by hand.
    quiet = path.stem in ("monitor", "experiments", "datasets") or "first token" in panel["title"]
    if not quiet and panel["type"] in ("stat", "timeseries"):
        assert rows


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_variables(client: Client, path: Path) -> None:
    board = load(path)
    for variable in board["templating"]["list"]:
        query = variable.get("query")
        if isinstance(query, dict):
            run(client, query["rawSql"], timedelta(days=1), **values_of(board))


@pytest.mark.parametrize("rule", list(rules()))
def test_rule(
    client: Client, rule: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    (query,) = [q for q in rule["data"] if "rawSql" in q["model"]]
    last = timedelta(seconds=query["relativeTimeRange"]["from"])
    began = time.perf_counter()
    _, kinds, rows = run(client, query["model"]["rawSql"], last)
    took = (time.perf_counter() - began) * 1000
    record_property("sql", f"rules: {rule['title']} | {len(rows)} | {took:.0f}")
    numeric = [kind for kind in kinds if "String" not in kind]
    assert len(numeric) == 1, f"an alert query returns one number and labels, not {kinds}"


def test_classifiers_that_users_add_need_no_file_changed(client: Client) -> None:
    board = load(FOLDER / "dashboards/quality.json")
    values = values_of(board)
    (variable,) = [v for v in board["templating"]["list"] if v["name"] == "classifier"]
    _, _, rows = run(client, variable["query"]["rawSql"], timedelta(days=1), **values)
    names = [name for (name,) in rows]
    assert names[-2:] == ["mentions_rival", "promises_refund"]
    assert "hallucination" in names
    shown = set()
    for panel in panels(board):
        for target in panel.get("targets", []):
            chosen = values | {"classifier": "promises_refund"}
            columns, _, rows = run(client, target["rawSql"], timedelta(hours=1), **chosen)
            if "classifier" in columns and rows:
                at = columns.index("classifier")
                assert {row[at] for row in rows} == {"promises_refund"}, panel["title"]
                shown.add(panel["title"])
            elif panel["title"].startswith("How sure are the verdicts?"):
                assert sum(row[columns.index("custom")] for row in rows) > 0
    assert {"How often does each classifier fail?", "What failed most recently?"} <= shown
    assert {"Which model fails?", "Which inputs fail most?"} <= shown


def test_the_generic_rule_fires_for_the_one_that_fails(client: Client) -> None:
    (rule,) = [p.values[0] for p in rules() if p.values[0]["uid"] == "everyspan-custom"]
    _, _, rows = run(client, rule["data"][0]["model"]["rawSql"], timedelta(hours=1))
    rates = {(row[0], row[3]): row[4] for row in rows}
    assert {name for _, name in rates} == {"promises_refund", "mentions_rival"}
    assert max(rate for (_, name), rate in rates.items() if name == "promises_refund") > 0.1
    assert all(rate == 0 for (_, name), rate in rates.items() if name == "mentions_rival")


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_dashboards_are_strict_and_do_not_overlap(path: Path) -> None:
    board = load(path)
    Dashboard.model_validate(board)
    places = [p["gridPos"] for p in board["panels"]]
    for a, b in itertools.combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (a, b)
    ids = [panel["id"] for panel in panels(board)]
    assert len(ids) == len(set(ids))


def test_uids_are_unique_and_links_resolve() -> None:
    boards = {load(path)["uid"]: path for path in BOARDS}
    assert len(boards) == len(BOARDS) == 9
    for path in BOARDS:
        text = path.read_text(encoding="utf-8")
        for part in text.split("/d/")[1:]:
            uid = part.split("?")[0].split('"')[0].split("/")[0].split("\\")[0]
            if uid != "${__data.fields.board}":
                assert uid in boards, f"{path.name} links to {uid}"


def test_provisioned_alerting_is_strict() -> None:
    uids = []
    for path in (FOLDER / "provisioning/alerting").glob("*.yaml"):
        found = Alerting.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        uids += [rule.uid for group in found.groups for rule in group.rules]
    assert len(uids) == len(set(uids))
    assert len(uids) > 11


def test_the_files_are_those_that_thresholds_and_builders_make() -> None:
    from grafana.build.files import files

    for path, text in files().items():
        assert path.read_text(encoding="utf-8") == text, "run: python -m grafana.build"
