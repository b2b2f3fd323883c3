"""Rows of the alert file that can't be read keep no other alert from being told."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.notification import Alert
from alerting.outbox import Outbox
from alerting.spool import Received
from clickhouse import set_aside

AT = datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(set_aside, "_found", {})
    return Outbox(tmp_path / "alerts.db")


def alert(name: str, minute: int = 0) -> Alert:
    return Alert(
        status="firing",
        labels={"alertname": name, "service": "shop"},
        starts_at=AT + timedelta(minutes=minute),
        fingerprint=name,
    )


def take(outbox: Outbox, key: bytes, *alerts: Alert) -> None:
    outbox._spool.add(key, b"{}", 1)
    (received,) = outbox.unprocessed()
    assert isinstance(received, Received)
    outbox.take(received, [(each, ["oncall"]) for each in alerts])


def test_a_delivery_that_cannot_be_read_is_dead_and_the_rest_is_told(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    take(outbox, b"1", alert("a"), alert("b"), alert("c"))
    outbox._connection.execute("UPDATE deliveries SET alert = '{' WHERE fingerprint = 'a'")
    outbox._connection.execute(
        "UPDATE deliveries SET alert = '{\"status\": \"muted\"}' WHERE fingerprint = 'b'"
    )
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert [each.fingerprint for each in outbox.due("oncall")] == ["c"]
    assert len([r for r in caplog.records if "set aside" in r.getMessage()]) == 2
    assert outbox.counts()["dead"] == 2
    assert set_aside.counts()["deliveries"] == 2
    assert [each.fingerprint for each in outbox.read()] == ["c"]
    # What comes later of the same alert does not wait for it.
    take(outbox, b"2", alert("a", 5))
    assert [each.fingerprint for each in outbox.due("oncall")] == ["c", "a"]


def test_an_alert_that_cannot_be_read_does_not_stop_the_settling(outbox: Outbox) -> None:
    take(outbox, b"1", alert("a"), alert("b"))
    outbox._connection.execute("UPDATE alerts SET flapping = 1, changed_at = 0")
    outbox._connection.execute("UPDATE alerts SET alert = '[]' WHERE fingerprint = 'a'")
    outbox._connection.execute("UPDATE alerts SET changes = '{' WHERE fingerprint = 'b'")
    assert outbox.settle() == 1
    (number,) = [each.id for each in outbox.read() if each.fingerprint == "a"]
    assert not outbox.acknowledge(number)
    take(outbox, b"2", alert("b", 5))
    assert set_aside.counts()["alerts"] == 1


def test_a_silence_that_cannot_be_read_silences_nothing(outbox: Outbox) -> None:
    outbox.silence({"service": "shop"}, time.time_ns() // 10**6 + 60_000)
    outbox._connection.execute("UPDATE silences SET matchers = '[1'")
    take(outbox, b"1", alert("a"))
    assert [each.status for each in outbox.read()] == ["pending"]
    assert outbox.silences() == []
    outbox._connection.execute("UPDATE deliveries SET status = 'silenced', alert = ''")
    outbox._connection.execute("UPDATE silences SET until = 0")
    assert outbox.settle() == 0
