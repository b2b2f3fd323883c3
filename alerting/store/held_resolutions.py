"""Ends of alerts whose rule could not be evaluated when Grafana said so.

A query that fails leaves a rule without the series that fired, and Grafana ends what it can't see
any more ("MissingSeries"): told, it reads as "all is well" in the middle of an outage, and the same
incident is opened anew when ClickHouse is back.
https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/stale-alert-instances/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from alerting.notification import Alert
from alerting.store.file import AlertFile


@dataclass(frozen=True, slots=True)
class Held:
    """``alert``: resolved, as Grafana sent it; ``destinations``: names of those that it was for;
    ``evaluated_at``: since when its rule is evaluated again (ms since 1970), 0 while it is not."""

    alert: Alert
    destinations: Sequence[str]
    rule: str
    evaluated_at: int


class HeldResolutions:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def put(self, alert: Alert, destinations: Sequence[str], now: int) -> None:
        """Keep it; said again, the latest counts."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO held_resolutions VALUES (?, ?, ?, ?, ?, 0)",
                (
                    alert.key,
                    alert.labels.get("alertname", ""),
                    alert.model_dump_json(by_alias=True),
                    json.dumps(list(destinations)),
                    now,
                ),
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

    def all(self) -> list[Held]:
        """In the order that they came in."""
        rows = self._file.rows(
            "SELECT fingerprint, alert, destinations, rule, evaluated_at FROM held_resolutions"
            " ORDER BY held_at, fingerprint"
        )
        return [
            Held(alert, json.loads(names), rule, evaluated_at)
            for key, text, names, rule, evaluated_at in rows
            if (alert := self._file.alert("held_resolutions", key, text)) is not None
        ]
