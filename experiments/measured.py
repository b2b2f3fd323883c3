"""What the views of experiments say, kept for those who look often: boards, rules and the report.

The views read every span that takes part: ten seconds of a processor where those are two million.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from service.moments import utc

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


#: A look that is older is not told: classify does not run, or takes longer between two looks.
_FRESH = timedelta(minutes=10)


def listed(client: Client, database: str) -> tuple[list[dict[str, Any]], datetime | None]:
    """How each experiment stands, as the view ``experiment_status`` says it, and when that was
    found out: at classify's last look, None for now. The view is asked where that look is older
    than ``_FRESH`` or than what was started, changed or stopped since."""
    columns = "experiment, status, verdict, variant, broken, units, started_at, winner"
    looked, changed, known, measured_ = client.query(
        f"SELECT (SELECT max(measured_at) FROM {database}.experiment_status_measured) AS looked,"
        f" max(changed_at), uniqExact(project, name), (SELECT count() FROM"
        f" {database}.experiment_status_measured WHERE measured_at = looked)"
        f" FROM {database}.experiment_changes"
    ).result_rows[0]
    if looked > changed and measured_ == known and datetime.now(UTC) - utc(looked) < _FRESH:
        at = utc(looked)
        view = f"""(
  SELECT experiment, known.status AS status, verdict, variant, broken, units,
    known.started_at AS started_at, known.winner AS winner
  FROM (
    SELECT experiment, verdict, variant, broken, units
    FROM {database}.experiment_status_measured
    WHERE measured_at = (SELECT max(measured_at) FROM {database}.experiment_status_measured)
  ) AS kept
  INNER JOIN (
    SELECT name AS experiment, status, started_at, winner FROM {database}.experiments
  ) AS known USING (experiment)
)"""
    else:
        at, view = None, f"{database}.experiment_status"
    answer = client.query(f"SELECT {columns} FROM {view} ORDER BY status, experiment")
    names = answer.column_names
    return [dict(zip(names, row, strict=True)) for row in answer.result_rows], at
