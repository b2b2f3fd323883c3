"""A real OpenTelemetry Collector in front, on machines that have one: ``otelcol`` on the PATH.

benchmarks/collector/run.py runs more of the same, and batches of 147 MB.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.collector.run import COMPRESSIONS, Case, run

OTELCOL = os.environ.get("OTELCOL") or shutil.which("otelcol")


@pytest.mark.slow
@pytest.mark.skipif(OTELCOL is None, reason="no otelcol on this machine")
@pytest.mark.parametrize(
    ("protocol", "compression"),
    [(protocol, each) for protocol, many in COMPRESSIONS.items() for each in many],
)
def test_what_a_collector_sends_is_stored_once_though_ingest_is_killed_in_the_midst(
    tmp_path: Path, protocol: str, compression: str
) -> None:
    found = run(Case(protocol, compression, "killed", spans=4096), Path(str(OTELCOL)), tmp_path)
    assert (found.rows, found.unique) == (found.sent, found.sent)
