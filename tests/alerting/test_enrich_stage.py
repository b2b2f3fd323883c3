"""Enrichment as a stage: once for each alert, kept on disk, and no page waits for it for long."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerting.store.store import Store
from clickhouse.connection import connect
from tests.alerting.pipelines import alert, away, pipeline, tell
from tests.alerting.stand_in import StandIn, stand_in, wait
from tests.alerting.test_delivery import alert as alert_of_pagerduty
from tests.alerting.test_delivery import routes
from tests.alerting.test_delivery import tell as post
from tests.alerting.test_webhook import service
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated

AWAY = "ClickHouse is away: refused"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """DSN and database of a ClickHouse in which nothing failed."""
    with (
        engine(tmp_path_factory.mktemp("stage") / "clickhouse") as dsn,
        database(dsn) as (client, made),
    ):
        migrated(client, made)
        yield dsn, made.database


@pytest.fixture
def oncall() -> Iterator[StandIn]:
    with stand_in(pagerduty=False) as server:
        yield server


class Connect:
    """Counts; the calls whose number is in ``hanging`` wait until the test is over."""

    def __init__(self, connect: Callable[[], Client], hanging: range = range(0)) -> None:
        self._connect, self._hanging = connect, hanging
        self.calls = 0
        self.over = threading.Event()

    def __call__(self) -> Client:
        self.calls += 1
        if self.calls - 1 in self._hanging:
            self.over.wait()
        return self._connect()


def told(server: StandIn) -> dict[str, dict[str, Any]]:
    """Dedup key to the case that it was told with."""
    return {body["dedup_key"]: body["case"] for body in server.taken}


def wait_for(server: StandIn, count: int, seconds: float = 20) -> None:
    wait(lambda: len(server.taken) >= count, lambda: server.tried, seconds)


def test_once_for_every_destination_a_retry_and_a_restart(
    tmp_path: Path, oncall: StandIn, empty: tuple[str, str]
) -> None:
    dsn, name = empty
    with stand_in(pagerduty=False) as chat:
        chat.answers = [503, 503, (503, "3600")]
        servers = {"oncall": oncall, "chat": chat}
        first = Connect(lambda: connect(dsn))
        with pipeline(tmp_path, servers, first, database=name) as store:
            tell(store, alert("a"))
            wait_for(oncall, 1)
            wait(lambda: len(chat.tried) == 3, lambda: chat.tried)
            time.sleep(0.2)
        assert first.calls == 1
        second = Connect(away)
        with pipeline(tmp_path, servers, second, database=name) as store:
            (waiting,) = store.deliveries.read("pending")
            store.deliveries.resend(waiting.id)
            wait_for(chat, 1)
        assert second.calls == 0
        (case,) = {json.dumps(b["case"]) for b in [*oncall.taken, *chat.tried, *chat.taken]}
        assert json.loads(case)["unenriched"] == ""
        assert len(oncall.taken) == 1


def test_a_clickhouse_that_hangs_delays_no_page_beyond_the_budget(
    tmp_path: Path, oncall: StandIn
) -> None:
    hanging = Connect(away, range(100))
    with (
        stand_in(pagerduty=False) as chat,
        pipeline(tmp_path, {"oncall": oncall, "chat": chat}, hanging, enrich_seconds=2) as store,
    ):
        began = time.monotonic()
        # More of them than there are workers, less than are told as one.
        tell(store, *(alert(f"a{number}") for number in range(19)))
        for server in (oncall, chat):
            wait_for(server, 19)
            assert {case["unenriched"] for case in told(server).values()} == {
                "no answer within 2 s"
            }
            assert len(server.tried) == 19
            first, last = server.times[0] - began, server.times[-1] - began
            assert first > 1.9
            assert last < 6, "they wait at the same time, not one after the other"
        # It is not asked again at once: the next alert need not wait.
        began = time.monotonic()
        tell(store, alert("b"))
        wait_for(oncall, 20)
        assert oncall.times[-1] - began < 1.9
        hanging.over.set()


def test_one_that_hangs_keeps_no_other_waiting(
    tmp_path: Path, oncall: StandIn, empty: tuple[str, str]
) -> None:
    dsn, name = empty
    hanging = Connect(lambda: connect(dsn), range(1))
    with pipeline(tmp_path, {"oncall": oncall}, hanging, database=name, enrich_seconds=60) as store:
        tell(store, alert("hangs"))
        wait(lambda: hanging.calls == 1, lambda: hanging.calls)
        tell(store, alert("other"))
        wait_for(oncall, 1)
        assert told(oncall)["everyspan-other"]["unenriched"] == ""
        hanging.over.set()
        wait_for(oncall, 2)
        assert told(oncall)["everyspan-hangs"]["unenriched"] == ""


def test_each_alert_keeps_its_own_links_while_clickhouse_is_away(
    tmp_path: Path, oncall: StandIn
) -> None:
    with pipeline(tmp_path, {"oncall": oncall}) as store:
        for name in ("a", "b"):
            tell(store, alert(name, panelURL=f"https://grafana.example/{name}"))
            wait_for(oncall, "ab".index(name) + 1)
    for name in ("a", "b"):
        case = told(oncall)[f"everyspan-{name}"]
        assert case["unenriched"] == AWAY
        links = [
            ["panel", f"https://grafana.example/{name}"],
            ["rule", alert(name)["generatorURL"]],
        ]
        assert case["links"] == links


def test_a_burst_is_enriched_once(tmp_path: Path, oncall: StandIn, empty: tuple[str, str]) -> None:
    dsn, name = empty
    counting = Connect(lambda: connect(dsn))
    with pipeline(tmp_path, {"oncall": oncall}, counting, database=name) as store:
        tell(store, *(alert(f"a{number}") for number in range(50)))
        wait_for(oncall, 1)
        wait(lambda: store.deliveries.counts()["folded"] == 49, lambda: store.deliveries.counts())
    assert counting.calls == 1
    assert len(oncall.taken) == 1


def test_resending_looks_again_for_what_was_missing(
    tmp_path: Path, oncall: StandIn, empty: tuple[str, str]
) -> None:
    dsn, name = empty
    with pipeline(tmp_path, {"oncall": oncall}) as store:
        tell(store, alert("a"))
        wait_for(oncall, 1)
        wait(lambda: store.deliveries.counts()["sent"] == 1, lambda: store.deliveries.read())
    assert told(oncall)["everyspan-a"]["unenriched"] == AWAY
    with pipeline(tmp_path, {"oncall": oncall}, lambda: connect(dsn), database=name) as store:
        (delivery,) = store.deliveries.read()
        store.cases.drop_incomplete(delivery.case_key)
        store.deliveries.resend(delivery.id)
        wait_for(oncall, 2)
    assert oncall.taken[1]["case"]["unenriched"] == ""


def refuse(store: Store, what: str, allowed: bool = False) -> None:
    """The disk takes no more of what the trigger is about; or it does again."""
    with store.file.transaction() as connection:
        connection.execute("DROP TRIGGER IF EXISTS full")
        if not allowed:
            connection.execute(
                f"CREATE TRIGGER full BEFORE {what} BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )


def test_a_case_that_can_not_be_written_is_told_all_the_same(
    tmp_path: Path, oncall: StandIn
) -> None:
    with pipeline(tmp_path, {"oncall": oncall}) as store:
        refuse(store, "INSERT ON cases")
        tell(store, alert("a"))
        wait_for(oncall, 1)
        assert told(oncall)["everyspan-a"]["unenriched"] == AWAY


def test_what_was_sent_is_not_sent_again_while_that_can_not_be_noted(
    tmp_path: Path, oncall: StandIn
) -> None:
    """It was sent every second until there was room on the disk."""
    with pipeline(tmp_path, {"oncall": oncall}) as store:
        refuse(store, "UPDATE OF sent_at ON deliveries")
        tell(store, alert("a"))
        wait_for(oncall, 1)
        time.sleep(2.5)
        assert len(oncall.tried) == 1
        refuse(store, "", allowed=True)
        wait(lambda: store.deliveries.counts()["sent"] == 1, lambda: store.deliveries.read())
        assert len(oncall.tried) == 1


def test_a_case_of_another_version_is_looked_up_again(tmp_path: Path, oncall: StandIn) -> None:
    oncall.answers = [(503, "3600")]
    with pipeline(tmp_path, {"oncall": oncall}) as store:
        tell(store, alert("a"))
        wait(lambda: store.deliveries.counts()["pending"] == 1, lambda: store.deliveries.read())
        wait(lambda: len(oncall.tried) == 1, lambda: oncall.tried)
        time.sleep(0.2)
    counting = Connect(away)
    with pipeline(tmp_path, {"oncall": oncall}, counting) as store:
        with store.file.transaction() as connection:
            connection.execute("""UPDATE cases SET found = '{"service": 5}'""")
        (delivery,) = store.deliveries.read()
        store.deliveries.resend(delivery.id)
        wait_for(oncall, 1)
    assert counting.calls == 1


@pytest.fixture
def deaf() -> Iterator[tuple[str, list[socket.socket]]]:
    """The DSN of a ClickHouse that takes connections and never answers, and those it has taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", taken
        for each in taken:
            each.close()


def test_a_server_that_never_answers_is_waited_for_so_long(
    tmp_path: Path, deaf: tuple[str, list[socket.socket]]
) -> None:
    with stand_in() as pagerduty:
        more = {"EVERYSPAN_CLICKHOUSE_DSN": deaf[0], "EVERYSPAN_ENRICH_SECONDS": "1"}
        with service(tmp_path / "data", **routes(tmp_path, pagerduty), **more) as up:
            began = time.monotonic()
            post(up, alert_of_pagerduty())
            wait_for(pagerduty, 1)
            assert pagerduty.times[0] - began < 5
            details = pagerduty.taken[0]["payload"]["custom_details"]
            assert details["not enriched"] == "no answer within 1 s"
            shown = json.loads(up.request("GET", "/v1/alerts/1").body)
            assert shown["case"]["unenriched"] == "no answer within 1 s"


def test_kill_9_while_it_is_looked_up(
    tmp_path: Path, deaf: tuple[str, list[socket.socket]]
) -> None:
    dsn, taken = deaf
    with stand_in() as pagerduty:
        environment = routes(tmp_path, pagerduty)
        slow = {"EVERYSPAN_CLICKHOUSE_DSN": dsn, "EVERYSPAN_ENRICH_SECONDS": "60"}
        with service(tmp_path / "data", **environment, **slow) as up:
            post(up, alert_of_pagerduty(1), alert_of_pagerduty(2))
            # The service's own metrics connect as well.
            wait(lambda: len(taken) >= 3, lambda: taken)
            assert json.loads(up.request("GET", "/v1/alerts/2").body)["case"] is None
            up.kill()
        assert pagerduty.tried == []
        with service(tmp_path / "data", **environment) as up:
            wait_for(pagerduty, 2)
            time.sleep(0.5)
        assert len({body["dedup_key"] for body in pagerduty.taken}) == len(pagerduty.tried) == 2
