"""Steps without what their kind should have: the metric counts what the board finds."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from classify.job.lacking import gaps as lacking
from classify.telemetry import Telemetry
from clickhouse.span import Span
from grafana.build.gaps import GAP_COLUMNS, MISSING, gaps
from tests.classify.job_store import Store
from tests.ingest.test_captures import CAPTURES, rows_of


def test_the_metric_counts_what_the_board_finds(db: Store) -> None:
    now = time.time_ns()
    every = [replace(row, start_time=now) for path in CAPTURES for row in rows_of(path)]
    # Some captures are of the same run.
    rows = [*{(row.trace_id, row.span_id): row for row in every}.values()]
    bad = Span("f" * 32, "1" * 16, start_time=now, step_kind="tool", scope_name="worse")
    rows += [bad, replace(bad, span_id="2" * 16, step_kind="llm", scope_version="2", output="Hm")]
    db.insert(rows)
    found = Counter[tuple[str, str, str]]()
    # The board shows the first of them, the metric has all.
    for each in db.query(gaps("1").replace("LIMIT 20", "LIMIT 1000")):
        row = dict(zip(GAP_COLUMNS, each, strict=True))
        for name in MISSING:
            found[row["scope"], row["version"], name.removeprefix("no_")] += row[name]
    assert {lack for scope, _, lack in found if scope == "worse" and found[scope, _, lack]} == {
        "name",
        "input",
        "output",
        "model",
        "tokens",
    }
    assert +found == lacking(rows)


def test_tracers_without_end_are_one_series() -> None:
    telemetry = Telemetry()
    for number in range(1000):
        telemetry.count_gap((f"tracer {number}", "1" * 500, "model"), 1)
    (metric,) = telemetry.not_understood.collect()
    counted = [sample for sample in metric.samples if sample.name.endswith("_total")]
    assert len(counted) <= 202
    assert sum(sample.value for sample in counted) == 1000
