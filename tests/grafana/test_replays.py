"""Twenty replays of a trace change no number on any board, in any rule or query, unless asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.coverage import told
from clickhouse.span import Span
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana.test_sql import BOARDS, load, panels, run, values_of
from tests.grafana.test_twins import answers, insert, spans

REPLAYS = 20
HOUR = timedelta(hours=1)


def replays(of: list[Span]) -> list[Span]:
    """The trace run again by `everyspan replay`, each time failing, dear and slow."""
    begins = time.time_ns() - 60 * 10**9
    return [
        replace(
            span,
            trace_id=f"{1_000 + run:032x}",
            span_id=f"{run:08x}{span.span_id[-8:]}",
            parent_span_id=span.parent_span_id and f"{run:08x}{span.parent_span_id[-8:]}",
            start_time=begins + run * 10**9,
            duration_ms=90_000.0,
            status="error",
            error_type="Refused",
            service_version="my-branch",
            model="my-model" if span.model else "",
            user_id="me",
            cost_usd=2.5 if span.step_kind == "llm" else None,
            replay_of=of[0].trace_id,
        )
        for run in range(REPLAYS)
        for span in of
    ]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with engine(tmp_path / "clickhouse") as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        client.database = settings.database
        yield client


def variables(client: Client, **values: str) -> dict[str, list[Any]]:
    """What the lists of the boards' variables offer."""
    found = {}
    for path in BOARDS:
        board = load(path)
        for variable in board["templating"]["list"]:
            query = variable.get("query")
            if isinstance(query, dict):
                asked = values_of(board) | values
                found[f"{path.stem} {variable['name']}"] = run(
                    client, query["rawSql"], HOUR, **asked
                )[2]
    return found


def test_boards_rules_queries_variables_and_experiments(client: Client) -> None:
    rows = spans()
    insert(client, rows, "pass")
    # How many rows are stored, and the trace itself, are said of what is there.
    aside = {"trace"}
    before, listed = answers(client, of_rows=aside), variables(client)
    shares = told(client, client.database or "", ["toxicity"])
    insert(client, replays(rows[:2]), "fail")
    after = answers(client, of_rows=aside)
    assert before["overview: Traces A"] == ["(10,)"]
    assert {name: after[name] for name in after if after[name] != before[name]} == {}
    assert variables(client) == listed
    assert told(client, client.database or "", ["toxicity"]) == shares


def test_a_board_shows_them_where_it_is_asked_to(client: Client) -> None:
    rows = spans()
    insert(client, rows, "pass")
    insert(client, replays(rows[:2]), "fail")
    board = load(next(path for path in BOARDS if path.stem == "overview"))
    (panel,) = [each for each in panels(board) if each["title"] == "Traces"]
    values = values_of(board)
    assert values["replays"] == "left out"
    sql = panel["targets"][0]["rawSql"]
    assert run(client, sql, HOUR, **values)[2] == [(10,)]
    assert run(client, sql, HOUR, **values | {"replays": "shown"})[2] == [(30,)]
    assert variables(client, replays="shown") != variables(client)
