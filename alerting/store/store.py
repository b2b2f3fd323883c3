"""All tables of the alert file."""

from __future__ import annotations

from pathlib import Path

from alerting.store.alerts import Alerts
from alerting.store.cases import Cases
from alerting.store.deliveries import Deliveries
from alerting.store.failing_rules import FailingRules
from alerting.store.file import AlertFile
from alerting.store.forgotten import Forgotten
from alerting.store.held_resolutions import HeldResolutions
from alerting.store.notifications import Notifications
from alerting.store.silences import Silences
from alerting.store.standings import Standings
from clickhouse.set_aside import set_aside


class Store:
    """Any thread may call. Raises SpoolError when opened."""

    def __init__(self, path: Path) -> None:
        self.file = AlertFile(path)
        self.notifications = Notifications(self.file)
        self.alerts = Alerts(self.file)
        self.standings = Standings(self.file)
        self.failing_rules = FailingRules(self.file)
        self.held_resolutions = HeldResolutions(self.file)
        self.deliveries = Deliveries(self.file)
        self.silences = Silences(self.file)
        self.cases = Cases(self.file)
        self.forgotten = Forgotten(self.file, self.cases)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def forget(self, before: int) -> None:
        """Delete what ended before then (ms since 1970)."""
        with self.file.transaction():
            self.deliveries.forget(before)
            self.alerts.forget(before)
            self.standings.forget()
            self.failing_rules.forget(before)
            self.silences.forget(before)
            self.cases.forget()
        # Those that are still there are found again.
        for table in ("alerts", "deliveries", "held_resolutions"):
            set_aside(self.file.path, table, {})
