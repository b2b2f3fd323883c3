"""Start-up, memory and retention of `everyspan up` with its defaults.

    python -m benchmarks.stack.run [--rows 200000] [--folder DIR]

Start-up: from the command until spans are taken, on an empty folder and on one with the rows.
Memory: of all its processes (proportional set size: what they share counts once), while the page
and SQL are asked. Retention: how long the oldest day's rows take to go, from when the setting says
so.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from benchmarks.layouts import rows
from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from tests.everyspan_up import Up, free_ports

_VIEWS = ("/", "/traces", "/classifiers")


def started(data: Path) -> tuple[Up, float]:
    """Running, and the seconds until it was."""
    up = Up(data, free_ports())
    began = time.perf_counter()
    up.start()
    return up, time.perf_counter() - began


def memory(pid: int) -> float:
    """MB of a process and its descendants, what they share counted once."""
    total = 0
    for each in _tree(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1000


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _tree(int(child))
    return found


def main() -> None:
    """Prints what it finds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--folder", type=Path, help="has rows already, and keeps them")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="everyspan-bench-") as name:
        empty = []
        for number in range(3):
            up, seconds = started(Path(name) / f"empty-{number}")
            up.stop()
            empty.append(seconds)
        data = given.folder or Path(name) / "data"
        settings = ClickHouseSettings(data=data)
        if not given.folder:
            client = connect(settings.dsn)
            migrate(client, settings)
            client.database = settings.database
            rows.fill(client, settings.database, given.rows, given.days)
            client.close()
        up, full = started(data)
        try:
            assert up.process is not None
            stored = int(up.query("SELECT count() AS n FROM everyspan.spans_raw")[0]["n"])
            peak = 0.0
            for view in _VIEWS * 3:
                url = f"http://127.0.0.1:{up.ports['web']}{view}"
                # One that takes too long here takes memory all the same.
                with suppress(urllib.error.HTTPError), urllib.request.urlopen(url) as answer:
                    answer.read()
                peak = max(peak, memory(up.process.pid))
        finally:
            up.stop()
        print(
            f"start-up, empty: {statistics.median(empty):.1f} s; with {stored:,} rows: {full:.1f} s"
        )
        print(f"memory while it is looked at: {peak:,.0f} MB")
        figures.tell("start-up, s", full, "s")
        figures.tell("memory of the whole stack, MB", peak, "MB")
        if not given.folder:
            took = retention(settings)
            print(f"a day goes in {took:.0f} ms")
            figures.tell("retention: a day goes, ms", took, "ms")


def retention(settings: ClickHouseSettings) -> float:
    """Milliseconds until the rows of the oldest day are gone, with the setting of one day less."""
    client = connect(settings.dsn)
    table = f"{settings.database}.spans_raw"
    (oldest,) = client.query(f"SELECT min(toDate(start_time)) FROM {table}").result_rows[0]
    days = client.query(f"SELECT today() - toDate('{oldest}')").result_rows[0][0]
    began = time.perf_counter()
    migrate(client, settings.model_copy(update={"retention_days": days - 1}))
    while client.query(
        f"SELECT count() FROM {table} WHERE toDate(start_time) = '{oldest}'"
    ).result_rows[0][0]:
        time.sleep(0.02)
    took = 1000 * (time.perf_counter() - began)
    client.close()
    return took


if __name__ == "__main__":
    main()
