"""What the views of experiments say, kept for those who look often: boards, rules and the report.

The views read every span that takes part: ten seconds of a processor where those are two million.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

#: View to the columns of it that are kept, in the table of its name and ``_measured``.
KEPT = {
    "experiment_status": (
        "experiment", "status", "verdict", "variant", "lost", "broken", "units", "evidence",
        "counted_from",
    ),
    "experiment_effects": (
        "experiment", "variant", "metric", "role", "position", "rate", "state", "margin",
        "control_units", "variant_units", "control_value", "variant_value", "effect", "low", "high",
        "harm_low",
    ),
    "experiment_balance": (
        "experiment", "units", "evidence", "variant_names", "variant_units", "variant_shares",
    ),
}  # fmt: skip


def measure(client: Client, database: str, unless_since: datetime | None = None) -> bool:
    """Of all experiments that were ever started, at one time; whether it was done. It is not where
    there is none, nor where another did since ``unless_since``."""
    newest = f"SELECT max(measured_at) FROM {database}.experiment_status_measured"
    (wanted,) = client.query(
        f"SELECT count() > 0 AND ({newest}) < {{since:DateTime64(3, 'UTC')}}"
        f" FROM {database}.experiment_changes",
        parameters={"since": unless_since or datetime.now(UTC)},
    ).result_rows[0]
    if not wanted:
        return False
    at = {"at": datetime.now(UTC)}
    for view, columns in KEPT.items():
        names = ", ".join(columns)
        client.command(
            f"INSERT INTO {database}.{view}_measured (measured_at, {names})"
            f" SELECT {{at:DateTime64(3, 'UTC')}}, {names} FROM {database}.{view}",
            parameters=at,
        )
    return True
