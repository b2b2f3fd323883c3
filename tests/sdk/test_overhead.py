"""The benchmark of what the SDK adds to a span runs and says it; its exit status is whether that is
under the limit, which counts on a machine that does nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

ROOT = Path(__file__).parents[2]


def test_the_benchmark_says_what_a_span_costs() -> None:
    command = [sys.executable, "benchmarks/sdk_overhead/run.py", "--spans", "200"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    found = re.search(r"most added: ([\d.]+) us, limit 50 us", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) > 0
    assert done.returncode == (float(found[1]) > 50)
