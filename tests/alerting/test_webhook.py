"""Grafana's webhook over a real socket: what is taken, what is refused, and what survives."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alerting.notification import BodyError, read_notification
from alerting.signature import SIGNATURE_HEADER, sign
from alerting.spool import Spool
from tests.everyspan_up import ROOT, Answer, Up, free_ports

SECRET = "hush"
TIMESTAMP = "X-Grafana-Alerting-Timestamp"


def notification(**changes: Any) -> dict[str, Any]:
    """What Grafana sends, with every field that it has."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "hallucination", "service": "shop", "classifier": "hallucination"},
        "annotations": {"summary": "fail rate 12 %"},
        "startsAt": "2026-11-24T01:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://grafana/alerting/grafana/x/view",
        "fingerprint": "c0ffee",
        "silenceURL": "",
        "dashboardURL": "",
        "panelURL": "",
        "ruleUID": "x",
        "values": {"A": 0.12},
        "valueString": "",
        "orgId": 1,
    }
    return {
        "receiver": "everyspan",
        "status": "firing",
        "alerts": [alert],
        "groupLabels": {"service": "shop"},
        "commonLabels": alert["labels"],
        "commonAnnotations": None,
        "externalURL": "http://grafana/",
        "version": "1",
        "groupKey": '{}:{service="shop"}',
        "truncatedAlerts": 0,
        "orgId": 1,
        "title": "[FIRING:1] hallucination",
        "state": "alerting",
        "message": "",
        "aFieldOfTomorrow": {"x": 1},
        **changes,
    }


@contextmanager
def service(directory: Path, **environment: str) -> Iterator[Up]:
    """``everyspan alerting``; ask it through the port named otlp-http."""
    port = free_ports()["alerting"]
    up = Up(directory, {"otlp-http": port})
    directory.mkdir(parents=True, exist_ok=True)
    up.process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cli.main", "alerting"),
            *(f"--alerting-port={port}", f"--data={directory}"),
        ],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not up.is_ready():
            assert up.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield up
    finally:
        if up.process.poll() is None:
            assert up.stop() == 0


def post(up: Up, document: object, **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return up.request("POST", "/v1/grafana", body, {"content-type": "application/json", **headers})


def signed(document: object, timestamp: str = "", secret: str = SECRET) -> dict[str, str]:
    found = {SIGNATURE_HEADER: sign(secret, json.dumps(document).encode(), timestamp)}
    return found | ({TIMESTAMP: timestamp} if timestamp else {})


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("alerting") / "open"
    with service(directory, EVERYSPAN_ALERTING_MAX_BODY_BYTES="16384") as up:
        yield up


@pytest.fixture(scope="module")
def closed_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("alerting") / "closed"
    with service(directory, EVERYSPAN_GRAFANA_WEBHOOK_SECRET=SECRET) as up:
        yield up


def test_taken_once(open_service: Up) -> None:
    document = notification(groupKey="once")
    answer = post(open_service, document)
    assert answer.status == 202
    assert json.loads(answer.body) == {"recorded": True, "new": True}
    # A retry, and a reminder that says nothing new.
    assert json.loads(post(open_service, document).body)["new"] is False
    resolved = notification(groupKey="once", status="resolved")
    assert json.loads(post(open_service, resolved).body)["new"] is True


@pytest.mark.parametrize(
    ("document", "status", "word"),
    [
        (b"{", 400, "JSON"),
        (b"[]", 400, "Webhook"),
        ({"status": "firing"}, 400, "alerts"),
        (notification(alerts=[]), 400, "alerts"),
        (notification(status="on fire"), 400, "status"),
        (notification(alerts=["one", 2]), 400, "alerts"),
        (b" " * 20_000, 413, "EVERYSPAN_ALERTING_MAX_BODY_BYTES"),
    ],
)
def test_malformed(open_service: Up, document: object, status: int, word: str) -> None:
    answer = post(open_service, document)
    assert answer.status == status
    assert word in json.loads(answer.body)["error"]


def test_a_web_page_can_not_forge_an_alert(open_service: Up) -> None:
    body = json.dumps(notification()).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = open_service.request("POST", "/v1/grafana", body, {"content-type": kind})
        assert answer.status == 415
    assert open_service.request("GET", "/v1/grafana").status == 405


def test_signatures(closed_service: Up) -> None:
    document = notification(groupKey="signed")
    now = str(int(time.time()))
    assert post(closed_service, document, **signed(document)).status == 202
    assert post(closed_service, document, **signed(document, now)).status == 202
    stale = str(int(time.time()) - 3600)
    forged = [
        {},
        signed(document, secret="wrong"),
        signed(notification(title="another")),
        signed(document, stale),
        # A signature of one time under another, and one with its time taken away.
        {**signed(document, now), TIMESTAMP: str(int(now) + 1)},
        {SIGNATURE_HEADER: signed(document, now)[SIGNATURE_HEADER]},
        {**signed(document), TIMESTAMP: "soon"},
        {SIGNATURE_HEADER: "é"},
    ]
    for headers in forged:
        answer = post(closed_service, document, **headers)
        assert answer.status == 401, headers
        assert "EVERYSPAN" in json.loads(answer.body)["error"] or TIMESTAMP in str(answer.body)


def test_kill_9_after_the_answer_loses_nothing(tmp_path: Path) -> None:
    with service(tmp_path / "data") as up:
        for number in range(20):
            assert post(up, notification(groupKey=f"group {number}")).status == 202
        up.kill()
    spool = Spool(tmp_path / "data" / "alerting" / "notifications.sqlite3")
    groups = [received.notification.group_key for received in spool.read()]
    spool.close()
    assert groups == [f"group {number}" for number in range(20)]
    with service(tmp_path / "data") as up:
        assert json.loads(post(up, notification(groupKey="group 3")).body)["new"] is False
        assert (
            b"everyspan_alerting_spooled_notifications 20.0" in up.request("GET", "/metrics").body
        )


def test_old_notifications_are_forgotten_and_others_may_not_read(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "n.sqlite3"
    spool = Spool(path)
    spool.add(b"1", b"{}", now=1000)
    spool.add(b"2", b"{}", now=2000)
    assert spool.forget(before=1500) == 0, "what nobody was told of yet is kept"
    spool.connection.execute("UPDATE notifications SET processed = 1")
    assert spool.forget(before=1500) == 1
    assert [received.received_at for received in spool.read()] == [2000]
    spool.close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_resolved_alert_is_another_state_than_the_firing_one() -> None:
    def key(**alert: Any) -> bytes:
        document = notification()
        document["alerts"][0].update(alert)
        return read_notification(json.dumps(document).encode()).content_key

    assert key() == key(values={"A": 0.5}, endsAt="2026-11-24T02:00:00Z")
    assert key() != key(startsAt="2026-11-24T03:00:00Z")
    assert key(status="resolved", endsAt="2026-11-24T02:00:00Z") != key()
    with pytest.raises(BodyError, match="alerts"):
        read_notification(b"{}")
