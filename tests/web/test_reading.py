"""What the views read: the same as the plain question, which reads more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from clickhouse.embedded_http import plain
from clickhouse.settings import ClickHouseSettings
from grafana.build.sql import classifiers, verdicts
from tests.clickhouse.migrated import migrated
from tests.grafana import seed
from web import now, trace, traces
from web.filters import Filters
from web.reader import Reader, Row


class Asked(Reader):
    """Remembers its statements."""

    def __init__(self, client: Client) -> None:
        super().__init__(lambda _: client, "everyspan")
        self.statements: list[str] = []

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        self.statements.append(sql)
        return super().rows(sql, parameters)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    settings = ClickHouseSettings(data=tmp_path_factory.mktemp("reading"))
    with connect(settings.dsn) as client:
        migrated(client, settings)
        client.database = settings.database
        seed.fill(client, settings.database, 42_000, 1)
        # Some that began before the others and failed again just now.
        client.command(
            "INSERT INTO spans_raw (trace_id, span_id, parent_span_id, start_time, service_name,"
            " duration_ms, hallucination, verdict_version) SELECT concat('long-', toString(number"
            " % 9)), toString(number), if(number < 9, '', toString(number % 9)), now64(9) -"
            " toIntervalMinute(if(number < 9, 200, 1)), 'shop', 5, 'fail', 1 FROM numbers(18)"
        )
        # Later ones first in the key, some of them twice, and an earlier run with the same ids.
        client.command(
            "INSERT INTO spans_raw (trace_id, span_id, start_time, input, documents,"
            " verdict_version, id_reuse) SELECT 'many', toString(1000 - number % 40), now64(9)"
            " - toIntervalMinute(4000 - number % 40), concat('said ', toString(number)),"
            " ['a', 'b'], intDiv(number, 40), 1 FROM numbers(60) UNION ALL"
            " SELECT 'many', 'old', now64(9) - toIntervalMinute(4100), 'before', [], 1, 0"
        )
        yield Asked(client)


@pytest.mark.parametrize(
    ("filters", "statements"),
    [
        ([], 1),
        ([("service", "support-agent")], 2),
        ([("failed", "hallucination")], 2),
        ([("failed", "any"), ("status", "error")], 2),
        ([("page", "2")], 2),
        ([("page", "40")], 3),
        ([("since", "10m")], 1),
        ([("sort", "oldest")], 1),
        ([("sort", "slowest")], 1),
        ([("failed", "data_leakage")], 3),
    ],
)
def test_the_newest_are_those_of_all_the_time_asked_for(
    reader: Asked, filters: list[tuple[str, str]], statements: int
) -> None:
    asked, at = Filters.of(filters), datetime.now(UTC)
    reader.statements.clear()
    found = traces.load(reader, asked, at)
    assert len(reader.statements) == statements
    whole = reader.rows(found.sql)
    assert found.rows == whole[: len(found.rows)]
    assert found.rows
    assert found.more == (len(whole) > len(found.rows))


def test_what_needs_attention_is_counted_as_by_a_question_for_each(reader: Asked) -> None:
    until = datetime.now(UTC)
    start = until - timedelta(days=1)
    facts, verdicts = now._facts(reader, start, until, "")
    plain = reader.rows(
        "SELECT countIf(parent_span_id = '') AS traces, uniqIf(user_id, user_id != '') AS users,"
        " countIf(parent_span_id = '' AND status = 'error') AS errors, count() AS spans,"
        " countIf(verdict_version > 0) AS judged, sum(cost_usd) AS cost FROM spans"
        f" WHERE start_time >= {now.at(start)} AND start_time <= {now.at(until)}"
    )[0]
    assert facts["now"] == pytest.approx(plain | {"p95": facts["now"]["p95"]})
    sentences = {(each.classifier, each.service): each for each in now._sentences(verdicts)}
    shown = [each for each in sentences.values() if each.failed][:8]
    shown += [sentences["hallucination", "shop"], sentences["promises_refund", "support-agent"]]
    now._detail(reader, shown, start, until)
    for each in shown:
        own = (
            each.classifier if each.classifier != "promises_refund" else "custom['promises_refund']"
        )
        row = reader.rows(
            f"SELECT countIf({own} = 'fail') AS failed,"
            f" countIf({own} IN ('pass', 'fail')) AS judged,"
            f" minIf(start_time, {own} = 'fail') AS since,"
            f" uniqIf(user_id, user_id != '' AND {own} = 'fail') AS users,"
            f" argMaxIf(trace_id, start_time, {own} = 'fail') AS newest FROM spans"
            f" WHERE service_name = '{each.service}' AND start_time >= {now.at(start)}"
            f" AND start_time <= {now.at(until)}"
        )[0]
        assert (each.failed, each.judged, each.since, each.users) == (
            row["failed"], row["judged"], row["since"], row["users"],
        )  # fmt: skip
        assert each.failed == 0 or row["newest"] == each.examples[0] or each.service == "shop"
        assert sum(failed for failed, _ in each.slots) == each.failed


def test_a_short_trace_is_one_question_and_all_that_its_rows_say(reader: Asked) -> None:
    found = trace.load(reader, "long-3")
    assert [step.row["span_id"] for step in found.steps] == ["3", "12"]
    ids = reader.rows("SELECT trace_id FROM spans WHERE custom != map() LIMIT 1 BY mapKeys(custom)")
    for trace_id in ["long-3", *(row["trace_id"] for row in ids)]:
        reader.statements.clear()
        found = trace.load(reader, trace_id)
        trace.contents(reader, found, found.steps)
        assert len(reader.statements) == 1
        plain = reader.rows(
            f"SELECT *, {verdicts(classifiers())} AS verdicts FROM spans WHERE trace_id ="
            f" '{trace_id}' ORDER BY start_time, span_id"
        )
        assert len(plain) == len(found.steps)
        for step, row in zip(found.steps, plain, strict=True):
            said = [
                (name, label, row["evidence"].get(name, "")) for name, label, _ in row["verdicts"]
            ]
            assert [(v.classifier, v.label, v.said) for v in step.verdicts] == [
                each for each in said if each[1]
            ]
            scores = [score for _, label, score in row["verdicts"] if label]
            for verdict, score in zip(step.verdicts, scores, strict=True):
                assert verdict.score == score or (isnan(verdict.score) and isnan(score))
            assert step.content["attributes"] == list(row["attributes"].items())
            for name in ("input", "output_messages", "documents", "provider", "verdict_at"):
                assert step.content[name] == row[name]
            assert step.content["input_length"] == len(row["input"])
    assert ids
    with pytest.raises(trace.NotStoredError):
        trace.load(reader, "long-99")


def test_of_a_long_trace_only_the_steps_that_are_shown_are_read_whole(reader: Asked) -> None:
    found = trace.load(reader, "many", 2)
    assert (found.run, found.runs) == (2, 2)
    assert [step.row["span_id"] for step in found.steps] == [str(n) for n in range(1000, 960, -1)]
    assert not any(step.content for step in found.steps)
    shown = found.steps[10:40]
    reader.statements.clear()
    trace.contents(reader, found, shown)
    (asked,) = reader.statements
    # As a project's key reads it, which refuses two conditions.
    assert plain.instead(asked, "everyspan").count("WHERE") == 1
    # What came last of a step counts.
    assert [step.content["input"] for step in shown] == [
        f"said {n + 40 if n < 20 else n}" for n in range(10, 40)
    ]
    assert [bool(step.content) for step in found.steps] == [False] * 10 + [True] * 30
    reader.statements.clear()
    trace.contents(reader, found, shown)
    assert reader.statements == []
    assert [step.row["span_id"] for step in trace.load(reader, "many", 1).steps] == ["old"]
