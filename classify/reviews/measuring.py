"""Writes down how good each classifier is here, as reviews say, for boards: the table
``review_figures``."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from classify.reviews.calibration_store import run_of
from classify.reviews.figures import TITLES, reviewed

#: Figures are of all rows of the last days, which change too.
AGAIN_SECONDS = 600.0
_COLUMNS = ("measured_at", "classifier", "figure", "value", "low", "high", "reviews", "answers")


class Measuring:
    """For one thread."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._mark = ""
        self._at = 0.0

    def look(self, client: Client) -> int:
        """Where there are new answers, or the last look is long ago. Returns figures written.
        Raises clickhouse-connect's errors."""
        client.database = self._database
        ((mark, count),) = client.query(
            "SELECT concat(toString(count()), ' ', toString(max(reviewed_at))), count()"
            f" FROM {self._database}.reviews"
        ).result_rows
        now = time.monotonic()
        if not count or (mark == self._mark and now - self._at < AGAIN_SECONDS):
            return 0
        at = datetime.now(UTC)
        rows = []
        for each in reviewed(run_of(client), self._database):
            for name in TITLES:
                found = each.quality.estimate(name)
                if found.is_known:
                    value = found.value if found.has_figure else float("nan")
                    told = (value, found.low, found.high, found.reviews, each.answers)
                    rows.append([at, each.classifier, name, *told])
        if rows:
            client.insert(
                "review_figures", rows, column_names=list(_COLUMNS), database=self._database
            )
        self._mark, self._at = mark, now
        return len(rows)
