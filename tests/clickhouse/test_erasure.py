"""Forgetting on the real engine: what goes with a user, what stays, and what comes late."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.erasure import erase as erasing
from clickhouse.erasure.erase import erase, find, finish
from clickhouse.erasure.erasures import begin, read
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated

SECOND = 10**9


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("erasure") / "clickhouse") as found:
        yield found


@dataclass
class House:
    client: Client
    settings: ClickHouseSettings

    def insert(self, table: str, columns: list[str], *rows: list[Any]) -> None:
        self.client.insert(table, rows, column_names=columns, database=self.settings.database)

    def spans(self, *spans: Span) -> None:
        self.client.insert(
            "spans_raw",
            columns_of(spans),
            column_names=list(SPAN_COLUMNS),
            column_oriented=True,
            database=self.settings.database,
        )

    def ids(self, table: str = "spans") -> set[str]:
        rows = self.client.query(
            f"SELECT DISTINCT trace_id FROM {self.settings.database}.{table}"
        ).result_rows
        return {str(row[0]) for row in rows}

    def one(self, sql: str) -> Any:
        self.client.database = self.settings.database
        return self.client.query(sql).result_rows[0][0]


@pytest.fixture
def house(dsn: str) -> Iterator[House]:
    with database(dsn) as (client, settings):
        migrated(client, settings)
        yield House(client, settings)


def trace(name: str) -> str:
    return hashlib.md5(name.encode()).hexdigest()


def span(name: str, number: int = 0, **more: Any) -> Span:
    start = time.time_ns() - 3600 * SECOND + number * SECOND
    return Span(trace(name), f"{number:016x}", start_time=start, duration_ms=1, **more)


def test_a_users_traces_go_whole_and_no_others(house: House) -> None:
    house.spans(
        span("his", 0, user_id="ann", input="the plan", output="of ann"),
        span("his", 1, input="a step that does not name her yet"),
        span("twin", 0, twin_of=f"{trace('his')}/{0:016x}"),
        span("replayed", 0, replay_of=trace("his")),
        span("replayed again", 0, replay_of=trace("replayed")),
        span("bo's", 0, user_id="bo", input="the plan"),
        span("nobody's", 0),
        span("anna's", 0, user_id="anna"),
    )
    house.insert(
        "span_content",
        ["trace_id", "span_id", "time", "record_id", "name", "attributes"],
        [trace("his"), "0" * 16, time.time_ns(), 1, "gen_ai.choice", "{}"],
        [trace("bo's"), "0" * 16, time.time_ns(), 2, "gen_ai.choice", "{}"],
    )
    house.insert(
        "reviews",
        ["classifier", "trace_id", "span_id", "answer", "shown"],
        ["toxicity", trace("his"), "0" * 16, "right", "of ann"],
        ["toxicity", trace("bo's"), "0" * 16, "right", "of bo"],
    )
    house.insert(
        "text_vectors",
        ["hour", "hash", "model", "vector", "expires"],
        [int(time.time()) // 3600 * 3600, hashlib.md5(b"of ann").digest(), 1, "v", 2**31],
        [int(time.time()) // 3600 * 3600, hashlib.md5(b"of bo").digest(), 1, "v", 2**31],
    )
    # The same ids in another project, whose own erasure leaves all of the above.
    alpha = {"project": "alpha", "user_id": "ann"}
    house.spans(span("his", 0, **alpha, input="the plan"), span("his", 7, **alpha))
    house.insert(
        "reviews",
        ["classifier", "trace_id", "span_id", "answer", "shown", "project"],
        ["toxicity", trace("his"), "0" * 16, "right", "of ann", "alpha"],
    )
    found = find(house.client, house.settings, "user", ["ann"], "alpha")
    assert (set(found.traces), found.rows) == ({trace("his")}, 2)
    receipt = erase(house.client, house.settings, "user", found, "alpha")
    assert receipt.removed == {"spans_raw": 2, "reviews": 1}
    assert read(house.client, house.settings.database)[0].project == "alpha"
    assert house.one("SELECT count() FROM spans WHERE project = 'alpha'") == 0
    house.spans(span("his", 0, **alpha))
    assert finish(house.client, house.settings, receipt).removed["spans_raw"] == 3, "what is late"
    found = find(house.client, house.settings, "user", ["ann"])
    gone = {trace(name) for name in ("his", "twin", "replayed", "replayed again")}
    assert (set(found.traces), found.rows) == (gone, 5)
    receipt = erase(house.client, house.settings, "user", found)
    assert receipt.removed == {"spans_raw": 5, "span_content": 1, "reviews": 1, "text_vectors": 1}
    left = {trace(name) for name in ("bo's", "nobody's", "anna's")}
    assert house.ids() == house.ids("spans_raw") == left
    assert house.ids("span_content") == house.ids("reviews") == {trace("bo's")}
    assert house.one("SELECT count() FROM text_vectors") == 1
    assert receipt.id in {each.id for each in read(house.client, house.settings.database)}
    kept = house.client.query(f"SELECT * FROM {house.settings.database}.erasures").result_rows
    assert "ann" not in str(kept), "a receipt does not say whom"


@pytest.mark.parametrize("value", ["", "nobody", "an%", "' OR 1=1 --"])
def test_nobody_is_nobody(house: House, value: str) -> None:
    house.spans(span("a", user_id="ann"), span("b"))
    assert find(house.client, house.settings, "user", [value]).traces == ()
    assert find(house.client, house.settings, "session", [value]).traces == ()


def test_a_session_and_a_trace(house: House) -> None:
    house.spans(span("a", session_id="s1"), span("b", session_id="s2"), span("c"))
    found = find(house.client, house.settings, "session", ["s1"])
    erase(house.client, house.settings, "session", found)
    erase(
        house.client,
        house.settings,
        "trace",
        find(house.client, house.settings, "trace", [trace("c")]),
    )
    assert house.ids() == {trace("b")}


def test_more_traces_than_a_statement_can_name(house: House) -> None:
    house.spans(*(span(f"a{n}", user_id="ann") for n in range(9000)), span("b"))
    found = find(house.client, house.settings, "user", ["ann"])
    assert (len(found.traces), found.rows) == (9000, 9000)
    assert erase(house.client, house.settings, "user", found).removed["spans_raw"] == 9000
    assert house.ids() == {trace("b")}


def test_what_comes_late_goes_too(house: House) -> None:
    house.spans(span("a", user_id="ann"), span("b"))
    receipt = erase(
        house.client, house.settings, "user", find(house.client, house.settings, "user", ["ann"])
    )
    # A batch that was being judged, a sender that tries again.
    house.spans(span("a", user_id="ann"), span("a", 1))
    receipt = finish(house.client, house.settings, receipt)
    assert not receipt.is_finished
    assert receipt.removed == {"spans_raw": 3}
    assert house.ids() == {trace("b")}


def test_what_was_interrupted_goes_on(house: House) -> None:
    house.spans(span("a", user_id="ann"), span("b"))
    begin(house.client, house.settings.database, "user", [trace("a")])
    (noted,) = read(house.client, house.settings.database)
    assert (noted.removed, noted.is_finished) == ({}, False)
    finish(house.client, house.settings, noted)
    assert house.ids() == {trace("b")}


def test_the_disk(house: House, monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    """Finished is only what no part of the disk holds, also none that readers may still need."""
    from datetime import timedelta

    monkeypatch.setattr(erasing, "_PARTS_STAY", timedelta(seconds=1))
    house.spans(span("a", user_id="ann"), *(span(f"b{n}") for n in range(50)))
    place = Path(dsn.removeprefix("chdb://"))
    uuid = str(
        house.one(
            "SELECT uuid FROM system.tables WHERE name = 'spans_raw' AND database ="
            f" '{house.settings.database}'"
        )
    )
    before = set((place / "store" / uuid[:3] / uuid).glob("*_*_*"))
    receipt = erase(
        house.client, house.settings, "user", find(house.client, house.settings, "user", ["ann"])
    )
    assert before
    until = time.monotonic() + 120
    while not receipt.is_finished:
        assert time.monotonic() < until
        time.sleep(1)
        receipt = finish(house.client, house.settings, receipt)
    assert not before & set((place / "store" / uuid[:3] / uuid).glob("*_*_*"))
    assert len(house.ids()) == 50


def test_data_sets_and_examples(house: House) -> None:
    alpha = {"project": "alpha", "user_id": "ann"}
    house.spans(span("a", user_id="ann"), span("b"), span("a", **alpha))
    house.insert(
        "dataset_items",
        ["dataset", "version", "content_hash", "id", "trace_id", "input", "topic"],
        ["refunds", 2, "h", "1", trace("a"), "the plan", "plan, ann's"],
        ["refunds", 2, "h", "2", trace("b"), "another", "plan, ann's"],
        ["refunds", 1, "h", "2", trace("b"), "another", "other"],
    )
    groups = [{"cluster": n, "topic": each} for n, each in enumerate(("plan, ann's", "other"), 1)]
    for version in (1, 2):
        house.insert(
            "dataset_versions",
            ["dataset", "version", "content_hash", "summary"],
            ["refunds", version, "h", json.dumps({"clusters": groups[2 - version :]})],
        )
    example = {
        "mark": "positive",
        "texts": ["the plan of ann"],
        "trace_id": trace("a"),
        "span_id": "0",
    }
    other = {"mark": "negative", "texts": ["another"], "trace_id": trace("b"), "span_id": "0"}
    for revision in (1, 2):
        house.insert(
            "custom_classifiers",
            ["name", "revision", "definition"],
            ["promises", revision, json.dumps({"name": "promises", "examples": [example, other]})],
        )
    found = find(house.client, house.settings, "user", ["ann"], "alpha")
    receipt = erase(house.client, house.settings, "user", found, "alpha")
    assert (receipt.removed, receipt.notes) == ({"spans_raw": 1}, ()), "none is another project's"
    receipt = erase(
        house.client, house.settings, "user", find(house.client, house.settings, "user", ["ann"])
    )
    assert receipt.removed["dataset_items"] == 1
    assert receipt.removed["examples"] == 2
    assert house.ids("dataset_items") == {trace("b")}
    # Its words are what a group is called by.
    versions = "SELECT arrayStringConcat(groupArray(summary)) FROM dataset_versions WHERE"
    assert [
        each["topic"] for each in json.loads(house.one(f"{versions} version = 2"))["clusters"]
    ] == ["", "other"]
    assert json.loads(house.one(f"{versions} version = 1"))["clusters"] == groups[1:]
    assert house.one(
        "SELECT groupArray(topic) FROM (SELECT * FROM dataset_items ORDER BY version)"
    ) == ["other", ""]
    assert house.one("SELECT countIf(definition LIKE '%of ann%') FROM custom_classifiers") == 0
    kept = json.loads(house.one("SELECT definition FROM custom_classifiers LIMIT 1"))
    assert [each["texts"] for each in kept["examples"]] == [["[forgotten]"], ["another"]]
    assert receipt.notes == (
        "version 2 of the data set refunds lost 1 of its items; files that were exported from it"
        " have them still",
        "the classifier promises had examples of it, which say [forgotten] now: give it others",
    )
