"""All tables of the alert file."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from alerting.store.alerts import Alerts
from alerting.store.cases import Cases
from alerting.store.deliveries import Deliveries
from alerting.store.failing_rules import FailingRules
from alerting.store.file import AlertFile
from alerting.store.held_resolutions import HeldResolutions
from alerting.store.notifications import Notifications
from alerting.store.silences import Silences
from alerting.store.standings import Standings
from clickhouse.set_aside import set_aside

_TRACE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
#: Table, its key, what it says, and which of its rows are not needed any more.
_SAYS = (
    ("cases", "case_key", "found", "1"),
    ("deliveries", "id", "alert", "status != 'pending'"),
    ("notifications", "id", "CAST(body AS TEXT)", "processed"),
    ("alerts", "fingerprint", "alert", "status = 'resolved'"),
)


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

    def erase(self, traces: Collection[str]) -> tuple[int, int]:
        """Delete what names one of these traces, from the disk too: rows deleted, and rows that are
        left, since they are to be told yet or their alert still fires. Those are deleted once they
        have ended, by ``forget``."""
        wanted = frozenset(traces)
        deleted = left = 0
        with self.file.transaction() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            for table, key, text, over in _SAYS:
                for name, said, is_over in connection.execute(
                    f"SELECT {key}, {text}, {over} FROM {table}"
                ).fetchall():
                    if wanted.isdisjoint(_TRACE_ID.findall(said)):
                        continue
                    if is_over:
                        connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (name,))
                        deleted += 1
                    else:
                        left += 1
        self.cases.forget_last()
        self.file.tidy()
        return deleted, left
