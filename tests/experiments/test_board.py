"""What the Experiments board shows is what the views said when classify looked last, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from experiments.experiment_store import start, stop
from experiments.measured import KEPT, listed, measure
from experiments.watch import Watch
from grafana.macros import TimeRange, expand, interval_for
from grafana.report.panels import DASHBOARDS
from grafana.variables import fill
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.experiments.recorded import PRIMARY, definition, insert, sessions
from tests.grafana.test_sql import values_of

LONG_AGO = datetime.now(UTC) - timedelta(days=1)
METRICS = [
    PRIMARY,
    {"metric": "hallucination", "role": "guardrail", "margin": 0.01},
    {"metric": "latency_ms", "role": "secondary"},
    {"metric": "cost_usd", "role": "secondary"},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str]]:
    """One experiment with a variant that hallucinates, and one that nothing has come of; looked at
    once. With its DSN."""
    with engine(tmp_path_factory.mktemp("board") / "clickhouse") as dsn, database(dsn) as found:
        client, settings = found
        migrated(client, settings)
        name = client.database = settings.database
        insert(
            client, name, sessions(400, 3, experiment="harm", hallucinated={"a": 0.05, "b": 0.5})
        )
        for each in ("a-first-that-nobody-takes-part-in", "harm"):
            start(client, name, definition(each, metrics=METRICS), since=LONG_AGO)
        Watch(lambda: connect(dsn), name, every=60).look()
        yield client, dsn


def rows(client: Client, sql: str) -> list[dict[str, Any]]:
    answer = client.query(sql)
    return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]


def board(client: Client) -> dict[str, list[dict[str, Any]]]:
    """Title of each panel to its rows."""
    document = json.loads((DASHBOARDS / "experiments.json").read_text(encoding="utf-8"))
    last = TimeRange.last(timedelta(days=1), datetime.now(UTC) + timedelta(minutes=1))
    return {
        panel["title"]: rows(
            client,
            expand(
                fill(panel["targets"][0]["rawSql"], values_of(document)), last, interval_for(last)
            ),
        )
        for panel in document["panels"]
        if panel["type"] != "row"
    }


def test_it_is_what_the_views_say(store: tuple[Client, str]) -> None:
    client, _ = store
    for view, columns in KEPT.items():
        names = ", ".join(columns)
        kept = rows(client, f"SELECT {names} FROM {view}_measured ORDER BY ALL")
        assert kept
        assert str(kept) == str(rows(client, f"SELECT {names} FROM {view} ORDER BY ALL"))


def test_the_list_is_of_the_last_look_unless_something_changed_since(
    store: tuple[Client, str],
) -> None:
    client, _ = store
    live = rows(
        client,
        "SELECT experiment, status, verdict, variant, broken, units, started_at, winner"
        " FROM experiment_status ORDER BY status, experiment",
    )
    kept, looked = listed(client, client.database or "")
    assert looked is not None
    assert kept == live
    # By itself: nothing of the others' is changed.
    name = "b-that-starts-after-the-look"
    start(client, client.database or "", definition(name, metrics=METRICS), since=LONG_AGO)
    try:
        anew, looked = listed(client, client.database or "")
        assert looked is None
        assert {row["experiment"] for row in anew} == {row["experiment"] for row in live} | {name}
    finally:
        client.command(f"DELETE FROM experiment_changes WHERE name = '{name}'")


def test_every_panel_says_something_in_words(store: tuple[Client, str]) -> None:
    shown = board(store[0])
    assert all(shown.values()), {title for title, found in shown.items() if not found}
    first, second = shown["What should be done?"]
    assert (first["experiment"], first["what_to_do"]) == ("harm", "stop")
    assert first["variants_to_stop"] == "b"
    assert second["what_to_do"] == "keep going"
    effects = shown["Which metrics differ, and by how much?"]
    assert [row["experiment"] for row in effects[:4]] == ["harm"] * 4, "those with units come first"
    assert [row["decided"] for row in effects[4:]] == ["too early"] * 4
    assert {row["difference"] for row in effects[4:]} == {""}
    told = {row["metric"]: row for row in effects[:4]}
    assert told["hallucination"]["decided"] == "worse"
    assert re.fullmatch(r"\+[\d.]+ %", told["hallucination"]["difference"])
    assert re.fullmatch(r"\+[\d.]+ % to \+[\d.]+ %", told["hallucination"]["between"])
    assert re.fullmatch(r"[-+]?[\d.]+ ms", told["latency_ms"]["difference"])
    assert re.fullmatch(r"\$0\.\d{1,6}", told["cost_usd"]["control"])
    texts = [str(value) for found in shown.values() for row in found for value in row.values()]
    assert not [text for text in texts if "nan" in text.split() or "_going" in text]


def test_the_chart_shows_all_variants_of_what_tells_them_apart(store: tuple[Client, str]) -> None:
    chart = board(store[0])["Since when do they differ?"]
    series = {row["series"] for row in chart}
    assert {each.split(" · ")[0] for each in series} == {"hallucination"}
    assert {"hallucination · harm a", "hallucination · harm b"} <= series


def test_the_newest_look_counts_and_one_worker_s_is_enough(store: tuple[Client, str]) -> None:
    client, dsn = store
    name = str(client.database)
    assert not measure(client, name, datetime.now(UTC) - timedelta(minutes=5)), "another just did"
    stop(client, name, "harm")
    (found,) = [r for r in board(client)["What should be done?"] if r["experiment"] == "harm"]
    assert found["status"] == "running", "as it was looked at"
    assert measure(client, name)
    (found,) = [r for r in board(client)["What should be done?"] if r["experiment"] == "harm"]
    assert found["status"] == "stopped"
    with database(dsn) as (other, settings):
        migrated(other, settings)
        assert not measure(other, settings.database), "there is nothing to look at"
