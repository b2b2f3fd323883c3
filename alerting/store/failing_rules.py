"""Rules that can't be evaluated, as Grafana said last; unevaluated.py reads what it says."""

from __future__ import annotations

from alerting.store.file import AlertFile
from alerting.unevaluated import Failing


class FailingRules:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def put(self, it: Failing, now: int) -> None:
        """It fails; the first time that it is heard counts where it does not say since when, and
        what it said last where it does not say why."""
        why = "cause = excluded.cause, error = excluded.error, " if it.says_why else ""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO failing_rules VALUES (?, ?, ?, ?, ?, ?, ?)"
                f" ON CONFLICT (fingerprint) DO UPDATE SET {why}severity = excluded.severity",
                (it.fingerprint, it.rule, it.cause, it.error, it.severity, it.since or now, now),
            )

    def remove(self, fingerprint: str) -> None:
        """It is evaluated again."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM failing_rules WHERE fingerprint = ?", (fingerprint,))

    def evaluated(self, rule: str, at: int) -> bool:
        """What it found began at ``at`` (ms since 1970): it no longer fails for what began before,
        though Grafana says so later. Whether it was said to fail."""
        with self._file.transaction() as connection:
            done = connection.execute(
                "DELETE FROM failing_rules WHERE rule = ? AND since < ?", (rule, at)
            )
            return done.rowcount > 0

    def names(self) -> frozenset[str]:
        """Of the rules."""
        return frozenset(name for (name,) in self._file.rows("SELECT rule FROM failing_rules"))

    def all(self) -> list[tuple[Failing, int]]:
        """Each with when it was first heard of (ms since 1970), by that."""
        return [
            (Failing(*row[:6]), int(row[6]))
            for row in self._file.rows(
                "SELECT fingerprint, rule, cause, error, severity, since, heard_at"
                " FROM failing_rules ORDER BY heard_at, fingerprint"
            )
        ]

    def forget(self, before: int) -> None:
        """Those that nobody has spoken of since before then (ms since 1970)."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM failing_rules WHERE heard_at < ?", (before,))
