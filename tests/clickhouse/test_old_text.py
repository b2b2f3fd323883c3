"""Texts that are older than text is kept: what goes, what stays, and who is due no more."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.job.back_fill import BackFill
from classify.job.due import Share
from classify.job.rejudge import OldRows, ask, left
from classify.job.set_numbers import Numbers
from classify.settings import ClassifySettings
from clickhouse.erasure.old_rows import remove_old_rows
from clickhouse.erasure.old_text import remove_old_text
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated

NOW = datetime.now(UTC)
#: In everything that somebody wrote.
SAID = "quetzalcoatlus"
DAYS = 7


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    path = tmp_path_factory.mktemp("old_text") / "clickhouse"
    with engine(path) as dsn:
        yield path, dsn


@pytest.fixture
def house(place: tuple[Path, str]) -> Iterator[tuple[Client, ClickHouseSettings]]:
    with database(place[1]) as (client, settings):
        migrated(client, settings)
        yield client, settings


def started(days: float) -> int:
    """Nanoseconds since 1970, so many days before now."""
    return int((NOW - timedelta(days=days)).timestamp() * 1e9)


def row(trace: str, days: float, **more: Any) -> dict[str, Any]:
    """All texts that a row can have, beside what is no text."""
    texts = dict.fromkeys(
        ("input", "output", "input_messages", "output_messages", "tool_definitions",
         "system_instructions", "status_message", "events", "links"), SAID)  # fmt: skip
    return {
        "trace_id": hashlib.md5(trace.encode()).hexdigest(),
        "span_id": "b" * 16,
        "service_name": "support",
        "user_id": "ann",
        "start_time": started(days),
        "duration_ms": 12.5,
        "input_tokens": 7,
        "cost_usd": 0.5,
        "documents": [SAID],
        "document_scores": [0.5],
        "attributes": {
            "their.own": SAID,
            "gen_ai.request.seed": "42",
            "gen_ai.request.user": SAID,
            "customer.phone": "4915112345",
            "everyspan.experiments": '{"short": "b"}',
            "everyspan.step.arguments": SAID,
        },
        "evidence": {"toxicity": SAID},
        "toxicity": "fail",
        "toxicity_score": 0.9,
        "verdict_version": 3,
        "custom": {"tone": "pass"},
        **texts,
        **more,
    }


def store(client: Client, settings: ClickHouseSettings, *rows: dict[str, Any]) -> None:
    names = list(rows[0])
    client.insert(
        "spans_raw",
        [[each[name] for name in names] for each in rows],
        column_names=names,
        database=settings.database,
    )


def stored(client: Client, settings: ClickHouseSettings, trace: str) -> dict[str, Any]:
    result = client.query(
        f"SELECT * FROM {settings.database}.spans WHERE trace_id = %(id)s",
        parameters={"id": hashlib.md5(trace.encode()).hexdigest()},
    )
    (values,) = result.result_rows
    return dict(zip(result.column_names, values, strict=True))


def test_texts_go_and_numbers_stay(house: tuple[Client, ClickHouseSettings]) -> None:
    client, settings = house
    waiting = row("waits", DAYS + 2, verdict_version=0)
    store(client, settings, row("old", DAYS + 2), row("young", DAYS - 1), waiting)
    database = settings.database
    client.insert(
        "span_content",
        [["a" * 32, "b" * 16, started(days), n, "x", SAID] for n, days in enumerate((9, 1))],
        column_names=["trace_id", "span_id", "time", "record_id", "name", "attributes"],
        database=database,
    )
    client.insert(
        "text_vectors",
        [
            [started(days) // 10**9 // 3600 * 3600, hashlib.md5(b"x").digest(), 1, "v", 2**31]
            for days in (9, 1)
        ],
        column_names=["hour", "hash", "model", "vector", "expires"],
        database=database,
    )
    client.insert(
        "reviews",
        [["toxicity", "a" * 32, "b" * 16, "right", SAID, SAID, started(days)] for days in (9, 1)],
        column_names=[
            "classifier", "trace_id", "span_id", "answer", "evidence", "shown", "start_time"
        ],
        database=database,
    )  # fmt: skip
    before = {name: stored(client, settings, name) for name in ("old", "young", "waits")}
    assert remove_old_text(client, settings, DAYS) == {
        "spans_raw": 1,
        "span_content": 1,
        "text_vectors": 1,
        "reviews": 1,
    }
    old = stored(client, settings, "old")
    assert SAID not in str(old)
    assert "4915112345" not in str(old)
    assert old["text_removed"]
    assert old["attributes"] == {
        "gen_ai.request.seed": "42",
        "everyspan.experiments": '{"short": "b"}',
    }
    changed = {name for name, value in old.items() if str(value) != str(before["old"][name])}
    assert changed == {
        "input", "output", "input_messages", "output_messages", "tool_definitions",
        "system_instructions", "status_message", "events", "links", "documents", "attributes",
        "evidence", "text_removed",
    }  # fmt: skip
    for name in ("young", "waits"):
        assert str(stored(client, settings, name)) == str(before[name])
    reviews = f"SELECT count(), countIf(shown = '') FROM {database}.reviews"
    assert client.query(reviews).result_rows == [(2, 1)]

    # Nothing is left to do; and what nobody judged goes a day after it came.
    assert remove_old_text(client, settings, DAYS) == {}
    later = NOW + timedelta(hours=25)
    assert remove_old_text(client, settings, DAYS + 1, later) == {"spans_raw": 1}
    assert SAID not in str(stored(client, settings, "waits"))
    assert SAID in str(stored(client, settings, "young"))


def test_every_column_with_text_is_decided_on(house: tuple[Client, ClickHouseSettings]) -> None:
    """A new column of a span may hold what somebody wrote."""
    client, settings = house
    numbers = ("DateTime", "Float", "UInt", "Int", "Nullable(Float", "Nullable(UInt", "Bool")
    rows = client.query(
        "SELECT name, type FROM system.columns WHERE database = {d:String} AND table = 'spans_raw'",
        parameters={"d": settings.database},
    ).result_rows
    texts = {name for name, type_ in rows if not type_.startswith(numbers)}
    stays = {
        "trace_id", "span_id", "parent_span_id", "session_id", "user_id", "service_name",
        "service_version", "environment", "name", "step_kind", "status", "error_type", "provider",
        "model", "prompt_name", "prompt_version", "experiment", "variant", "agent_name",
        "tool_name", "document_scores", "code_file", "code_function", "code_revision",
        "code_repository", "resource_attributes", "scope_name", "scope_version", "convention",
        "response_id", "twin_of", "finish_reason", "replay_of", "project",
    }  # fmt: skip
    goes = {
        "input", "output", "input_messages", "output_messages", "tool_definitions",
        "system_instructions", "status_message", "documents", "events", "links", "attributes",
    }  # fmt: skip
    assert texts & set(SPAN_COLUMNS) - goes - stays == set()


def test_it_is_not_judged_again(house: tuple[Client, ClickHouseSettings]) -> None:
    client, settings = house
    store(client, settings, row("old", DAYS + 2), row("young", DAYS - 1))
    remove_old_text(client, settings, DAYS)
    young = hashlib.md5(b"young").hexdigest()
    share = Share(settings.database, Numbers(4), frozenset({0}), 1)
    ask(client, settings.database, NOW - timedelta(days=20), NOW)
    time.sleep(0.01)
    old_rows = OldRows(share)
    old_rows.look(client, everywhere=True)
    found: list[str] = []
    while taken := old_rows.take(client, 10)[0]:
        found += [each.trace_id for each in taken]
    assert set(found) == {young}
    assert left(client, settings.database) == 1
    fill = BackFill(share, "(custom_version < 9)")
    assert [each.trace_id for each in fill.take(client, 10)] == [young]


def test_a_project_that_keeps_less(house: tuple[Client, ClickHouseSettings]) -> None:
    """Its old rows go, with the late content; nobody else's do, and none that is younger."""
    client, settings = house
    days = ClassifySettings(project_retention_days="alpha=7, default = 9,none=1").kept_days
    assert days == {"alpha": 7, "": 9, "none": 1}
    kept = {"alpha": DAYS - 1, "beta": 20, "": DAYS + 1}
    gone = {"alpha": DAYS + 2, "": 11}
    rows = [row(f"kept {p}", age, project=p) for p, age in kept.items()]
    rows += [row(f"gone {p}", age, project=p) for p, age in gone.items()]
    # With the same ids as one that goes.
    rows.append(row("gone alpha", DAYS + 2, project="beta"))
    store(client, settings, *rows)
    client.insert(
        "span_content",
        [
            ["a" * 32, "b" * 16, started(DAYS + 2), n, "gen_ai.choice", "{}", project]
            for n, project in enumerate(("alpha", "beta"))
        ],
        column_names=["trace_id", "span_id", "time", "record_id", "name", "attributes", "project"],
        database=settings.database,
    )
    assert remove_old_rows(client, settings, days, NOW) == {"spans_raw": 2, "span_content": 1}
    found = client.query(
        f"SELECT project, count() FROM {settings.database}.spans GROUP BY ALL ORDER BY ALL"
    ).result_rows
    assert [(str(project), int(n)) for project, n in found] == [("", 1), ("alpha", 1), ("beta", 2)]
    assert remove_old_rows(client, settings, days, NOW) == {}
    with pytest.raises(ValueError, match="alpha=7,beta=14"):
        ClassifySettings(project_retention_days="alpha=0")
