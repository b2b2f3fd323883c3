"""What is known of each alert: the state that it was in when it was last heard of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from alerting.notification import Alert
from alerting.store.file import AlertFile


@dataclass(frozen=True, slots=True)
class Known:
    """``changes``: when its state changed, in ms since 1970."""

    state_key: str
    changes: tuple[int, ...]
    flapping: bool


class Alerts:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def get(self, key: str) -> Known | None:
        """By ``Alert.key``."""
        for state_key, changes, flapping in self._file.rows(
            "SELECT state_key, changes, flapping FROM alerts WHERE fingerprint = ?", (key,)
        ):
            return Known(state_key, _times(changes), bool(flapping))
        return None

    def put(self, alert: Alert, now: int, changes: Sequence[int], flapping: bool) -> None:
        """It is in a new state since ``now``."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO alerts (fingerprint, status, alert, starts_at, changed_at, changes,"
                " flapping, state_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO"
                " UPDATE SET status = excluded.status, alert = excluded.alert,"
                " starts_at = excluded.starts_at, changed_at = excluded.changed_at,"
                " changes = excluded.changes, flapping = excluded.flapping, repeats = 0,"
                " state_key = excluded.state_key",
                (
                    alert.key,
                    alert.status,
                    alert.model_dump_json(by_alias=True),
                    int(alert.starts_at.timestamp() * 1000),
                    now,
                    json.dumps(list(changes[-20:])),
                    int(flapping),
                    alert.state_key,
                ),
            )

    def repeated(self, key: str) -> None:
        """It was said again."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE alerts SET repeats = repeats + 1 WHERE fingerprint = ?", (key,)
            )

    def steady(self, since: int) -> list[Alert]:
        """Those that flapped and have not changed since then: they flap no more."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "UPDATE alerts SET flapping = 0, changes = '[]' WHERE flapping AND changed_at < ?"
                " RETURNING fingerprint, alert",
                (since,),
            ).fetchall()
        found = (self._file.alert("alerts", key, text) for key, text in rows)
        return [alert for alert in found if alert is not None]

    def firing(self, delivery: int) -> Alert | None:
        """What a delivery is about, as it is now; None where it fires no more."""
        rows = self._file.rows(
            "SELECT a.fingerprint, a.alert FROM deliveries d JOIN alerts a USING (fingerprint)"
            " WHERE d.id = ? AND a.status = 'firing'",
            (delivery,),
        )
        return self._file.alert("alerts", *rows[0]) if rows else None

    def forget(self, before: int) -> None:
        """Those that ended before then (ms since 1970)."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM alerts WHERE status = 'resolved' AND changed_at < ?", (before,)
            )


def _times(text: str) -> tuple[int, ...]:
    """None where what is stored is no list of them."""
    try:
        found = json.loads(text)
    except ValueError:
        return ()
    return tuple(at for at in found if isinstance(at, int)) if isinstance(found, list) else ()
