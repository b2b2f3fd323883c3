"""Rows of the alert file that can't be read keep no other alert from being told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.notification import Alert
from alerting.spool import Spool
from alerting.stages import dedup
from alerting.stages.record import record, release
from alerting.store.file import now_ms
from alerting.store.store import Store
from clickhouse import set_aside

AT = datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(set_aside, "_found", {})
    store = Store(tmp_path / "alerts.db")
    yield store
    store.close()


def alert(name: str, minute: int = 0) -> Alert:
    return Alert(
        status="firing",
        labels={"alertname": name, "service": "shop"},
        starts_at=AT + timedelta(minutes=minute),
        fingerprint=name,
    )


def take(store: Store, key: bytes, *alerts: Alert) -> None:
    spool = Spool(Path(store.file.path))
    spool.add(key, b"{}", 1)
    spool.close()
    (received,) = store.notifications.unprocessed()
    record(store, received, [(each, ["oncall"]) for each in alerts])


def spoil(store: Store, statement: str) -> None:
    """As somebody would who edits the file."""
    with store.file.transaction() as connection:
        connection.execute(statement)


def test_a_delivery_that_cannot_be_read_is_dead_and_the_rest_is_told(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    take(store, b"1", alert("a"), alert("b"), alert("c"))
    spoil(store, "UPDATE deliveries SET alert = '{' WHERE fingerprint = 'a'")
    spoil(store, "UPDATE deliveries SET alert = '{\"status\": \"muted\"}' WHERE fingerprint = 'b'")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert [each.fingerprint for each in store.deliveries.due("oncall")] == ["c"]
    assert len([r for r in caplog.records if "set aside" in r.getMessage()]) == 2
    assert store.deliveries.counts()["dead"] == 2
    assert set_aside.counts()["deliveries"] == 2
    assert [each.fingerprint for each in store.deliveries.read()] == ["c"]
    # What comes later of the same alert does not wait for it.
    take(store, b"2", alert("a", 5))
    assert [each.fingerprint for each in store.deliveries.due("oncall")] == ["c", "a"]


def test_an_alert_that_cannot_be_read_does_not_stop_the_releasing(store: Store) -> None:
    take(store, b"1", alert("a"), alert("b"))
    spoil(store, "UPDATE standings SET state = 'flapping', since = 0")
    spoil(store, "UPDATE alerts SET alert = '[]' WHERE fingerprint = 'a'")
    spoil(store, "UPDATE standings SET changes = '{' WHERE fingerprint = 'b'")
    assert release(store) == 1
    (number,) = [each.id for each in store.deliveries.read() if each.fingerprint == "a"]
    assert not dedup.acknowledge(store, number)
    take(store, b"2", alert("b", 5))
    assert set_aside.counts()["alerts"] == 1


def test_a_silence_that_cannot_be_read_silences_nothing(store: Store) -> None:
    store.silences.add({"service": "shop"}, now_ms() + 60_000)
    spoil(store, "UPDATE silences SET matchers = '[1'")
    take(store, b"1", alert("a"))
    assert [each.status for each in store.deliveries.read()] == ["pending"]
    assert store.silences.active() == []
    spoil(store, "UPDATE standings SET state = 'silenced'")
    spoil(store, "UPDATE alerts SET alert = ''")
    spoil(store, "UPDATE silences SET until = 0")
    assert release(store) == 0
