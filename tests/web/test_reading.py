"""What the views read: the same as the plain question, which reads more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings
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

    def rows(self, sql: str) -> list[Row]:
        self.statements.append(sql)
        return super().rows(sql)


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


def test_a_trace_is_read_from_its_first_to_its_last_step(reader: Asked) -> None:
    found = trace.load(reader, "long-3")
    assert [step.row["span_id"] for step in found.steps] == ["3", "12"]
    trace.contents(reader, found, found.steps)
    assert all(step.content for step in found.steps)
    # Its last steps alone, and one that there is not.
    trace.contents(reader, found, found.steps[1:])
    with pytest.raises(trace.NotStoredError):
        trace.load(reader, "long-99")
