"""What is known of each alert: the state that it was in when it was last heard of."""

from __future__ import annotations

from alerting.notification import Alert
from alerting.store.file import AlertFile


class Alerts:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def heard(self, alert: Alert, now: int) -> None:
        """It is in this state; ``now``: ms since 1970. Said again, it is counted."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO alerts (fingerprint, status, alert, starts_at, changed_at, state_key)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET"
                " repeats = iif(status = excluded.status AND starts_at = excluded.starts_at,"
                " repeats + 1, 0),"
                " changed_at = iif(status = excluded.status, changed_at, excluded.changed_at),"
                " status = excluded.status, alert = excluded.alert,"
                " starts_at = excluded.starts_at, state_key = excluded.state_key",
                (
                    alert.key,
                    alert.status,
                    alert.model_dump_json(by_alias=True),
                    int(alert.starts_at.timestamp() * 1000),
                    now,
                    alert.state_key,
                ),
            )

    def known(self, key: str) -> bool:
        """Whether it was heard of, by ``Alert.key``."""
        return bool(self._file.rows("SELECT 1 FROM alerts WHERE fingerprint = ?", (key,)))

    def one(self, key: str) -> Alert | None:
        """As it was heard last, by ``Alert.key``."""
        rows = self._file.rows("SELECT alert FROM alerts WHERE fingerprint = ?", (key,))
        return self._file.alert("alerts", key, rows[0][0]) if rows else None

    def firing_of(self, prefix: str) -> list[Alert]:
        """Those that fire and whose key begins so."""
        rows = self._file.rows(
            "SELECT fingerprint, alert FROM alerts WHERE status = 'firing'"
            " AND substr(fingerprint, 1, ?) = ?",
            (len(prefix), prefix),
        )
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
