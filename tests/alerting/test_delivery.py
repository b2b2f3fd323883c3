"""From Grafana's webhook to a PagerDuty on a socket, by the service as a process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerting.stand_in import StandIn, stand_in, wait
from tests.alerting.test_webhook import notification, post, service
from tests.everyspan_up import Up

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def pagerduty() -> Iterator[StandIn]:
    with stand_in() as server:
        yield server
        assert server.problems == []


def routes(tmp_path: Path, server: StandIn, more: str = "") -> dict[str, str]:
    """The environment of a service that tells one PagerDuty."""
    path = tmp_path / "routes.toml"
    path.write_text(
        f"""
[destinations.oncall]
type = "pagerduty"
routing_key = "env:PD_KEY"
url = "{server.url}"
timeout_seconds = 1
{more}
[[routes]]
destinations = ["oncall"]
"""
    )
    return {"EVERYSPAN_ALERT_ROUTES": str(path), "PD_KEY": KEY}


def alert(number: int = 1, status: str = "firing", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(notification()["alerts"][0]))
    found["fingerprint"] = f"f{number:015x}"
    found["status"] = status
    found["labels"]["severity"] = "error"
    if status == "resolved":
        found["endsAt"] = "2026-11-24T01:42:00Z"
    return found | changes


def tell(up: Up, *alerts: dict[str, Any]) -> None:
    status = "firing" if any(a["status"] == "firing" for a in alerts) else "resolved"
    answer = post(up, notification(alerts=list(alerts), status=status))
    assert answer.status == 202, answer.body


def listed(up: Up, status: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(up.request("GET", f"/v1/alerts?status={status}").body)
    return found


def settled(up: Up) -> int:
    """Deliveries that were told, one way or the other."""
    counts: dict[str, int] = listed(up)["counts"]
    return counts["sent"] + counts["folded"]


def test_trigger_then_resolve_under_one_key(tmp_path: Path, pagerduty: StandIn) -> None:
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        tell(up, alert())
        wait(lambda: len(pagerduty.taken) == 1, lambda: listed(up))
        tell(up, alert())
        tell(up, alert(status="resolved"))
        wait(lambda: len(pagerduty.taken) == 2, lambda: listed(up))
        trigger, resolve = pagerduty.taken
        assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
        assert trigger["dedup_key"] == resolve["dedup_key"]
        assert trigger["payload"]["severity"] == "error"
        assert trigger["payload"]["class"] == "hallucination"
        # There is no ClickHouse here: it goes out all the same, and says so.
        assert "ClickHouse is away" in trigger["payload"]["custom_details"]["not enriched"]
        assert trigger["payload"]["summary"] == "fail rate 12 %"
        assert "after 42 min" in resolve["payload"]["summary"]
        time.sleep(0.5)
        assert len(pagerduty.tried) == 2, "once for each change of state"
        assert listed(up)["counts"]["sent"] == 2


@pytest.mark.parametrize(
    "answers", [[500, 503], [(429, "1")], ["reset"], ["hang"]], ids=["5xx", "429", "reset", "hang"]
)
def test_an_answer_that_passes_is_tried_again(
    tmp_path: Path, pagerduty: StandIn, answers: list[Any]
) -> None:
    pagerduty.answers = list(answers)
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        tell(up, alert())
        wait(lambda: len(pagerduty.taken) == 1, lambda: listed(up), seconds=40)
        (delivery,) = listed(up)["deliveries"]
        assert delivery["status"] == "sent"
        assert delivery["attempts"] == len(answers) + 1


def test_a_refusal_is_dead_until_it_is_sent_again(tmp_path: Path, pagerduty: StandIn) -> None:
    pagerduty.answers = [400]
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        tell(up, alert())
        wait(lambda: listed(up)["counts"]["dead"] == 1, lambda: listed(up))
        (delivery,) = listed(up, "dead")["deliveries"]
        assert delivery["error"].startswith("400")
        headers = {"content-type": "application/json"}
        number = delivery["id"]
        assert up.request("POST", f"/v1/alerts/{number}/resend", b"{}", headers).status == 202
        wait(lambda: len(pagerduty.taken) == 1, lambda: listed(up))
        assert up.request("POST", "/v1/alerts/999/resend", b"{}", headers).status == 404
        shown = json.loads(up.request("GET", f"/v1/alerts/{number}").body)
        assert shown["alert"]["labels"]["service"] == "shop"


def test_one_odd_alert_keeps_no_other_from_being_told(tmp_path: Path, pagerduty: StandIn) -> None:
    """Times without an offset or at the ends of the calendar, and words of templates."""
    times = ("2026-11-24T01:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        for number, starts in enumerate(times):
            tell(up, alert(number, startsAt=starts))
            tell(up, alert(number, "resolved", startsAt=starts, endsAt=starts))
        tell(up, alert(50, values={"B": None}, labels={"alertname": "\x00\ud7ff{{ x }}{% raw %}"}))
        tell(up, alert(99))
        wait(lambda: listed(up)["counts"]["pending"] == 0, lambda: listed(up))
        assert listed(up)["counts"]["dead"] == 0
        told = [b for b in pagerduty.taken if b["event_action"] == "trigger"]
        assert len(told) == len(times) + 2


def test_kill_between_accept_and_delivery(tmp_path: Path, pagerduty: StandIn) -> None:
    pagerduty.answers = [503] * 2
    environment = routes(tmp_path, pagerduty)
    with service(tmp_path / "data", **environment) as up:
        tell(up, *(alert(number) for number in range(5)))
        up.kill()
    pagerduty.answers = []
    taken = len(pagerduty.taken)
    with service(tmp_path / "data", **environment) as up:
        wait(lambda: len({b["dedup_key"] for b in pagerduty.taken}) == 5, lambda: listed(up))
        time.sleep(0.5)
        keys = [body["dedup_key"] for body in pagerduty.taken]
        assert len(keys) - len(set(keys)) <= 1, "at most the one that was on its way"
        assert taken <= 5
        assert listed(up)["counts"]["pending"] == 0


def test_a_burst_is_folded_and_ends_as_one(tmp_path: Path, pagerduty: StandIn) -> None:
    pagerduty.answers = [503]
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        many = [alert(number) for number in range(1000)]
        tell(up, *many)
        wait(lambda: len(pagerduty.taken) >= 1, lambda: listed(up)["counts"], seconds=40)
        wait(lambda: settled(up) == 1000, lambda: listed(up)["counts"])
        assert len(pagerduty.taken) <= 3
        folded = next(b for b in pagerduty.taken if "alerts at once" in b["payload"]["summary"])
        assert "hallucination shop" in folded["payload"]["summary"]
        assert "alerts" in folded["payload"]["custom_details"]["folded"]
        before = len(pagerduty.taken)
        tell(up, *(alert(number, "resolved") for number in range(1000)))
        wait(lambda: settled(up) == 2000, lambda: listed(up)["counts"], seconds=60)
        resolves = pagerduty.taken[before:]
        assert {b["event_action"] for b in resolves} == {"resolve"}
        open_keys = {b["dedup_key"] for b in pagerduty.taken[:before]}
        closed = [b["dedup_key"] for b in resolves]
        assert sorted(closed) == sorted(open_keys), "every incident is closed, once"


def test_flapping_is_told_once_and_held(tmp_path: Path, pagerduty: StandIn) -> None:
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        for turn in range(8):
            starts = f"2026-11-24T01:{turn:02d}:00Z"
            tell(up, alert(startsAt=starts))
            tell(up, alert(status="resolved", startsAt=starts))
        wait(lambda: listed(up)["counts"]["pending"] == 0, lambda: listed(up))
        time.sleep(0.3)
        counts = listed(up)["counts"]
        assert counts["held"] == 10
        assert len(pagerduty.taken) == 6
        assert pagerduty.taken[-1]["payload"]["summary"].startswith("Flapping: ")


def test_silences(tmp_path: Path, pagerduty: StandIn) -> None:
    headers = {"content-type": "application/json"}
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        body = json.dumps({"matchers": {"service": "~sh.*"}, "seconds": 60}).encode()
        made = json.loads(up.request("POST", "/v1/silences", body, headers).body)
        tell(up, alert(1))
        wait(lambda: listed(up)["counts"]["silenced"] == 1, lambda: listed(up))
        tell(up, alert(2, labels={"alertname": "x", "service": "desk"}))
        wait(lambda: len(pagerduty.taken) == 1, lambda: listed(up))
        assert up.request("DELETE", f"/v1/silences/{made['id']}", b"", headers).status == 200
        assert json.loads(up.request("GET", "/v1/silences").body) == []
        tell(up, alert(3))
        # The first of them too: it still fires.
        wait(lambda: len(pagerduty.taken) == 3, lambda: listed(up))
        bad = json.dumps({"matchers": {"service": "~("}, "seconds": 60}).encode()
        assert up.request("POST", "/v1/silences", bad, headers).status == 422
        assert up.request("POST", "/v1/silences", body).status == 415


def test_the_end_waits_for_the_beginning(tmp_path: Path, pagerduty: StandIn) -> None:
    """An alert that is over before PagerDuty takes it must not be left open there."""
    pagerduty.answers = [503]
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        tell(up, alert())
        wait(lambda: len(pagerduty.tried) == 1, lambda: listed(up))
        tell(up, alert(status="resolved"))
        wait(lambda: len(pagerduty.taken) == 2, lambda: listed(up))
        actions = [body["event_action"] for body in pagerduty.taken]
        assert actions == ["trigger", "resolve"]


def test_what_fires_when_its_silence_is_over_is_told(tmp_path: Path, pagerduty: StandIn) -> None:
    headers = {"content-type": "application/json"}
    silence = json.dumps({"matchers": {"service": "shop"}, "seconds": 600}).encode()
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        tell(up, alert(1))
        wait(lambda: len(pagerduty.taken) == 1, lambda: listed(up))
        made = json.loads(up.request("POST", "/v1/silences", silence, headers).body)
        # Told before: its end is told. Began and ended in silence: nobody hears of it.
        tell(up, alert(1, "resolved"), alert(2), alert(3))
        tell(up, alert(3, "resolved"))
        wait(lambda: len(pagerduty.taken) == 2, lambda: listed(up))
        assert pagerduty.taken[1]["event_action"] == "resolve"
        wait(lambda: listed(up)["counts"]["silenced"] == 3, lambda: listed(up))
        up.request("DELETE", f"/v1/silences/{made['id']}", b"", headers)
        wait(lambda: len(pagerduty.taken) == 3, lambda: listed(up))
        assert pagerduty.taken[2]["event_action"] == "trigger"
        assert pagerduty.taken[2]["dedup_key"].endswith(f"{2:x}")
        time.sleep(0.5)
        assert len(pagerduty.taken) == 3


def test_acknowledged_once_by_hand(tmp_path: Path, pagerduty: StandIn) -> None:
    headers = {"content-type": "application/json"}
    with service(tmp_path / "data", **routes(tmp_path, pagerduty)) as up:
        tell(up, alert())
        wait(lambda: len(pagerduty.taken) == 1, lambda: listed(up))
        number = listed(up)["deliveries"][0]["id"]
        for _ in range(2):
            path = f"/v1/alerts/{number}/acknowledge"
            assert up.request("POST", path, b"{}", headers).status == 202
        wait(lambda: len(pagerduty.taken) == 2, lambda: listed(up))
        assert pagerduty.taken[1]["event_action"] == "acknowledge"
        assert pagerduty.taken[1]["dedup_key"] == pagerduty.taken[0]["dedup_key"]
        tell(up, alert(status="resolved"))
        wait(lambda: len(pagerduty.taken) == 3, lambda: listed(up))
        assert pagerduty.taken[2]["event_action"] == "resolve"
        assert up.request("POST", path, b"{}", headers).status == 404


def test_missing_labels_and_no_data(tmp_path: Path, pagerduty: StandIn) -> None:
    more = {"EVERYSPAN_ALERT_UNEVALUATED_SECONDS": "1"}
    with service(tmp_path / "data", **routes(tmp_path, pagerduty), **more) as up:
        tell(up, alert(1, labels={}, annotations=None, values=None, fingerprint=""))
        no_data = {"alertname": "DatasourceNoData", "rulename": "Traces are slow", "ref_id": "A"}
        tell(up, alert(2, labels=no_data))
        wait(lambda: len(pagerduty.taken) == 2, lambda: listed(up))
        classes = {body["payload"]["class"] for body in pagerduty.taken}
        assert classes == {"alert", "Everyspan: rules not evaluated"}


def test_token_instead_of_a_signature(tmp_path: Path) -> None:
    with service(tmp_path / "data", EVERYSPAN_ALERTING_TOKEN="t0ken") as up:
        body = json.dumps(notification()).encode()
        headers = {"content-type": "application/json"}
        assert up.request("POST", "/v1/grafana", body, headers).status == 401
        bearer = {**headers, "authorization": "Bearer t0ken"}
        assert up.request("POST", "/v1/grafana", body, bearer).status == 202
        basic = {**headers, "authorization": "Basic Z3JhZmFuYTp0MGtlbg=="}
        assert up.request("POST", "/v1/grafana", body, basic).status == 202
        wrong = {**headers, "authorization": "Basic Z3JhZmFuYTp3cm9uZw=="}
        assert up.request("POST", "/v1/grafana", body, wrong).status == 401
        assert up.request("GET", "/v1/alerts").status == 401
        assert up.request("GET", "/v1/alerts", headers=bearer).status == 200
