"""/readyz says ok once a span that comes now need not wait for anything to be loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.everyspan_up import running


@pytest.mark.skipif(sys.platform == "win32", reason="asks ps")
def test_workers_run_before_the_service_is_ready(tmp_path: Path) -> None:
    with running(tmp_path / "data", ingest_workers="2") as up:
        assert up.process is not None
        processes = subprocess.run(
            ["ps", "-e", "-ww", "-o", "ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        workers = [
            line
            for line in processes.splitlines()
            if line.split()[0] == str(up.process.pid) and "spawn_main" in line
        ]
        assert len(workers) == 2, processes
        assert up.request("GET", "/readyz").body == b"ok\n"
