"""The second wall: what a reader process can't do even if the guard let everything through."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = """
import json, os, socket, subprocess, sys
from pathlib import Path
from clickhouse.embedded_http import sandbox

data, own, secret, port = sys.argv[1:]
owner = os.getppid()

def attempt(function):
    try:
        function()
    except OSError:
        return False
    return True

def engine(sql):
    import chdb
    try:
        return "secret" in str(chdb.query(sql))
    except Exception:
        return False

os.environ["TMPDIR"] = own
active = sandbox.enter([data], [own])
print(json.dumps({
    "active": active,
    "reads the data": attempt(lambda: Path(data, "part").read_bytes()),
    "writes its own": attempt(lambda: Path(own, "x").write_text("x")),
    "writes the data": attempt(lambda: Path(data, "part").write_text("x")),
    "deletes the data": attempt(lambda: Path(data, "part").unlink()),
    "reads other files": attempt(lambda: Path(secret).read_text()),
    "reads passwords": attempt(lambda: Path("/etc/passwd").read_text()),
    "reads the owner's environment": attempt(lambda: Path(f"/proc/{owner}/environ").read_bytes()),
    "starts programs": attempt(lambda: subprocess.run([sys.executable, "-c", ""])),
    "connects": attempt(lambda: socket.create_connection(("127.0.0.1", int(port)), 5)),
    "reads by the engine": engine(f"SELECT file('{secret}')"),
    "reads a table by the engine": engine(f"SELECT * FROM file('{secret}', LineAsString)"),
    "writes by the engine": engine(f"SELECT 'secret' INTO OUTFILE '{secret}.out'")
        or os.path.exists(f"{secret}.out"),
}))
"""


def test_a_sandboxed_process_reaches_nothing_but_the_data(tmp_path: Path) -> None:
    data, own = tmp_path / "data", tmp_path / "own"
    data.mkdir()
    own.mkdir()
    (data / "part").write_text("rows")
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, str(data), str(own), str(secret), port],
            cwd=own,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    if not found.pop("active"):
        pytest.skip("this kernel has no Landlock")
    assert [name for name, managed in found.items() if managed] == [
        "reads the data",
        "writes its own",
    ]
