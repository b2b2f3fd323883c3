"""A reader whose engine keeps the interpreter's lock ends all the same, owner or not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from tests.everyspan_up import ROOT

# ctypes.PyDLL keeps the lock while it calls: no thread and no handler of Python runs meanwhile.
STUCK = """
import ctypes
from clickhouse.embedded_http.reader import _end_when_stuck
_end_when_stuck(1)
print("stuck", flush=True)
ctypes.PyDLL(None).sleep(120)
ctypes.PyDLL(None).sleep(120)
"""


def test_a_reader_that_can_run_nothing_ends_by_itself() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.stdout == b"stuck\n"
    assert done.returncode == -signal.SIGALRM
    assert time.monotonic() - began < 50
