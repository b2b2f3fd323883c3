"""What the SDK adds to a span stays under its limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

ROOT = Path(__file__).parents[2]


def test_under_50_microseconds_a_span() -> None:
    command = [sys.executable, "benchmarks/sdk_overhead/run.py", "--spans", "2000"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "most added" in done.stdout
