"""Ends of alerts whose rule could not be evaluated when Grafana said so.

A query that fails leaves a rule without the series that fired, and Grafana ends what it can't see
any more ("MissingSeries"): told, it reads as "all is well" in the middle of an outage, and the same
incident is opened anew when ClickHouse is back.
https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/stale-alert-instances/
"""

from __future__ import annotations

from alerting.notification import Alert
from alerting.store.file import AlertFile


class HeldResolutions:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def put(self, alert: Alert) -> None:
        """Keep it, resolved as Grafana sent it; said again, the latest counts."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO held_resolutions VALUES (?, ?, 0)",
                (alert.key, alert.model_dump_json(by_alias=True)),
            )

    def remove(self, key: str) -> bool:
        """By ``Alert.key``; whether there was one."""
        with self._file.transaction() as connection:
            done = connection.execute("DELETE FROM held_resolutions WHERE fingerprint = ?", (key,))
            return done.rowcount > 0

    def evaluated(self, key: str, at: int) -> None:
        """Its rule is evaluated again since ``at`` (ms since 1970); 0: it is not."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE held_resolutions SET evaluated_at = ? WHERE fingerprint = ?", (at, key)
            )

    def all(self) -> list[tuple[Alert, int]]:
        """Each with since when its rule is evaluated again, 0 while it is not."""
        rows = self._file.rows("SELECT fingerprint, alert, evaluated_at FROM held_resolutions")
        found = ((self._file.alert("held_resolutions", *row[:2]), int(row[2])) for row in rows)
        return [(alert, evaluated_at) for alert, evaluated_at in found if alert is not None]
