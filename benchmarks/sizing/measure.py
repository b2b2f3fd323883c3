"""Measures and fits: ``python -m benchmarks.sizing.measure`` writes ``coefficients.toml``.

Processor seconds, not time on a clock: of this process with all threads of the embedded engine, so
that a busy machine moves them little. Each figure is fitted as ``a + b * KB`` of text a span, by
least squares on three sizes; a fourth size, with other texts, is held out and says how far off that
is.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np
import tomli_w

from benchmarks.sizing.traffic import request
from classify.job.classify_job import ClassifyJob
from classify.registry import BUILT_IN
from classify.settings import ClassifySettings
from clickhouse.connection import connect
from ingest.limits import ContentLimits
from ingest.prepare import Body, Prepared, Rules, prepare
from ingest.settings import IngestSettings
from ingest.storage import Storage

PAGE = Path(__file__).parent / "coefficients.toml"
FITTED, HELD_OUT = (0.25, 1.0, 4.0), 2.0
_TRACES_A_REQUEST = 128


@dataclass
class Measured:
    """Of one size: ``kilobytes`` of text a span; processor microseconds and bytes a span."""

    kilobytes: float
    ingest_us: float
    classify_us: float
    disk_bytes: float


def measure(kilobytes: float, seed: int, requests: int, judged: int) -> Measured:
    """``requests`` are stored, and of others ``judged`` traces judged."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        dsn = f"chdb://{folder}/engine"
        storage = Storage(IngestSettings(clickhouse_dsn=dsn))
        types = storage.open()
        rules = Rules(types, 30, 256 << 20, ContentLimits(), None)
        bodies = [request(_TRACES_A_REQUEST, kilobytes, rng) for _ in range(requests)]
        _store(storage, rules, [request(4, kilobytes, rng)[0]])
        began = time.process_time()
        _store(storage, rules, [body for body, _, _ in bodies])
        ingest = time.process_time() - began
        spans = sum(each[1] for each in bodies)
        client = connect(dsn)
        client.command("OPTIMIZE TABLE everyspan.spans_raw FINAL")
        ((disk, rows),) = client.query(
            "SELECT sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active"
            " AND database = 'everyspan' AND table = 'spans_raw'"
        ).result_rows
        client.command("TRUNCATE TABLE everyspan.spans_raw")
        settings = ClassifySettings(
            clickhouse_dsn=dsn, classify_workers=0, classify_trace_quiet_seconds=0
        )
        job = ClassifyJob(settings, lambda: connect(dsn), BUILT_IN)
        _store(storage, rules, [request(4, kilobytes, rng)[0]])
        job.run()  # loads the model
        _store(storage, rules, [request(judged, kilobytes, rng)[0]])
        began = time.process_time()
        written = job.run()
        judging = time.process_time() - began
        job.close()
        client.close()
        storage.close()
    text = sum(each[2] for each in bodies) / spans / 1024
    return Measured(text, 1e6 * ingest / spans, 1e6 * judging / written, disk / rows)


def _store(storage: Storage, rules: Rules, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        made = prepare(Body("traces", "protobuf", "", body), rules, rules.most_room)
        assert isinstance(made, Prepared), made
        assert made.rows, made.rejected
        storage.insert(made.table, made.blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=6, help="of 512 spans, to store")
    parser.add_argument("--judged", type=int, default=40, help="traces of 4 spans, to judge")
    given = parser.parse_args()
    found = [measure(size, 7, given.requests, given.judged) for size in FITTED]
    other = measure(HELD_OUT, 11, given.requests, given.judged)
    fitted: dict[str, dict[str, float]] = {}
    for name in ("ingest_us", "classify_us", "disk_bytes"):
        slope, base = np.polyfit([m.kilobytes for m in found], [getattr(m, name) for m in found], 1)
        said = base + slope * other.kilobytes
        fitted[name] = {
            "base": round(float(base), 2),
            "per_kilobyte": round(float(slope), 2),
            "held_out_error": round(float(said / getattr(other, name) - 1), 3),
        }
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    page = {
        "memory_mib": round(memory),
        "fit": fitted,
        "measured": [asdict(each) for each in (*found, other)],
    }
    head = "# Written by python -m benchmarks.sizing.measure; the last of `measured` is held out.\n"
    PAGE.write_text(head + tomli_w.dumps(page), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
