"""Workers that can't be started now: the sender is told to try again, not that it is at fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.everyspan_up import ROOT

_WITHOUT_HANDLES = """
import os, resource, signal, time
from concurrent.futures.process import BrokenProcessPool
from service.worker_pool import WorkerPool

if __name__ == "__main__":
    pool = WorkerPool(1)
    os.kill(pool.submit(os.getpid).result(60), signal.SIGKILL)
    while not pool._executor._broken:
        time.sleep(0.01)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limit[1]))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for _ in range(2):
        try:
            pool.submit(os.getpid)
        except BrokenProcessPool as error:
            print("told:", error, flush=True)
    for each in held:
        os.close(each)
    print("again:", pool.submit(os.getpid).result(60) != os.getpid(), flush=True)
    pool.close()
"""


def test_no_file_handles_is_no_fault_of_the_batch(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_WITHOUT_HANDLES)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all(line.startswith("told: no worker process can be started") for line in lines[:2])
    assert lines[2] == "again: True"
