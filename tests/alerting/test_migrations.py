"""A file of the version before opens, loses nothing, and what waits in it is told as it was to be.

``schema_3.sql`` was written by that version: alerts told as one, flapping, silenced, refused,
acknowledged, waiting, and a notification that nothing was made of yet.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from alerting.spool import Spool, SpoolError
from alerting.store.store import Store
from tests.alerting.pipelines import alert, pipeline, tell
from tests.alerting.stand_in import stand_in, wait

SCHEMA_3 = Path(__file__).with_name("schema_3.sql")
COLUMNS = {
    "notifications": "id, content_key, received_at, last_received_at, times_received, body,"
    " processed",
    "alerts": "fingerprint, status, alert, starts_at, changed_at, changes, repeats, flapping,"
    " state_key",
    "deliveries": "id, state_key, destination, fingerprint, event, dedup_key, alert, status,"
    " created_at, due_at, sent_at, attempts, error, {told_with}",
    "silences": "id, matchers, until, created_at, comment",
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "alerting" / "notifications.sqlite3"
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA_3.read_text())
    connection.close()
    return path


def rows(path: Path, told_with: str) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    found = {
        table: connection.execute(
            f"SELECT {columns.format(told_with=told_with)} FROM {table} ORDER BY 1"
        ).fetchall()
        for table, columns in COLUMNS.items()
    }
    connection.close()
    return found


def test_nothing_is_lost(old: Path) -> None:
    before = rows(old, "fold")
    assert {table: len(found) for table, found in before.items()} == {
        "notifications": 20,
        "alerts": 8,
        "deliveries": 26,
        "silences": 1,
    }
    store = Store(old)
    assert store.deliveries.counts() == {
        "pending": 6,
        "sent": 9,
        "dead": 1,
        "silenced": 2,
        "held": 2,
        "folded": 6,
    }
    for delivery in store.deliveries.read():
        assert delivery.case_key == delivery.alert.state_key
    assert [silence.comment for silence in store.silences.active()] == ["load test"]
    assert len(store.notifications.unprocessed()) == 1
    store.close()
    assert rows(old, "told_with") == before
    # Opened again there is nothing to do.
    Spool(old).close()
    assert rows(old, "told_with") == before


def test_what_waits_in_it_is_told_once_under_its_key(tmp_path: Path, old: Path) -> None:
    with stand_in(pagerduty=False) as oncall, stand_in(pagerduty=False) as chat:
        servers = {"oncall": oncall, "chat": chat}
        with pipeline(tmp_path, servers, retention_days=3650) as store:
            _settle(store)
            told = [(body["event"], body["dedup_key"]) for body in oncall.taken]
            assert sorted(told) == [
                ("acknowledge", "everyspan-half"),
                # It has been steady since.
                ("resolve", "everyspan-flaps"),
                ("resolve", "everyspan-waits"),
                ("trigger", "everyspan-c0ffee"),
                ("trigger", "everyspan-waits"),
            ]
            told = [(body["event"], body["dedup_key"]) for body in chat.taken]
            assert sorted(told) == [
                ("resolve", "everyspan-waits"),
                ("trigger", "everyspan-c0ffee"),
                ("trigger", "everyspan-half"),
                ("trigger", "everyspan-waits"),
            ]
            # What was told as one before ends as one now.
            ends = {"status": "resolved", "endsAt": "2026-11-24T02:00:00Z"}
            for name in ("burst-1", "burst-2"):
                tell(store, alert(name, startsAt="2026-11-24T01:00:00Z", **ends))
                _settle(store)
            assert len(oncall.taken) == 6
            assert oncall.taken[-1]["dedup_key"] == "everyspan-fold-oncall-1"
            assert chat.taken[-1]["dedup_key"] == "everyspan-fold-chat-2"


def _settle(store: Store) -> None:
    wait(
        lambda: not store.notifications.unprocessed() and not store.deliveries.counts()["pending"],
        lambda: store.deliveries.read("pending"),
    )


def test_a_migration_that_is_interrupted_leaves_the_old_file(
    old: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from alerting import spool

    broken = tmp_path / "0004.sql"
    broken.write_text("CREATE TABLE cases (x INTEGER);\nALTER TABLE nothing ADD COLUMN y;\n")
    before = rows(old, "fold")
    monkeypatch.setattr(spool, "_MIGRATIONS", [*spool._MIGRATIONS[:3], broken])
    with pytest.raises(SpoolError, match="nothing"):
        Store(old)
    monkeypatch.undo()
    assert rows(old, "fold") == before
    Store(old).close()
    assert rows(old, "told_with") == before


def test_a_file_of_a_newer_version_is_left_alone(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SpoolError, match="newer version"):
        Store(old)
