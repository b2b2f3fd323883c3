"""A house's data directory as ``everyspan migrate`` leaves it: what a house does first of all, and
what takes it as long as all its imports, is done once for each schema.

The house of ``conftest.up`` migrates for itself, as do those of ``tests/clickhouse``.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

_KEPT = Path(__file__).resolve().parents[1] / ".pytest_cache" / "migrated"


def lay_out(data: Path, root: Path, environment: dict[str, str]) -> None:
    """``data`` does not exist yet. ``root``: whose migrations. ``environment``: of the process."""
    made = _KEPT / _schema(root)
    _KEPT.mkdir(parents=True, exist_ok=True)
    with (_KEPT / "lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not made.exists():
            begun = made.with_suffix(".begun")
            shutil.rmtree(begun, ignore_errors=True)
            subprocess.run(
                [sys.executable, "-m", "cli.main", "migrate", f"--data={begun}"],
                cwd=root,
                env=environment,
                check=True,
                capture_output=True,
            )
            begun.rename(made)
    shutil.copytree(made, data, symlinks=True)


def _schema(root: Path) -> str:
    """What it depends on."""
    found = hashlib.sha256(version("chdb").encode())
    clickhouse = root / "clickhouse"
    for path in (clickhouse / "migrate.py", *sorted((clickhouse / "migrations").glob("*.sql"))):
        found.update(path.name.encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
