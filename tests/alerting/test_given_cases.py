"""Notifications that public reports describe, over real sockets: what must come out of each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerting.served import Ask, events, pagerduty_routes, served, tell
from tests.alerting.stand_in import StandIn, stand_in, wait

START = "2026-11-28T22:00:00Z"
NEVER = "0001-01-01T00:00:00Z"


def alert(fingerprint: str = "f1", status: str = "firing", **changes: Any) -> dict[str, Any]:
    return {
        "status": status,
        "annotations": {"summary": "x"},
        "startsAt": START,
        "endsAt": NEVER if status == "firing" else "2026-11-28T22:10:00Z",
        "fingerprint": fingerprint,
        "labels": {"alertname": "r"},
        **changes,
    }


def post(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "receiver": "everyspan",
        "status": "resolved" if all(a["status"] == "resolved" for a in alerts) else "firing",
        "orgId": 1,
        "alerts": list(alerts),
        "groupKey": "g",
        "truncatedAlerts": 0,
        "title": "t",
        **changes,
    }


@pytest.fixture
def oncall() -> Iterator[StandIn]:
    with stand_in() as server:
        yield server
        assert server.problems == []


def counts(ask: Ask) -> dict[str, int]:
    """Deliveries in each state."""
    found: dict[str, int] = ask("GET", "/v1/alerts")[1]["counts"]
    return found


def wait_for(server: StandIn, count: int) -> None:
    wait(lambda: len(server.taken) >= count, lambda: server.tried, 60)


ODD = {
    "no zone": {"startsAt": "2026-11-28T10:00:00"},
    "year 1": {"startsAt": NEVER},
    "no time": {"startsAt": "yesterday"},
    "no startsAt": {"startsAt": None},
    "window of a digit": {"annotations": {"summary": "x", "window_seconds": "3²"}},
    "window of 5000 digits": {"annotations": {"summary": "x", "window_seconds": "9" * 5000}},
    "labels are no strings": {"labels": {"alertname": 5, "service": None, "x": {"y": [1]}}},
    "labels are a list": {"labels": ["a"]},
    "annotations are text": {"annotations": "x"},
    "no fingerprint": {"fingerprint": None},
    "half a character": {"labels": {"alertname": "\ud800"}},
    "NaN": {"values": {"A": float("nan"), "B": "x", "C": {}}},
    "status of another system": {"status": "suppressed"},
}


@pytest.mark.parametrize("odd", list(ODD.values()), ids=list(ODD))
def test_an_odd_alert_goes_out_and_stops_no_other(
    tmp_path: Path, oncall: StandIn, odd: dict[str, Any]
) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post({**alert("odd"), **odd}, alert("with it")), post(alert("later")))
        wait_for(oncall, 3)
        wait(lambda: counts(ask)["sent"] == 3, lambda: ask("GET", "/v1/alerts"))
        assert ask("GET", "/readyz")[0] == 200


def test_what_is_no_alert_is_left_out(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        document = post(alert("a"))
        document["alerts"].insert(0, "no alert")
        tell(ask, document)
        wait_for(oncall, 1)


def test_what_can_not_be_sent_is_dead_alone(tmp_path: Path, oncall: StandIn) -> None:
    oncall.answers = [400]
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(alert("a")))
        wait(lambda: counts(ask)["dead"] == 1, lambda: oncall.tried)
        tell(ask, post(alert("b")))
        wait_for(oncall, 1)


@pytest.mark.parametrize("after", ["3²", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "-5", "x"])
def test_an_absurd_retry_after_is_capped(tmp_path: Path, oncall: StandIn, after: str) -> None:
    oncall.answers = [(503, after.encode("utf-8").decode("latin-1"))]
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(alert("a")))
        wait(lambda: len(oncall.tried) == 1, lambda: oncall.tried)

        def waiting() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = ask("GET", "/v1/alerts")[1]["deliveries"]
            return [each for each in found if each["attempts"]]

        wait(lambda: bool(waiting()), waiting)
        (each,) = waiting()
        assert each["status"] in ("pending", "sent")
        assert each["due_at"] - each["created_at"] <= 11 * 60_000


def test_firing_again_with_the_same_start_is_told_again(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        for count, status in enumerate(("firing", "resolved", "firing"), 1):
            tell(ask, post(alert(status=status)))
            wait_for(oncall, count)
        assert events(oncall) == ["trigger", "resolve", "trigger"]
        assert len({body["dedup_key"] for body in oncall.taken}) == 1


def test_a_retry_of_grafanas_is_told_once(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(alert()), post(alert()))
        tell(ask, post(alert("other"), groupKey="h"))
        wait_for(oncall, 2)
        tell(ask, post(alert()))
        tell(ask, post(alert("third"), groupKey="h"))
        wait_for(oncall, 3)
        assert len(oncall.tried) == 3


@pytest.mark.parametrize("ends", [None, "", NEVER, START], ids=["none", "blank", "zero", "start"])
def test_resolved_without_an_end(tmp_path: Path, oncall: StandIn, ends: str | None) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(alert()))
        wait_for(oncall, 1)
        tell(ask, post(alert(status="resolved", endsAt=ends)))
        wait_for(oncall, 2)
        assert events(oncall) == ["trigger", "resolve"]
        assert "after" not in oncall.taken[1]["payload"]["summary"]


def test_alerts_without_fingerprints_are_two_incidents(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        long = {f"label_{n:02d}": "the same value" for n in range(20)}
        both = [alert("", labels={**long, "z": name}) for name in ("one", "two")]
        tell(ask, post(*both))
        wait_for(oncall, 2)
        assert len({body["dedup_key"] for body in oncall.taken}) == 2


def test_what_goes_on_firing_is_told_again_and_opens_what_was_closed_by_hand(
    tmp_path: Path, oncall: StandIn
) -> None:
    with served(tmp_path, pagerduty_routes(oncall), alert_remind_seconds=1) as ask:
        tell(ask, post(alert()))
        wait_for(oncall, 1)
        wait(lambda: _again(ask, oncall), lambda: oncall.tried)
        assert events(oncall)[:2] == ["trigger", "trigger"]
        assert oncall.taken[1]["dedup_key"] == oncall.taken[0]["dedup_key"]
        assert oncall.taken[1]["payload"]["summary"].startswith("Still firing: ")


def _again(ask: Any, oncall: StandIn) -> bool:
    tell(ask, post(alert()))
    return len(oncall.taken) >= 2


def test_a_flapping_alert_does_not_page_through_a_silence(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        ask("POST", "/v1/silences", {"matchers": {"alertname": "r"}, "seconds": 600})
        for turn in range(8):
            tell(ask, post(alert(status="resolved" if turn % 2 else "firing")))
        wait(
            lambda: sum(counts(ask).values()) >= 7,
            lambda: ask("GET", "/v1/alerts"),
        )
        # It has been steady for an hour, and is still silenced.
        file = sqlite3.connect(tmp_path / "alerting" / "notifications.sqlite3", timeout=10)
        file.execute("UPDATE standings SET since = 0, fires = 1")
        file.execute("UPDATE alerts SET status = 'firing'")
        file.commit()
        file.close()
        tell(ask, post(alert("other", labels={"alertname": "other"})))
        wait_for(oncall, 1)
        tell(ask, post(alert()))
        tell(ask, post(alert("last", labels={"alertname": "last"})))
        wait_for(oncall, 2)
        assert len(oncall.taken) == 2, json.dumps(oncall.taken[0])


def test_a_destination_that_takes_nothing_is_told_to_the_others(
    tmp_path: Path, oncall: StandIn
) -> None:
    with stand_in(pagerduty=False) as chat:
        oncall.answers = [503] * 1000
        routes = pagerduty_routes(oncall, chat=f'type = "webhook"\nurl = "{chat.url}"')
        with served(tmp_path, routes, alert_stalled_seconds=1) as ask:
            tell(ask, post(alert()))
            wait_for(chat, 2)
            own = next(body for body in chat.taken if "do not go out" in body["headline"])
            assert "oncall has taken nothing since" in own["headline"]
            assert "503" in own["headline"]
            assert own["labels"]["team"] == "platform"
            status, text = ask("GET", "/readyz")
            assert status == 200
            assert "degraded: oncall has taken nothing since" in text
            metrics = ask("GET", "/metrics")[1]
            assert 'everyspan_alerting_stalled{queue="oncall"} 1.0' in metrics
            assert 'everyspan_alerting_stalled{queue="chat"} 0.0' in metrics
            oncall.answers = []
            wait(lambda: chat.taken[-1]["event"] == "resolve", lambda: chat.taken, 60)
            assert ask("GET", "/readyz") == (200, "ok\n")


def test_a_queue_that_stands_makes_the_service_not_ready(tmp_path: Path, oncall: StandIn) -> None:
    """A destination that holds the connection: nothing moves, though nothing has failed yet."""
    oncall.answers = ["hang"]
    routes = pagerduty_routes(oncall).replace("[[routes]]", "timeout_seconds = 30\n[[routes]]")
    with served(tmp_path, routes, alert_stalled_seconds=1) as ask:
        tell(ask, post(alert()))
        wait(lambda: ask("GET", "/readyz")[0] == 503, lambda: ask("GET", "/readyz"))
        assert "does not move" in ask("GET", "/readyz")[1]
        wait(lambda: ask("GET", "/readyz")[0] == 200, lambda: ask("GET", "/readyz"), 60)


def test_what_grafana_left_out_is_said(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(alert(), truncatedAlerts=40))
        wait_for(oncall, 1)
        payload = oncall.taken[0]["payload"]
        assert payload["summary"] == "x and 40 more"
        assert "40 more alerts" in payload["custom_details"]["left out"]


def test_the_highest_severity_of_a_burst_is_the_pages(tmp_path: Path, oncall: StandIn) -> None:
    burst = [
        alert(
            f"b{n}",
            labels={
                "alertname": "b",
                "i": str(n),
                "severity": "critical" if n == 19 else "warning",
            },
        )
        for n in range(20)
    ]
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(*burst))
        wait_for(oncall, 1)
        assert oncall.taken[0]["payload"]["severity"] == "critical"
        assert "20 alerts at once" in oncall.taken[0]["payload"]["summary"]


def test_a_rule_of_ones_own_shows_labels_and_values(tmp_path: Path, oncall: StandIn) -> None:
    own = {"alertname": "HighQueue", "queue": "orders", "cluster": "eu-1"}
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        tell(ask, post(alert(labels=own, annotations={}, values={"A": 1523.0})))
        wait_for(oncall, 1)
        payload = oncall.taken[0]["payload"]
        assert payload["summary"] == "HighQueue · cluster=eu-1, queue=orders, A=1523"
        assert "queue=orders" in payload["custom_details"]["labels and values"]


def test_what_matches_no_route_is_seen_and_logged(
    tmp_path: Path, oncall: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    routes = pagerduty_routes(oncall).replace(
        "[[routes]]", '[[routes]]\nmatch = {severity = "critical"}'
    )
    with served(tmp_path, routes) as ask:
        tell(ask, post(alert(labels={"alertname": "nobody's", "team": "platform"})))
        wait(lambda: counts(ask)["sent"] == 1, lambda: ask("GET", "/v1/alerts"))
        found = ask("GET", "/v1/alerts")[1]
        assert found["unrouted"] == 1
        assert found["deliveries"][0]["destination"] == "unrouted"
        assert oncall.tried == []
    said = [record.getMessage() for record in caplog.records]
    assert any("alerts that match no route go to the log" in each for each in said)
    assert any(each.startswith("NOBODY IS TOLD") for each in said)


def test_a_test_says_that_it_is_one(tmp_path: Path, oncall: StandIn) -> None:
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        status, answer = ask("POST", "/v1/alerts/test", {"labels": {"severity": "critical"}})
        assert status == 200
        assert answer["text"].strip().startswith("TEST: ")
        assert oncall.taken[0]["payload"]["summary"].startswith("TEST: ")


SECRET = "ghp_x7Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX"


def test_nothing_secret_in_any_field_of_any_channel(tmp_path: Path, oncall: StandIn) -> None:
    """Labels, annotations, names and values of labels of any rule."""
    nasty = f"GET /reset?token={SECRET}\n\x1b]0;title\x07 \u202e"
    every = {
        "labels": dict.fromkeys(("alertname", "service", "environment", "other", nasty), nasty),
        "annotations": {"summary": nasty, "description": nasty},
    }
    with stand_in(pagerduty=False) as chat:
        more = {
            name: f'type = "{name}"\nurl = "{chat.url}"\nevery_seconds = 0'
            for name in ("slack", "teams", "webhook")
        }
        more["opsgenie"] = f'type = "opsgenie"\nurl = "{chat.url}"\napi_key = "k"'
        with served(tmp_path, pagerduty_routes(oncall, **more)) as ask:
            tell(ask, post(alert(**every)), post(alert("b", **every | {"annotations": {}})))
            wait(lambda: len(chat.taken) == 8 and len(oncall.taken) == 2, lambda: chat.tried)
            for body in [*chat.taken, *oncall.taken, ask("GET", "/v1/alerts")[1]]:
                told = json.dumps(body, ensure_ascii=False)
                assert SECRET not in told
                assert "\x1b" not in json.dumps(body, ensure_ascii=False)
                assert "\\u001b" not in told
                assert "\u202e" not in told
            assert SECRET not in json.dumps(ask("GET", "/v1/alerts/1")[1])


def test_templates_reach_nobody_unexpanded(tmp_path: Path, oncall: StandIn) -> None:
    raw = {
        "summary": "hallucination: at least {{ humanizePercentage $values.B.Value }} of the spans",
        "description": "data leakage in [no value] traces of [no value]",
    }
    with served(tmp_path, pagerduty_routes(oncall)) as ask:
        labels = {
            "alertname": "r",
            "service": "shop",
            "classifier": "hallucination",
            "x": "{{ y }}",
        }
        tell(ask, post(alert(annotations=raw, labels=labels)))
        wait_for(oncall, 1)
        told = json.dumps(oncall.taken[0], ensure_ascii=False)
        assert "{{" not in told
        assert "no value" not in told
        assert oncall.taken[0]["payload"]["summary"] == "hallucination · shop"
