"""The queries of the README, each over rows whose answers are known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import migrate
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.clickhouse.databases import engine

QUERIES = sorted((Path(__file__).parents[2] / "clickhouse" / "queries").glob("*.sql"))
TRACE = "a" * 32
EVALUATION = json.dumps(
    [
        {
            "time": "2026-01-01T00:00:00Z",
            "name": "gen_ai.evaluation.result",
            "attributes": {
                "gen_ai.evaluation.name": "relevance",
                "gen_ai.evaluation.score.value": 0.5,
                "gen_ai.evaluation.score.label": "fair",
            },
        }
    ]
)


def rows() -> list[tuple[Span, dict[str, Any]]]:
    """Spans and their verdicts."""
    now = time.time_ns() - 10**9
    agent = Span(
        TRACE,
        "1" * 16,
        session_id="s1",
        user_id="u1",
        service_name="shop",
        name="answer",
        step_kind="agent",
        start_time=now,
        duration_ms=100,
        prompt_name="support",
        prompt_version="3",
        variant="a",
    )
    retrieval = Span(
        TRACE,
        "2" * 16,
        agent.span_id,
        name="search",
        step_kind="retrieval",
        start_time=now + 10**6,
        duration_ms=5,
        input="return policy",
    )
    tool = Span(
        TRACE,
        "3" * 16,
        agent.span_id,
        name="get_order",
        step_kind="tool",
        tool_name="get_order",
        status="error",
        start_time=now + 2 * 10**6,
        duration_ms=20,
        code_file="agent.py",
        code_line=112,
        code_function="get_order",
    )
    model = Span(
        TRACE,
        "4" * 16,
        agent.span_id,
        session_id="s1",
        name="chat",
        step_kind="llm",
        provider="openai",
        model="gpt-4o-mini",
        input_tokens=100,
        output_tokens=20,
        cost_usd=0.5,
        start_time=now + 3 * 10**6,
        duration_ms=60,
        input="Where is it?",
        output="On its way.",
        events=EVALUATION,
    )
    failed = {
        "tool_call_error": "fail",
        "tool_call_error_score": 1.0,
        "evidence": {"tool_call_error": "status: error"},
    }
    return [(agent, {}), (retrieval, {}), (tool, failed), (model, {"data_leakage": "pass"})]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    from clickhouse.connection import connect
    from clickhouse.settings import ClickHouseSettings

    with engine(tmp_path_factory.mktemp("queries") / "clickhouse") as dsn:
        client = connect(dsn)
        migrate(client, ClickHouseSettings(clickhouse_dsn=dsn))
        for span, verdicts in rows():
            values = {"verdict_version": 1, "verdict_at": time.time_ns() // 10**6, **verdicts}
            client.insert(
                "spans_raw",
                [*columns_of([span]), *([value] for value in values.values())],
                column_names=[*SPAN_COLUMNS, *values],
                column_oriented=True,
                database="everyspan",
            )
        yield client
        client.command("DROP DATABASE everyspan SYNC")
        client.close()


Rows = list[dict[str, Any]]
EXPECTED: dict[str, Callable[[Rows], bool]] = {
    "01": lambda r: (r[0]["model"], r[0]["tokens_in"], r[0]["cost"]) == ("gpt-4o-mini", 100, 0.5),
    "02": lambda r: len(r) == 4 and r[0]["name"] == "answer" and r[0]["p95"] == 100,
    "03": lambda r: (
        r[0]["tool_name"] == "get_order"
        and r[0]["fail_rate"] == 1
        and r[0]["example"] == "status: error"
    ),
    "04": lambda r: (
        {(x["classifier"], x["failed"]) for x in r} == {("tool_call_error", 1), ("data_leakage", 0)}
    ),
    "05": lambda r: r[0]["trace_id"] == TRACE and r[0]["reasons"] == ["status: error"],
    "06": lambda r: (r[0]["stored"], r[0]["coverage"]) == (4, 1),
    "07": lambda r: (r[0]["session_id"], r[0]["tokens"], r[0]["cost"]) == ("s1", 120, 0.5),
    "08": lambda r: [x["query"] for x in r] == ["return policy"],
    "09": lambda r: (r[0]["prompt_version"], r[0]["variant"], r[0]["traces"]) == ("3", "a", 1),
    "10": lambda r: (
        (r[0]["code_file"], r[0]["code_line"], r[0]["newest_trace"]) == ("agent.py", 112, TRACE)
    ),
    "11": lambda r: [x["step"] for x in r] == [1, 2, 3, 4] and r[2]["at_ms"] == 2,
    "12": lambda r: (
        (r[0]["evaluation"], r[0]["mean_score"], r[0]["labels"]) == ("relevance", 0.5, ["fair"])
    ),
}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_query(path: Path, client: Client) -> None:
    result = client.query(path.read_text(encoding="utf-8"), parameters={"trace_id": TRACE})
    found = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
    assert found
    assert EXPECTED[path.stem[:2]](found), found


def test_every_query_says_what_it_answers() -> None:
    assert len(QUERIES) >= 10
    for path in QUERIES:
        assert path.read_text(encoding="utf-8").startswith("-- "), path.name
