"""Other tracing servers, each in an environment of its own, from its lock: nothing of theirs gets
into the product's.

They lie in the user's cache, or where EVERYSPAN_BENCHMARK_ENVIRONMENTS says, and are made once a
lock.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

LOCKS = Path(__file__).parent / "requirements"
NAMES = ("phoenix", "mlflow")


def place() -> Path:
    """Where they lie."""
    named = os.environ.get("EVERYSPAN_BENCHMARK_ENVIRONMENTS")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(cache) / "everyspan-benchmarks"


def interpreter(name: str) -> Path:
    """Of the environment that has ``name`` as locked, made if it is not there. Raises
    CalledProcessError where the package index does not give what the lock asks for."""
    lock = LOCKS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = place() / f"{name}-{digest}"
    python, ready = folder / "bin/python", folder / ".ready"
    if not ready.exists():
        print(f"installing {name} into {folder} …", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        wanted = ("--quiet", "--require-hashes", "-r", str(lock))
        uv = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--system-certs",
            "--python",
            str(python),
        ]
        if subprocess.run([*uv, *wanted], check=False).returncode:
            subprocess.run([python, "-m", "pip", "install", *wanted], check=True)
        ready.touch()
    return python
