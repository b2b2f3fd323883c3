"""Dashboards' questions to our table and to the layouts of others: time, bytes on disk, growth.

    python -m benchmarks.layouts.run --rows 200000 [2000000] [--days 15] [--folder DIR]
    python -m benchmarks.layouts.run --filled DIR      # by benchmarks.large.run; its rows stay

One embedded engine, the same rows (benchmarks/layouts/rows.py), copied into each layout. Each
question is asked of all layouts in turn, three rounds; the median counts, on the clock and in time
of processors. Before that the answers are held against ours: a layout that says something else ends
the run. With two sizes, growth is the ratio of the totals.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from benchmarks.layouts import rows
from benchmarks.layouts.layout import Layout, read
from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings

OTHERS = ("otel_collector", "langfuse_v4", "openlit")
_ROUNDS = 3
#: Estimates of a quantile and sums of floats may differ by their order.
_TOLERANCE = 0.05
#: Their rows carry other columns.
_ONLY_COUNTED = ("one_trace",)
#: A word that a few of ten thousand texts have.
_WORD = "locomotives"


class AnswersDiffer(Exception):
    """A layout's question asks something else than ours."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000])
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--filled", type=Path, metavar="DIR")
    given = parser.parse_args()
    if given.filled:
        _of(given.filled)
        return
    totals: dict[int, dict[str, float]] = {}
    for size in given.rows:
        folder = Path(tempfile.mkdtemp(prefix="everyspan-layouts-", dir=given.folder))
        try:
            totals[size] = _of(folder, size, given.days)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if len(totals) > 1:
        small, large = min(totals), max(totals)
        for name in totals[small]:
            growth = totals[large][name] / totals[small][name]
            print(f"{name}: {growth:.1f} times the time for {large / small:.0f} times the rows")
            if name == "Everyspan":
                figures.tell("growth of dashboards' time, ten times the rows", growth, "times")


def _of(folder: Path, size: int = 0, days: int = 15) -> dict[str, float]:
    """Name to seconds for all questions, of ``size`` rows; 0 for those that are there, which are
    left as they were."""
    settings = ClickHouseSettings(data=folder)
    client = connect(settings.dsn)
    migrate(client, settings)
    client.database = settings.database
    if size:
        rows.fill(client, settings.database, size, days)
    ours, *others = layouts = [read("everyspan"), *map(read, OTHERS)]
    source = f"{settings.database}.spans"
    for layout in others:
        copy(client, layout, source)
    wait_for_merges(client)
    databases = {each.key: each.key for each in others} | {ours.key: settings.database}
    disk = {each.name: _bytes(client, databases[each.key]) for each in layouts}
    took, worked = ask(client, layouts, databases)
    print_table(client, ours.questions, layouts, took, worked, disk)
    for layout in others:
        client.command(f"DROP DATABASE {layout.key}")
    client.close()
    return {each.name: sum(took[each.key].values()) for each in layouts}


def copy(client: Client, layout: Layout, source: str) -> None:
    """Makes its tables and fills them from ``source``, our view, a day at a time."""
    for sql in layout.create():
        client.command(sql)
    for day in _days(client):
        for sql in layout.copy(source, day):
            client.command(sql)


def _days(client: Client) -> list[str]:
    found = client.query(
        "SELECT DISTINCT toString(toDate(start_time)) AS day FROM spans_raw ORDER BY day"
    )
    return [day for (day,) in found.result_rows]


def wait_for_merges(client: Client, seconds: float = 300) -> None:
    """Until none runs, or for so long: what is measured is a table at rest."""
    until, quiet = time.monotonic() + seconds, 0
    while quiet < 3 and time.monotonic() < until:
        running = client.query("SELECT count() FROM system.merges").result_rows[0][0]
        quiet = 0 if running else quiet + 1
        time.sleep(1)


def _bytes(client: Client, database: str) -> int:
    return int(
        client.query(
            f"SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = '{database}'"
        ).result_rows[0][0]
    )


def ask(
    client: Client, layouts: list[Layout], databases: dict[str, str], rounds: int = _ROUNDS
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Layout to question to the median, seconds on the clock and of processors. Raises
    AnswersDiffer."""
    since = datetime.now(UTC) - timedelta(days=1)
    trace = client.query(
        f"SELECT trace_id FROM {databases['everyspan']}.spans_raw WHERE start_time > now() -"
        " INTERVAL 5 HOUR LIMIT 1"
    ).result_rows[0][0]
    values = {
        "since": f"toDateTime64('{since:%Y-%m-%d %H:%M:%S}', 6, 'UTC')",
        "trace": trace,
        "word": _WORD,
    }
    took: dict[str, dict[str, float]] = {each.key: {} for each in layouts}
    worked: dict[str, dict[str, float]] = {each.key: {} for each in layouts}
    for question in layouts[0].questions:
        answers: dict[str, Any] = {}
        timed: dict[str, list[tuple[float, float]]] = {each.key: [] for each in layouts}
        for _ in range(rounds + 1):
            for layout in layouts:
                sql = layout.questions[question]
                for name, value in values.items():
                    sql = sql.replace(f"{{{name}}}", value)
                client.database = databases[layout.key]
                began, busy = time.perf_counter(), time.process_time()
                answers[layout.key] = client.query(sql).result_rows
                timed[layout.key].append((time.perf_counter() - began, time.process_time() - busy))
        for layout in layouts:
            agree(question, layout.name, answers["everyspan"], answers[layout.key])
            # The first round reads what is on the disk, for all.
            counted = timed[layout.key][1:] or timed[layout.key]
            took[layout.key][question] = statistics.median(each for each, _ in counted)
            worked[layout.key][question] = statistics.median(each for _, each in counted)
    return took, worked


def agree(question: str, name: str, ours: list[Any], theirs: list[Any]) -> None:
    """Raises AnswersDiffer."""
    if len(ours) != len(theirs) or not ours:
        raise AnswersDiffer(f"{question}: {len(ours)} rows of ours, {len(theirs)} of {name}")
    if question in _ONLY_COUNTED:
        return
    for left, right in zip(ours, theirs, strict=True):
        for a, b in zip(left, right, strict=True):
            same = (
                math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=1e-9)
                if isinstance(a, float) or isinstance(b, float)
                else str(a)[:19] == str(b)[:19]
            )
            if not same:
                raise AnswersDiffer(f"{question}: ours {left}, {name} {right}")


def print_table(
    client: Client,
    questions: Any,
    layouts: list[Layout],
    took: dict[str, dict[str, float]],
    worked: dict[str, dict[str, float]],
    disk: dict[str, int],
) -> None:
    """Milliseconds of processors, a row a question."""
    stored = client.query("SELECT count() FROM everyspan.spans_raw").result_rows[0][0]
    print(f"\n{stored:,} spans, ms of processors\n")
    print("| | " + " | ".join(each.name for each in layouts) + " |")
    print("|---|" + "---:|" * len(layouts))
    for question in questions:
        each = (f"{1000 * worked[layout.key][question]:,.0f}" for layout in layouts)
        print(f"| {question.replace('_', ' ')} | {' | '.join(each)} |")
    sums = {each.key: sum(worked[each.key].values()) for each in layouts}
    clock = {each.key: sum(took[each.key].values()) for each in layouts}
    print("| **all** | " + " | ".join(f"{1000 * sums[x.key]:,.0f}" for x in layouts) + " |")
    print("| on the clock | " + " | ".join(f"{1000 * clock[x.key]:,.0f}" for x in layouts) + " |")
    print("| bytes a span | " + " | ".join(f"{disk[x.name] / stored:,.0f}" for x in layouts) + " |")
    ours, *others = layouts
    best = min(others, key=lambda each: sums[each.key])
    small = min(others, key=lambda each: disk[each.name])
    figures.tell(
        "dashboards, processor ms", 1000 * sums[ours.key], "ms",
        other=1000 * sums[best.key], of=best.name, less_is_better=True,
    )  # fmt: skip
    figures.tell(
        "dashboards, clock ms", 1000 * clock[ours.key], "ms",
        other=1000 * min(clock[each.key] for each in others), of="the best of three layouts",
        less_is_better=True,
    )  # fmt: skip
    figures.tell(
        "bytes on disk a span", disk[ours.name] / stored, "bytes",
        other=disk[small.name] / stored, of=small.name, less_is_better=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
