"""Spans per second acknowledged and stored, side by side with other tracing servers.

    python benchmarks/ingest/run.py --phoenix PYTHON --mlflow PYTHON

PYTHON is the interpreter of an environment with arize-phoenix or mlflow; leave one out to skip it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from benchmarks.ingest import load, servers  # noqa: E402
from benchmarks.suite import figures  # noqa: E402

_DRAIN_SECONDS = 60.0
_STAGE = re.compile(r'everyspan_ingest_stage_cpu_seconds_total\{stage="(\w+)"\} ([\d.e+-]+)')


def measure(
    start: Callable[[Path], AbstractContextManager[servers.Server]], senders: int, seconds: float
) -> dict[str, Any]:
    """One server, fresh, under one load."""
    with (
        tempfile.TemporaryDirectory(prefix="everyspan-bench-") as name,
        start(Path(name)) as server,
    ):
        load.run(server.url, 1, 0.01, server.headers)  # one batch: imports, first parts, pages
        before = server.stored() if server.sqlite else 0
        warm = _stages(server)
        cpu = server.cpu_seconds()
        clock = time.perf_counter()
        result = load.run(server.url, senders, seconds, server.headers)
        stored_in_time = 0
        if server.sqlite:
            stored_in_time = _settled(server, before + result.acknowledged) - before
        elapsed = time.perf_counter() - clock
        cpu = server.cpu_seconds() - cpu
        stages = {k: v - warm.get(k, 0.0) for k, v in _stages(server).items()}
        if not server.sqlite:
            # What it acknowledged is stored; the count after it has stopped shows that.
            stored_in_time = result.acknowledged
            acknowledged_in_all = _acknowledged(server)
            server.stop()
            stored = server.stored()
            if stored != acknowledged_in_all:
                raise RuntimeError(f"{acknowledged_in_all} acknowledged, {stored} stored")
    spans = max(1, stored_in_time)
    return {
        "server": server.name,
        "senders": senders,
        "acknowledged_per_s": result.acknowledged / result.seconds,
        "stored_per_s": stored_in_time / elapsed
        if server.sqlite
        else result.acknowledged / result.seconds,
        "refused": result.refused,
        "p50_s": result.percentile(0.5),
        "p99_s": result.percentile(0.99),
        "cpu_us_per_span": cpu / spans * 1e6,
        "stages_us_per_span": {k: v / spans * 1e6 for k, v in stages.items()},
    }


def _settled(server: servers.Server, wanted: int) -> int:
    """Rows once ``wanted`` are there, or after a minute: some acknowledge before they store."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while (count := server.stored()) < wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return count


def _stages(server: servers.Server) -> dict[str, float]:
    if not server.metrics:
        return {}
    return {stage: float(value) for stage, value in _STAGE.findall(_metrics(server))}


def _acknowledged(server: servers.Server) -> int:
    found = re.search(
        r'everyspan_ingest_rows_stored_total\{table="spans_raw"\} ([\d.e+]+)', _metrics(server)
    )
    return int(float(found[1])) if found else 0


def _metrics(server: servers.Server) -> str:
    with urllib.request.urlopen(server.metrics, timeout=10) as answer:
        return str(answer.read().decode())


def main() -> None:
    """Print a table, and JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phoenix", type=Path, help="interpreter that has arize-phoenix")
    parser.add_argument("--mlflow", type=Path, help="interpreter that has mlflow")
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    starts: list[Callable[[Path], AbstractContextManager[servers.Server]]] = [servers.everyspan]
    if options.phoenix:
        starts.append(lambda directory: servers.phoenix(directory, options.phoenix))
    if options.mlflow:
        starts.append(lambda directory: servers.mlflow(directory, options.mlflow))
    results = []
    print(
        f"{os.cpu_count()} cores, batches of {load.SPANS_A_BATCH} spans, "
        f"{load.TEXT_BYTES} bytes of text a span, {options.seconds:g} s a row\n"
    )
    print("| server | senders | acknowledged/s | stored/s | refused | p50 | p99 | CPU µs/span |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for senders in options.senders:
        for start in starts:
            row = measure(start, senders, options.seconds)
            results.append(row)
            print(
                f"| {row['server']} | {senders} | {row['acknowledged_per_s']:,.0f} |"
                f" {row['stored_per_s']:,.0f} | {row['refused']:,} | {row['p50_s'] * 1e3:,.0f} ms |"
                f" {row['p99_s'] * 1e3:,.0f} ms | {row['cpu_us_per_span']:,.0f} |",
                flush=True,
            )
    print()
    for senders in options.senders:
        ours, *others = [r for r in results if r["senders"] == senders]
        stages = ", ".join(f"{k} {v:.0f}" for k, v in ours["stages_us_per_span"].items())
        print(f"{senders} senders: CPU µs per span by stage: {stages}")
        for other in others:
            if not other["stored_per_s"]:
                print(f"{senders} senders: {other['server']} stored nothing")
                continue
            ratio = ours["stored_per_s"] / other["stored_per_s"]
            print(f"{senders} senders: {ratio:,.1f} times the stored spans/s of {other['server']}")
        if others:
            best = max(others, key=lambda row: float(row["stored_per_s"]))
            figures.tell(
                f"stored spans/s, {senders} senders", ours["stored_per_s"], "spans/s",
                other=best["stored_per_s"], of=best["server"],
            )  # fmt: skip
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
