"""How long each panel's and rule's SQL takes on many rows.

    python -m benchmarks.grafana.run --rows 1000000 [--days 15] [--folder DIR] [--last 1]

Seeds an embedded ClickHouse (kept in DIR between runs), then runs every statement three times over
the last day (boards: the last LAST days) and prints the median. Nothing else should run on the
machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from benchmarks.layouts import rows
from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from experiments.experiment_definition import read_definition
from experiments.experiment_store import start
from experiments.measured import measure
from grafana.evaluation.evaluator import read_rules
from grafana.evaluation.provisioning import SqlModel
from grafana.macros import TimeRange, expand, interval_for
from grafana.report.panels import DASHBOARDS
from grafana.variables import fill
from tests.grafana import seed

#: The one that the seeded spans take part in.
EXPERIMENT = {
    "planned_units": 20_000,
    "variants": {"control": 1, "short": 1},
    "metrics": [
        {"metric": "goal_completion", "role": "primary", "min_effect": 0.02},
        {"metric": "hallucination", "role": "guardrail", "margin": 0.01},
        {"metric": "cost_usd", "role": "secondary"},
    ],
}
LIMIT_MS = 1000
#: Of processors, for the last day.
AIM_MS = 300
_RUNS = 3


def statements(client: Client, last: timedelta) -> Iterator[tuple[str, str, str, timedelta]]:
    """Board or rules, title, SQL, and the time range it looks at: of boards ``last``."""
    trace, session = client.query(
        "SELECT trace_id, session_id FROM spans WHERE session_id != '' AND"
        " start_time > now() - INTERVAL 1 DAY LIMIT 1"
    ).result_rows[0]
    for path in sorted(DASHBOARDS.glob("*.json")):
        board: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values = {}
        for variable in board["templating"]["list"]:
            current = variable.get("current", {}).get("value", "")
            values[variable["name"]] = current[0] if isinstance(current, list) else current
        values |= {"trace_id": trace, "session_id": session}
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                sql = fill(target["rawSql"], values)
                yield path.stem, panel["title"], sql, last
    for group in read_rules().groups:
        for rule in group.rules:
            for query in rule.data:
                if isinstance(query.model, SqlModel) and query.relativeTimeRange:
                    back = timedelta(seconds=query.relativeTimeRange.from_)
                    yield "rules", rule.title, query.model.rawSql, back


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--last", type=float, default=1, help="days that boards look at")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="everyspan-grafana-"))
    settings = ClickHouseSettings(data=folder)
    client = connect(settings.dsn)
    migrate(client, settings)
    client.database = settings.database
    found = client.query("SELECT count() FROM spans_raw").result_rows[0][0]
    if found < options.rows * 0.9:
        began = time.perf_counter()
        seed.fill(client, settings.database, options.rows, options.days)
        rows.merge_days(client)
        print(f"seeded in {time.perf_counter() - began:.0f} s")
    if not client.query("SELECT count() FROM experiments").result_rows[0][0]:
        since = datetime.now(UTC) - timedelta(days=min(3, options.days))
        definition = read_definition(EXPERIMENT | {"name": "shorter-prompt"}, "here")
        start(client, settings.database, definition, since)
    rows.tally(client, settings)
    stored = client.query("SELECT count() FROM spans").result_rows[0][0]
    began, busy = time.perf_counter(), time.process_time()
    measure(client, settings.database)
    print(f"{stored:,} spans of {options.days} days; experiments are looked at in", end=" ")
    print(f"{time.perf_counter() - began:.1f} s ({time.process_time() - busy:.1f} of processors)\n")
    print("| board | panel or rule | rows | ms | of processors |\n|---|---|---:|---:|---:|")
    # Of rows that were made some hours ago the last minutes are asked too.
    newest = client.query("SELECT toUnixTimestamp(max(start_time)) FROM spans_raw").result_rows
    until = datetime.fromtimestamp(newest[0][0] + 1, UTC)
    slow, times, works = [], [], []
    for where, title, sql, back in statements(client, timedelta(days=options.last)):
        span = TimeRange.last(back, until)
        text = expand(sql, span, interval_for(span))
        took, worked = [], []
        for _ in range(_RUNS):
            began, busy = time.perf_counter(), time.process_time()
            count = len(client.query(text).result_rows)
            took.append((time.perf_counter() - began) * 1000)
            worked.append((time.process_time() - busy) * 1000)
        median, own = statistics.median(took), statistics.median(worked)
        times.append(median)
        works.append(own)
        mark = " **slow**" if median > LIMIT_MS else ""
        print(f"| {where} | {title} | {count} | {median:.0f}{mark} | {own:.0f} |", flush=True)
        if median > LIMIT_MS:
            slow.append(title)
    print(
        f"\n{len(times)} statements: median {statistics.median(times):.0f} ms,"
        f" slowest {max(times):.0f} ms, {len(slow)} over {LIMIT_MS} ms"
    )
    over = sum(work > AIM_MS for work in works)
    print(f"of processors: all {sum(works):,.0f} ms, {over} over {AIM_MS} ms")
    figures.tell("all panels and rules, processor ms", sum(works), "ms")
    figures.tell("slowest panel or rule, processor ms", max(works), "ms")
    figures.tell("median of panels and rules, processor ms", statistics.median(works), "ms")


if __name__ == "__main__":
    main()
