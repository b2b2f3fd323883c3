"""Tallies of hours say what the rows say, whatever becomes of the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.tallies import counting, keep
from classify.tallies.keep import Tallying
from clickhouse.connection import connect
from clickhouse.erasure.erase import erase, find
from clickhouse.erasure.old_text import remove_old_text
from clickhouse.settings import ClickHouseSettings
from grafana import conditions
from grafana.build import tallied
from grafana.build.sql import classifiers
from grafana.macros import TimeRange, expand, interval_for
from grafana.report.panels import DASHBOARDS
from grafana.variables import fill
from tests.clickhouse.migrated import migrated
from tests.grafana import seed
from web import now
from web.reader import Reader, Row
from web.sql import at


class House:
    """Nine hours of spans. ``hour``: of it, as SQL; everything happens there."""

    def __init__(self, client: Client, settings: ClickHouseSettings) -> None:
        self.client, self.settings = client, settings
        self.tallying = Tallying(settings, quiet_seconds=0)
        self.until = datetime.now(UTC)
        self.start = self.until - timedelta(hours=8, minutes=17)
        begins = self.until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
        self.hour = f"toDateTime('{begins:%Y-%m-%d %H:%M:%S}', 'UTC')"
        self.within = f"toStartOfHour(start_time) = {self.hour}"

    def again(self, replace: str, condition: str, source: str = "spans") -> None:
        """Insert rows of the hour anew, as whoever changes them does."""
        self.client.command(
            f"INSERT INTO spans_raw SELECT * REPLACE ({replace}) FROM {source}"
            f" WHERE {self.within} AND {condition}"
        )

    def settle(self, tallying: Tallying | None = None) -> int:
        """Tally what is to be tallied: how many hours."""
        return sum(iter(lambda: (tallying or self.tallying).look(self.client), 0))

    @property
    def is_settled(self) -> bool:
        sql = f"SELECT count() FROM settled_hours WHERE hour = {self.hour}"
        return bool(self.client.query(sql).result_rows[0][0])

    def counted(self, *, of_rows: bool) -> list[Any]:
        """All that tallies know, by service."""
        window = at(self.start), at(self.until)
        sql = tallied.tallied(
            {"service": tallied.SERVICE, "place": tallied.ENVIRONMENT, "once": tallied.IS_ONCE},
            {
                "verdicts": tallied.verdicts_of(classifiers()),
                "spans_of": tallied.SPANS,
                "whole_of": tallied.WHOLE,
                "roots": tallied.TRACES,
                "wrong": tallied.ERRORS,
                "slow": tallied.slower_than(1500),
                "lasted": tallied.DURATIONS,
                "seen": tallied.USERS,
                "paid": tallied.COST,
            },
            rows=f"replay_of = '' AND start_time BETWEEN {window[0]} AND {window[1]}",
            tallies="NOT replayed",
            windows=[window],
            unless=str(int(of_rows)),
        )
        return plain(
            self.client.query(
                "SELECT service, place, once, sum(spans_of), sum(whole_of), sum(roots), sum(wrong),"
                " sum(slow), arraySort(groupArrayArray(lasted)), uniqArray(seen), sum(paid),"
                " groupArray(verdicts) FROM (" + sql + ") GROUP BY ALL"
            ).result_rows
        )


def plain(rows: Any) -> list[Any]:
    """In one order, verdicts of a group added up, to nine digits: sums have their own order."""

    def told(value: Any) -> Any:
        if isinstance(value, float):
            return f"{value:.9g}"
        if isinstance(value, (list, tuple)):
            return [told(each) for each in value]
        return str(value)

    found = []
    for row in rows:
        *facts, verdicts = row
        if isinstance(verdicts, list):
            sums: dict[str, list[int]] = {}
            for name, *numbers in (each for one in verdicts for each in one):
                before = sums.get(name, [0, 0, 0])
                sums[name] = [a + b for a, b in zip(before, numbers, strict=True)]
            verdicts = sorted((name, *each) for name, each in sums.items() if any(each))
        found.append(told([*facts, verdicts]))
    return sorted(found, key=str)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = ClickHouseSettings(data=tmp_path_factory.mktemp("tallies"))
    with connect(settings.dsn) as client:
        migrated(client, settings)
        client.database = settings.database
        seed.fill(client, settings.database, 3_500, 1)
        found = House(client, settings)
        # As if they were of before there were tallies.
        client.command(
            "ALTER TABLE spans_raw DELETE WHERE start_time < now() - INTERVAL 9 HOUR",
            settings={"mutations_sync": 2},
        )
        client.command("TRUNCATE TABLE hour_changes")
        # An hour of past weeks, for what is compared with them.
        client.command(
            "INSERT INTO spans_raw SELECT * EXCEPT n REPLACE (concat(trace_id, toString(n))"
            " AS trace_id, start_time - toIntervalDay(7 * (1 + n % 2)) AS start_time)"
            f" FROM (SELECT * FROM spans WHERE {found.within}) ARRAY JOIN range(18) AS n"
        )
        yield found


def test_the_answer_is_that_of_the_rows_after_each_kind_of_change(house: House) -> None:
    assert house.counted(of_rows=False) == house.counted(of_rows=True)
    assert not house.is_settled
    assert house.settle(Tallying(house.settings, quiet_seconds=3600)) == 0
    assert house.settle() >= 8
    assert house.is_settled
    client = house.client

    def late() -> None:
        house.again("'late' AS trace_id, 0 AS verdict_version", "step_kind = 'agent'")

    def forgotten() -> None:
        found = find(client, house.settings, "user", ["the one"])
        assert found.rows
        erase(client, house.settings, "user", found)

    changes: list[tuple[str, Callable[[], None]]] = [
        (
            "a verdict",
            lambda: house.again(
                "'fail' AS hallucination, 2 AS verdict_version", "step_kind = 'llm'"
            ),
        ),
        ("a span that comes late", late),
        (
            "a twin",
            lambda: house.again(
                "concat(leftPad('', 32, 'a'), '/', span_id) AS twin_of, NULL AS cost_usd,"
                " 3 AS verdict_version",
                "step_kind = 'llm' AND service_name = 'support-agent'",
            ),
        ),
        (
            "a verdict of a classifier of one's own",
            lambda: house.again(
                "map('mentions_rival', 'fail', 'new', 'abstained') AS custom, 4 AS verdict_version",
                "step_kind = 'tool'",
            ),
        ),
        (
            "a user that is known in the end",
            lambda: house.again(
                "'the one' AS user_id, 5 AS verdict_version", "service_name = 'search-agent'"
            ),
        ),
        (
            "another project's",
            lambda: house.again("'beta' AS project, 7 AS duration_ms", "step_kind = 'agent'"),
        ),
        ("forgotten", forgotten),
    ]
    rows = house.counted(of_rows=False)
    for name, change in changes:
        before = rows
        change()
        rows = house.counted(of_rows=True)
        assert rows != before, name
        assert house.counted(of_rows=False) == rows, f"{name}, before it is tallied"
        house.settle()
        assert house.is_settled, name
        assert house.counted(of_rows=False) == rows, f"{name}, tallied"
    # What changes no number: a replay, and texts that are too old.
    house.again("concat('r', trace_id) AS trace_id, 'a' AS replay_of", "1")
    assert not house.is_settled
    house.settle()
    assert remove_old_text(client, house.settings, 1, datetime.now(UTC) + timedelta(days=3))
    assert house.is_settled
    assert house.counted(of_rows=False) == house.counted(of_rows=True)


def test_what_was_stored_without_a_note_is_noted_at_the_next_start(house: House) -> None:
    house.settle()
    # The engine was killed between the two.
    house.client.command("DETACH TABLE hour_changes_of_spans")
    house.again(
        "9 AS verdict_version, now64(3) + INTERVAL 2 MINUTE AS verdict_at, 'fail' AS toxicity",
        "step_kind = 'llm'",
    )
    house.client.command("ATTACH TABLE hour_changes_of_spans")
    assert house.counted(of_rows=False) != house.counted(of_rows=True)
    house.settle(Tallying(house.settings, quiet_seconds=0))
    assert house.counted(of_rows=False) == house.counted(of_rows=True)


def test_tallies_that_others_took_the_place_of_are_removed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.again("10 AS verdict_version", "1")
    house.settle()
    made = f"SELECT uniqExact(made_at) FROM hour_tallies WHERE hour = {house.hour}"
    assert house.client.query(made).result_rows[0][0] > 1
    assert keep.clear(house.client, house.settings) == 0  # Somebody may read them.
    monkeypatch.setattr(keep, "_READ_SECONDS", -1)
    assert keep.clear(house.client, house.settings) > 0
    assert house.client.query(made).result_rows[0][0] == 1
    assert house.is_settled
    assert house.counted(of_rows=False) == house.counted(of_rows=True)


class _Both(Reader):
    """Asks each statement with tallies and without, and holds the answers to each other."""

    def __init__(self, client: Client) -> None:
        super().__init__(lambda _: client, "everyspan")
        self.compared = 0

    def rows(self, sql: str) -> list[Row]:
        found, rows = super().rows(sql), super().rows(of_rows(sql))
        if of_rows(sql) != sql:
            assert _facts(found) == _facts(rows)
            self.compared += 1
        return found


def _facts(rows: list[Row]) -> list[Any]:
    return [
        {k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items() if k != "counted"}
        for row in sorted(rows, key=lambda row: row["is_now"])
    ]


def of_rows(sql: str) -> str:
    """The same without tallies."""
    return sql.replace("FROM settled_hours WHERE ", "FROM settled_hours WHERE 0 AND ")


@pytest.mark.parametrize("model", ["$__all", "gpt-4.1"])
def test_the_page_and_the_boards_say_the_same_with_tallies_and_without(
    house: House, model: str
) -> None:
    house.settle()
    reader = _Both(house.client)
    facts, verdicts = now._facts(reader, house.until - timedelta(hours=4), house.until, "")
    assert reader.compared == 1
    assert all(window["spans"] > 400 for window in facts.values())
    assert verdicts
    asked = 0
    times = TimeRange(house.until - timedelta(hours=6, minutes=7), house.until)
    for path in sorted(DASHBOARDS.glob("*.json" if model == "$__all" else "quality.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        values = {"model": model}
        for variable in board["templating"]["list"]:
            current = variable.get("current", {}).get("value", "")
            default = current[0] if isinstance(current, list) else current
            values.setdefault(variable["name"], default)
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                if "settled_hours" not in target["rawSql"]:
                    continue
                sql = expand(fill(target["rawSql"], values), times, interval_for(times))
                answers = [
                    plain([(*row, "") for row in house.client.query(each).result_rows])
                    for each in (sql, of_rows(sql))
                ]
                assert answers[0] == answers[1], panel["title"]
                assert answers[0] or model != "$__all", panel["title"]
                asked += 1
    assert asked >= (6 if model == "$__all" else 2)


def test_a_trace_is_the_same_for_tallies_as_for_boards() -> None:
    assert counting.ROOT == conditions.ROOT
