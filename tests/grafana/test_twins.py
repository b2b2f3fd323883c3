"""A call that another trace reports again changes no number on any board, in any rule or query."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from clickhouse_connect.driver.client import Client

from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana.test_sql import BOARDS, FOLDER, load, panels, run, values_of

#: Where rows are counted as rows, whatever they report.
OF_ROWS = {
    "overview: How much is judged?",
    "operational: Which steps take the time?",
    "monitor",
    "trace",
}
QUERIES = Path(__file__).parents[2] / "clickhouse" / "queries"
_OF_ROWS = {"02_slowest_steps", "06_coverage_and_lag", "11_one_trace"}


def spans() -> list[Span]:
    """Ten traces of an agent with one call."""
    start = time.time_ns() - 600 * 10**9
    found = []
    for i in range(10):
        root = Span(
            f"{i:032x}",
            f"{i:015x}1",
            session_id=f"s-{i % 3}",
            user_id="u",
            service_name="shop",
            environment="live",
            name="agent",
            step_kind="agent",
            start_time=start + i * 10**9,
            duration_ms=900.0,
            status="error" if i % 4 == 0 else "ok",
            error_type="Refused" if i % 4 == 0 else "",
            attributes={"everyspan.experiments": '{"e":"a"}'},
        )
        call = replace(
            root,
            span_id=f"{i:015x}2",
            parent_span_id=root.span_id,
            name="chat",
            step_kind="llm",
            model="gpt-4o-mini",
            input_tokens=80,
            output_tokens=20,
            cost_usd=0.25,
            duration_ms=500.0,
        )
        found += [root, call]
    return found


def twin(call: Span) -> Span:
    """As the classify job leaves it."""
    return replace(
        call,
        trace_id=f"{int(call.trace_id, 16) + 100:032x}",
        parent_span_id="",
        scope_name="another",
        input_tokens=None,
        output_tokens=None,
        cost_usd=None,
        twin_of=f"{call.trace_id}/{call.span_id}",
    )


def insert(client: Client, rows: list[Span], label: str) -> None:
    client.insert(
        "spans_raw",
        [*columns_of(rows), [1] * len(rows), [label] * len(rows)],
        column_names=[*SPAN_COLUMNS, "verdict_version", "toxicity"],
        column_oriented=True,
    )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with engine(tmp_path / "clickhouse") as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        client.database = settings.database
        yield client


def answers(
    client: Client, *, of_rows: set[str] = OF_ROWS, all_queries: bool = False
) -> dict[str, list[Any]]:
    """Name of a panel, rule or query to what it says; ``of_rows``: names that are left out."""
    found: dict[str, list[Any]] = {}
    hour = timedelta(hours=1)
    for path in BOARDS:
        values = values_of(load(path)) | {"trace_id": f"{1:032x}", "session_id": "s-1"}
        for panel in panels(load(path)):
            name = f"{path.stem}: {panel['title']}"
            if path.stem in of_rows or name in of_rows:
                continue
            for target in panel.get("targets", []):
                rows = run(client, target["rawSql"], hour, **values)[2]
                found[f"{name} {target['refId']}"] = sorted(map(str, rows))
    document = yaml.safe_load((FOLDER / "provisioning/alerting/rules.yaml").read_text())
    for rule in (rule for group in document["groups"] for rule in group["rules"]):
        for query in rule["data"]:
            if "rawSql" in query["model"]:
                rows = run(client, query["model"]["rawSql"], hour)[2]
                found[f"rule {rule['uid']}"] = sorted(map(str, rows))
    for path in QUERIES.glob("*.sql"):
        if all_queries or path.stem not in _OF_ROWS:
            text = path.read_text().replace("everyspan.spans", "spans")
            found[path.stem] = sorted(map(str, client.query(text).result_rows))
    found["experiments"] = sorted(
        map(
            str,
            client.query(
                "SELECT experiment, variant, unit, uniqExact(trace_id), sum(cost_usd)"
                " FROM experiment_spans GROUP BY ALL"
            ).result_rows,
        )
    )
    return found


def test_boards_rules_and_queries(client: Client) -> None:
    rows = spans()
    insert(client, rows, "pass")
    before = answers(client)
    assert before["overview: Traces A"] == ["(10,)"]
    insert(client, [twin(row) for row in rows if row.step_kind == "llm"], "not_applicable")
    after = answers(client)
    assert {name: after[name] for name in after if after[name] != before[name]} == {}
