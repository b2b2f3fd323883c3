"""What the first look at a board says: what fails, since when, how badly, where, which trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from grafana.build.attention import limits, sql
from grafana.build.over_time import over_time, states
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows
from tests.grafana import seed
from tests.grafana.test_sql import FOLDER, load, panels, run

EVERY = dict.fromkeys(
    ("service", "environment", "model", "prompt_version", "user", "classifier", "replays"), "$__all"
)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("glance") / "clickhouse") as found:
        yield found


@pytest.fixture
def client(dsn: str) -> Iterator[Client]:
    with without_rows(dsn, seed.add_verdict_columns) as (client, name):
        client.database = name
        yield client


def insert(client: Client, number: int, minutes: tuple[int, int], **values: str) -> None:
    """Root spans between so many minutes ago; ``values``: SQL by column.

    The last minute stays empty: a dashboard's window ends at a whole second, before "now".
    """
    columns = {
        "service_name": "'shop'",
        "name": "'chat'",
        "status": "'ok'",
        "duration_ms": "900",
        "hallucination": "'pass'",
        "verdict_version": "1",
        "user_id": "concat('user-', toString(number % 7))",
    } | values
    first, last = minutes
    ago = f"{60 * last} + intDiv({60 * (first - last)} * number, {number})"
    client.command(
        "INSERT INTO spans_raw (trace_id, span_id, start_time, ingested_at,"
        f" {', '.join(columns)}) SELECT lower(hex(generateUUIDv4())), lower(hex(rand64())),"
        f" now64(9) - toIntervalSecond({ago}), now64(3) - toIntervalMinute(10),"
        f" {', '.join(columns.values())} FROM numbers({number})"
    )


def rows(client: Client, statement: str) -> list[dict[str, Any]]:
    names, _, found = run(client, statement, DAY, **EVERY)
    return [dict(zip(names, row, strict=True)) for row in found]


def test_what_fails_where_since_when_how_badly_and_an_example(client: Client) -> None:
    insert(client, 2000, (1400, 180))
    insert(client, 200, (180, 1), hallucination="if(number % 5 = 0, 'fail', 'pass')")
    insert(client, 300, (1400, 1), service_name="'search'")
    (found,) = rows(client, sql())
    assert (found["what"], found["where_"]) == ("hallucination fails, over 5 %", "shop")
    assert found["how_bad"] == pytest.approx(0.2, abs=0.03)
    low, high = map(int, re.findall(r"\d+", found["interval"]))
    assert 10 < low < 20 < high < 30
    ago = datetime.now(UTC) - found["since"].replace(tzinfo=UTC)
    assert timedelta(hours=2, minutes=30) < ago < timedelta(hours=3, minutes=30)
    assert found["users"] == 7
    assert found["board"] == "everyspan-quality"
    verdict = client.query(
        "SELECT hallucination FROM spans WHERE trace_id = {t:String}",
        parameters={"t": found["example"]},
    ).result_rows
    assert verdict == [("fail",)]


def test_what_failed_and_is_well_again_needs_no_attention(client: Client) -> None:
    insert(client, 200, (1200, 1000), hallucination="if(number % 5 = 0, 'fail', 'pass')")
    insert(client, 3000, (1000, 1))
    (found,) = rows(client, sql())
    assert found["what"] == "Nothing is over a threshold"
    assert re.fullmatch(r"1 service, \d+ checks", found["where_"])
    assert found["how_bad"] is None


def test_errors_tools_slow_traces_and_missing_verdicts_are_told_too(client: Client) -> None:
    insert(client, 100, (300, 1), status="if(number % 2 = 0, 'error', 'ok')", environment="'live'")
    insert(client, 60, (300, 1), service_name="'slow'", duration_ms="90000")
    insert(
        client, 40, (300, 1), service_name="'tools'", step_kind="'tool'", tool_name="'refund'",
        parent_span_id="'0000000000000001'", status="'error'",
    )  # fmt: skip
    insert(client, 50, (300, 30), service_name="'new'", verdict_version="0")
    assert {(row["what"], row["where_"]) for row in rows(client, sql())} == {
        ("traces end in errors, over 5 %", "shop (live)"),
        ("traces take over 30 s, over 5 %", "slow"),
        ("tool refund fails, over 20 %", "tools"),
        ("spans wait for verdicts", "new"),
    }


def test_one_leak_is_enough_and_comes_first(client: Client) -> None:
    insert(client, 200, (180, 1), hallucination="if(number % 2 = 0, 'fail', 'pass')")
    insert(client, 500, (900, 1), data_leakage="if(number = 250, 'fail', 'pass')")
    found = rows(client, sql())
    assert [row["what"].split(" in ")[0] for row in found] == [
        "data leakage",
        "hallucination fails, over 5 %",
    ]
    assert found[0]["what"].startswith("data leakage in 1 of ")
    assert found[0]["where_"] == "shop"


def test_one_attack_that_the_model_obeyed_is_enough(client: Client) -> None:
    """Those that it refused are a rate."""
    attacks = "if(number IN (250, 300, 301), 'fail', 'pass')"
    refused = "map('prompt_injection', 'refused')"
    insert(client, 3000, (900, 1), prompt_injection=attacks, outcomes=refused)
    (found,) = rows(client, sql())
    assert found["what"] == "Nothing is over a threshold"
    obeyed = "map('prompt_injection', if(number = 250, 'obeyed', 'refused'))"
    insert(
        client, 3000, (900, 1), prompt_injection=attacks, outcomes=obeyed, service_name="'search'"
    )  # fmt: skip
    (found,) = rows(client, sql())
    assert re.fullmatch("prompt injection obeyed in 1 of [123] attacks?", found["what"])
    assert (found["where_"], found["board"]) == ("search", "everyspan-safety")
    ((example,),) = client.query(
        "SELECT trace_id FROM spans WHERE outcomes['prompt_injection'] = 'obeyed'"
    ).result_rows
    assert found["example"] == example


def test_one_leak_of_many_is_red_in_the_timeline_too(client: Client) -> None:
    leak = "if(number = 1500, 'fail', 'pass')"
    insert(client, 3000, (1400, 1), data_leakage=leak, toxicity="'pass'")
    names = ("data_leakage", "toxicity", "hallucination")
    found = rows(client, states(names))
    seen = {n: {row["state"] for row in found if row["classifier"] == n} for n in names}
    assert seen == {"data_leakage": {0, 2}, "toxicity": {0}, "hallucination": {0}}


def test_the_timeline_has_no_holes_where_traffic_differs(client: Client) -> None:
    insert(client, 20_000, (1439, 1), toxicity="if(number % 50 = 0, 'pass', 'not_applicable')")
    found = rows(client, states(["hallucination", "toxicity"]))
    times = {
        name: [row["time"] for row in found if row["classifier"] == name]
        for name in ("hallucination", "toxicity")
    }
    # At the ends a wide bucket reaches past a narrow one, or stops short of it.
    first = max(each[0] for each in times.values())
    last = min(each[-1] for each in times.values())
    inner = {name: [at for at in each if first <= at <= last] for name, each in times.items()}
    assert inner["hallucination"] == inner["toxicity"]
    assert (last - first).total_seconds() > 22 * 3600
    assert len(times["toxicity"]) == len(set(times["toxicity"])) > 80


def test_a_long_text_is_cut_between_characters(client: Client) -> None:
    insert(client, 3, (100, 1), hallucination="'fail'", input="concat('x', repeat('أ', 500))")
    (panel,) = [
        p for p in panels(load(FOLDER / "dashboards/quality.json")) if "inputs fail" in p["title"]
    ]
    (found,) = rows(client, panel["targets"][0]["rawSql"])
    assert found["input_like"] == "x" + 159 * "أ"


def test_nothing_at_all_says_what_fills_the_table(client: Client) -> None:
    assert rows(client, sql()) == []
    (panel,) = [p for p in panels(load(FOLDER / "dashboards/overview.json")) if p["id"] == 12]
    assert "No span came" in panel["fieldConfig"]["defaults"]["noValue"]
    (found,) = rows(client, states(["hallucination", "toxicity"]))
    assert (found["classifier"], found["state"]) == ("no span was judged", None)


@pytest.mark.parametrize("spans", [0, 50])
def test_where_nothing_was_judged_no_number_says_how_well_it_goes(
    client: Client, spans: int
) -> None:
    if spans:
        insert(client, spans, (300, 30), verdict_version="0", hallucination="''")
    asked = {("safety", id) for id in (1, 2, 3, 4)} | {("overview", 5)}
    for board, id in sorted(asked):
        (panel,) = [p for p in panels(load(FOLDER / f"dashboards/{board}.json")) if p["id"] == id]
        (found,) = rows(client, panel["targets"][0]["rawSql"])
        assert list(found.values()) == [None], (board, panel["title"])
    insert(client, 50, (300, 30), jailbreak="'pass'")
    (panel,) = [p for p in panels(load(FOLDER / "dashboards/safety.json")) if p["id"] == 1]
    assert rows(client, panel["targets"][0]["rawSql"]) == [{"failed": 0}]


def test_every_classifier_and_check_has_its_limit(client: Client) -> None:
    found = limits()
    assert found["hallucination"] == 0.05
    assert found["data_leakage"] == 0
    assert len(found) > 13


@pytest.mark.parametrize(
    ("a_day", "least", "most"), [(50, 20, 26), (2840, 45, 100), (90_000, 90, 100)]
)
def test_a_bucket_holds_enough_and_a_chart_20_to_100_points(
    client: Client, a_day: int, least: int, most: int
) -> None:
    insert(client, a_day, (1439, 1))
    statement = over_time(
        "sum(n) AS traces", "count() AS n", "n", "WHERE $__timeFilter(start_time)"
    )
    found = [row["traces"] for row in rows(client, statement)]
    assert least <= len(found) <= most
    assert sum(found) == a_day
    if a_day > 720:
        assert sorted(found)[len(found) // 2] >= 29


def test_of_400_models_five_are_shown_and_the_others_together(client: Client) -> None:
    insert(client, 8000, (1439, 1), model="concat('model-', toString(number % 400))")
    insert(client, 500, (1439, 1), model="'main'")
    statement = over_time(
        "sum(n) AS calls", "count() AS n", "n", "WHERE $__timeFilter(start_time)",
        label=("model", "model"), together=True,
    )  # fmt: skip
    found = rows(client, statement)
    named = {row["model"] for row in found}
    assert len(named) == 6
    assert {"main", "others"} < named
    assert sum(row["calls"] for row in found) == 8500


def test_a_failing_step_is_marked_in_the_waterfall(client: Client) -> None:
    insert(
        client, 1, (10, 9), hallucination="'fail'", model="'gpt-4.1'", input_tokens="120",
        code_file="'agent.py'", code_line="31",
        evidence="map('hallucination', 'in none of the documents', 'toxicity', '')",
    )  # fmt: skip
    ((trace,),) = client.query("SELECT trace_id FROM spans").result_rows
    (panel,) = [p for p in panels(load(FOLDER / "dashboards/trace.json")) if p["type"] == "traces"]
    names, _, ((*values,),) = run(client, panel["targets"][0]["rawSql"], DAY, trace_id=trace)
    found = dict(zip(names, values, strict=True))
    assert found["operationName"] == "chat"
    assert found["statusCode"] == 2
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    assert tags["error"] == "true"
    assert tags["failed"] == "hallucination"
    assert tags["evidence of hallucination"] == "in none of the documents"
    assert tags["model"] == "gpt-4.1"
    assert tags["tokens"] == "120 in, 0 out"
    assert tags["source line"] == "agent.py:31"
    assert tags["replay"] == f"everyspan replay {trace} --from-step 1"
