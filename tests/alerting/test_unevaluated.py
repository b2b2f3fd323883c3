"""Rules that can't be evaluated: one incident for each cause, in words of its own, no trace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client

from alerting.clickhouse_watch import ClickHouseWatch
from alerting.notification import Alert
from alerting.store.file import now_ms
from alerting.unevaluated import AWAY, failing_of
from clickhouse.connection import connect
from tests.alerting.served import Ask, events, pagerduty_routes, served, tell
from tests.alerting.stand_in import StandIn, stand_in, wait
from tests.alerting.test_given_cases import alert, post
from tests.clickhouse.databases import engine

FAST = {"alert_clickhouse_away_seconds": 2, "alert_unevaluated_seconds": 2}
REFUSED = (
    "[sse.dataQueryError] failed to execute query [A]: dial tcp 172.18.0.3:9000: connection refused"
)
WRONG = (
    "[sse.dataQueryError] failed to execute query [A]: code: 47, message: Unknown identifier 'x'"
)


class Server:
    """A ClickHouse that is there or not, as the test says. ``asked``: how often somebody tried."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self.away = dsn, False
        self.asked = 0

    def __call__(self) -> Any:
        self.there()
        return _Client(self, connect(self._dsn))

    def there(self) -> None:
        """Raises ConnectionError where it is not."""
        self.asked += 1
        if self.away:
            raise ConnectionError("connection refused")

    def asked_again(self, times: int = 2) -> None:
        """Wait until the watch has: what it would tell of, it has told by then."""
        before = self.asked
        wait(lambda: self.asked >= before + times, lambda: self.asked, 120)


class _Client:
    def __init__(self, server: Server, client: Client) -> None:
        self._server, self._client = server, client

    def __getattr__(self, name: str) -> Any:
        if name != "close":
            self._server.there()
        return getattr(self._client, name)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("away") / "clickhouse") as found:
        yield found


@pytest.fixture
def server(dsn: str) -> Server:
    return Server(dsn)


@pytest.fixture
def oncall() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found
        assert found.problems == []


def failing(
    number: int, error: str = REFUSED, status: str = "firing", severity: str = "critical"
) -> dict[str, Any]:
    """As Grafana sends it, with the rule's headline and labels."""
    return alert(
        f"e{number}",
        status,
        annotations={
            "Error": error,
            "summary": "data leakage in [no value] traces of  ()",
            "description": "{{ humanizePercentage $values.B.Value }}",
            "window_seconds": "900",
        },
        labels={
            "alertname": "DatasourceError",
            "rulename": f"rule {number}",
            "datasource_uid": "everyspan-clickhouse",
            "ref_id": "A",
            "severity": severity,
            "team": "security",
            "classifier": "data_leakage",
            "layer": "safety",
            "kind": "critical",
        },
    )


def summaries(oncall: StandIn) -> list[str]:
    return [body["payload"]["summary"] for body in oncall.taken]


def test_one_that_lasts_is_told_as_what_it_is(
    tmp_path: Path, oncall: StandIn, server: Server
) -> None:
    with served(tmp_path, pagerduty_routes(oncall), server, **FAST) as ask:
        tell(ask, post(failing(1, WRONG)))
        wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried, 60)
        body = oncall.taken[0]
        told = body["payload"]["summary"]
        assert told == f"Everyspan can't evaluate rule rule 1 since 22:00 UTC: {WRONG}"
        assert body["payload"]["severity"] == "error", "one lower than the rule's"
        details = body["payload"]["custom_details"]
        assert {"2 evidence", "3 trace", "not enriched"}.isdisjoint(details)
        assert "no value" not in json.dumps(body)
        assert "{{" not in json.dumps(body)
        told_of = ask("GET", "/v1/alerts/1")[1]["alert"]["labels"]
        assert told_of["team"] == "platform"
        # Grafana 9 says why in the first notification alone.
        tell(ask, post(failing(1, "")))
        server.asked_again()
        tell(ask, post(failing(1, "", "resolved")))
        wait(lambda: events(oncall) == ["trigger", "resolve"], lambda: oncall.tried, 60)


def test_a_failed_evaluation_pages_nobody(tmp_path: Path, oncall: StandIn, server: Server) -> None:
    with served(tmp_path, pagerduty_routes(oncall), server, alert_unevaluated_seconds=5) as ask:
        tell(ask, post(*(failing(n) for n in range(17))))
        tell(ask, post(*(failing(n, status="resolved") for n in range(17))))
        time.sleep(8)
        tell(ask, post(alert("other")))
        wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried)
        assert summaries(oncall) == ["x"]


def test_seventeen_rules_of_one_cause_are_one_incident(
    tmp_path: Path, oncall: StandIn, server: Server
) -> None:
    """Grafana can't reach ClickHouse, we can; and one rule fails for a cause of its own."""
    many = [failing(n, severity="warning" if n else "critical") for n in range(17)]
    with served(tmp_path, pagerduty_routes(oncall), server, **FAST) as ask:
        tell(ask, post(*many, failing(90, WRONG, severity="warning")))
        wait(lambda: len(oncall.taken) == 2, lambda: summaries(oncall), 60)
        time.sleep(3)
        told = sorted(summaries(oncall))
        assert told[0] == f"Everyspan can't evaluate 17 rules since 22:00 UTC: {REFUSED}"
        assert told[1].startswith("Everyspan can't evaluate rule rule 90 since 22:00 UTC")
        severities = {b["payload"]["summary"][:30]: b["payload"]["severity"] for b in oncall.taken}
        assert sorted(severities.values()) == ["error", "info"]
        # Words that differ from rule to rule: another port, another time.
        tell(ask, post(failing(91, REFUSED.replace("refused", "reset by peer"))))
        time.sleep(4)
        assert len(oncall.taken) == 2


def test_a_rule_that_finds_something_is_evaluated(
    tmp_path: Path, oncall: StandIn, server: Server
) -> None:
    """Grafana says so later, by up to the interval of its group: no data while rows come again."""
    settings = FAST | {"alert_unevaluated_seconds": 600}
    with served(tmp_path, pagerduty_routes(oncall), server, **settings) as ask:
        tell(ask, post(failing(1, WRONG)))
        tell(ask, post(_finding("firing", "2026-11-28T23:00:00Z")))
        wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried, 60)
    with served(tmp_path, pagerduty_routes(oncall), server, **FAST) as ask:
        server.asked_again()
        # Of what began before the failure nobody knows.
        old = alert("old", labels={"alertname": "rule 2"}, startsAt="2026-11-28T01:00:00Z")
        tell(ask, post(failing(2, WRONG)), post(old))
        wait(lambda: len(oncall.taken) == 3, lambda: oncall.tried, 60)
        told = sorted(summaries(oncall))
        assert told[0].startswith("Everyspan can't evaluate rule rule 2 since 22:00 UTC")
        assert not told[1].startswith("Everyspan")


def _down(ask: Ask, oncall: StandIn, server: Server) -> None:
    server.away = True
    # Those that Grafana tells of late are without a reason.
    tell(ask, post(*(failing(n, REFUSED if n % 3 else "") for n in range(17))))
    wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried, 120)


def test_clickhouse_away_is_one_incident_resolved_when_it_is_back(
    tmp_path: Path, oncall: StandIn, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path, pagerduty_routes(oncall), server, **FAST) as ask:
        tell(ask, post(alert("before")))
        wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried, 60)
        oncall.taken.clear()
        _down(ask, oncall, server)
        assert summaries(oncall)[0].startswith("ClickHouse is away since ")
        assert "17 rules" not in summaries(oncall)[0]
    # The service is started again meanwhile, and looks in the very millisecond in which it finds
    # that nobody answers.
    moment = now_ms()
    monkeypatch.setattr("alerting.watch.now_ms", lambda: moment)
    monkeypatch.setattr("alerting.clickhouse_watch.now_ms", lambda: moment)
    with served(tmp_path, pagerduty_routes(oncall), server, **FAST) as ask:
        server.asked_again()
        monkeypatch.undo()
        server.asked_again()
        assert len(oncall.taken) == 1, summaries(oncall)
        server.away = False
        wait(lambda: len(oncall.taken) == 2, lambda: oncall.tried, 120)
        assert events(oncall) == ["trigger", "resolve"]
        assert oncall.taken[0]["dedup_key"] == oncall.taken[1]["dedup_key"]
        # Grafana says later that the rules are evaluated again: nobody hears of it.
        server.asked_again()
        tell(ask, post(*(failing(n, status="resolved") for n in range(17))))
        tell(ask, post(alert("after")))
        wait(lambda: len(oncall.taken) == 3, lambda: oncall.tried, 120)
        assert summaries(oncall)[2] == "x"


class _Slow:
    """A ClickHouse that answers, late: what was asked before it went away."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()

    def command(self, _: str) -> str:
        self.began.set()
        assert self.go_on.wait(60)
        return "1"


def test_an_answer_counts_from_when_it_was_asked_for() -> None:
    """Else one that is under way when a rule fails says that ClickHouse is there."""
    slow = _Slow()
    watch = ClickHouseWatch(lambda: cast(Client, slow))
    thread = threading.Thread(target=watch.look)
    thread.start()
    assert slow.began.wait(60)
    time.sleep(0.01)
    heard_at = now_ms()
    slow.go_on.set()
    thread.join(60)
    assert 0 < watch.seen.asked_at < heard_at
    assert watch.seen.known


def test_away_for_a_moment_is_nothing(tmp_path: Path, oncall: StandIn, server: Server) -> None:
    with served(
        tmp_path, pagerduty_routes(oncall), server, alert_clickhouse_away_seconds=30
    ) as ask:
        server.away = True
        tell(ask, post(*(failing(n) for n in range(17))))
        time.sleep(6)
        server.away = False
        tell(ask, post(*(failing(n, status="resolved") for n in range(17))))
        time.sleep(12)
        assert oncall.tried == []


@pytest.mark.parametrize(
    "error",
    [REFUSED, "read tcp: i/o timeout", "EOF", "context deadline exceeded", "driver: bad connection",
     "dial tcp: lookup clickhouse: no such host", "write: broken pipe", "read: connection reset",
     "sendQuery: [HTTP 503] response body: \"Code: 202. DB::Exception: Too many simultaneous "
     "queries: readers are being replaced. (TOO_MANY_SIMULTANEOUS_QUERIES)\"",
     "Code: 202. DB::Exception: Too many simultaneous queries: stopped after 8 s"],
)  # fmt: skip
def test_whatever_the_driver_says_of_a_server_that_is_away(error: str) -> None:
    found = failing_of(Alert.model_validate(failing(1, error)))
    assert found is not None
    assert found.cause == AWAY


def test_no_data_and_findings_are_told_apart() -> None:
    one, other = (
        failing_of(
            Alert.model_validate(
                alert(name, labels={"alertname": "DatasourceNoData", "rulename": name})
            )
        )
        for name in ("a", "b")
    )
    assert one is not None
    assert other is not None
    assert one.cause != other.cause
    assert failing_of(Alert.model_validate(alert())) is None
    # A rule that somebody named so.
    named = alert(labels={"alertname": "DatasourceError"})
    assert failing_of(Alert.model_validate(named)) is None


def _finding(status: str, began: str, rule: str = "rule 1") -> dict[str, Any]:
    """A finding of a rule that may fail later."""
    return alert("found", status, labels={"alertname": rule}, startsAt=began)


def test_what_had_fired_goes_on_through_an_outage(
    tmp_path: Path, oncall: StandIn, server: Server
) -> None:
    """Grafana ends what it can't see any more, and finds it again as if it had begun anew."""
    settings = FAST | {"alert_settle_seconds": 600}
    with served(tmp_path, pagerduty_routes(oncall), server, **settings) as ask:
        tell(ask, post(_finding("firing", "2026-11-28T20:00:00Z")))
        wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried, 60)
        tell(ask, post(failing(1)))
        tell(ask, post(_finding("resolved", "2026-11-28T20:00:00Z")))
        tell(ask, post(failing(1, status="resolved")))
        tell(ask, post(_finding("firing", "2026-11-28T21:00:00Z")))
        # Said again by Grafana, whose startsAt is the later one now.
        tell(ask, post(_finding("firing", "2026-11-28T21:00:00Z")))
        tell(ask, post(alert("after")))
        wait(lambda: len(oncall.taken) == 2, lambda: oncall.tried, 60)
        assert events(oncall) == ["trigger", "trigger"]
        assert summaries(oncall)[1] == "x", "the first one neither ended nor began anew"
        tell(ask, post(_finding("resolved", "2026-11-28T21:00:00Z")))
        wait(lambda: len(oncall.taken) == 3, lambda: oncall.tried, 60)
        assert oncall.taken[2]["event_action"] == "resolve"
        assert oncall.taken[2]["dedup_key"] == oncall.taken[0]["dedup_key"]


def test_what_ended_during_an_outage_ends_after_it(
    tmp_path: Path, oncall: StandIn, server: Server
) -> None:
    settings = FAST | {"alert_settle_seconds": 3}
    with served(tmp_path, pagerduty_routes(oncall), server, **settings) as ask:
        tell(ask, post(_finding("firing", "2026-11-28T20:00:00Z")))
        wait(lambda: len(oncall.taken) == 1, lambda: oncall.tried, 60)
        tell(ask, post(failing(1, WRONG)))
        wait(lambda: len(oncall.taken) == 2, lambda: oncall.tried, 60)
        tell(ask, post(_finding("resolved", "2026-11-28T20:00:00Z")))
        time.sleep(6)
        assert events(oncall) == ["trigger", "trigger"], "nobody has looked whether it ended"
    # Over a restart of the service, too.
    with served(tmp_path, pagerduty_routes(oncall), server, **settings) as ask:
        tell(ask, post(failing(1, WRONG, "resolved")))
        wait(lambda: len(oncall.taken) == 4, lambda: oncall.tried, 60)
        assert sorted(events(oncall)[2:]) == ["resolve", "resolve"]
        assert {b["dedup_key"] for b in oncall.taken[:2]} == {
            b["dedup_key"] for b in oncall.taken[2:]
        }
        # Another rule's are no matter of this one's.
        tell(ask, post(failing(2, WRONG)))
        tell(ask, post(_finding("firing", "2026-11-28T22:00:00Z")))
        wait(lambda: len(oncall.taken) >= 5, lambda: oncall.tried, 60)
        tell(ask, post(_finding("resolved", "2026-11-28T22:00:00Z")))
        wait(lambda: events(oncall).count("resolve") == 3, lambda: oncall.tried, 60)
