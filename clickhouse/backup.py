"""A copy of the embedded engine's directory, made while the engine writes.

Parts never change once they have their name, and stay on the disk for minutes after they were
merged into others (``MERGED_PARTS_SECONDS``). So a copy of all that are there has each row that was
stored before the copy began; a part that is there beside one that covers it is left out by the
engine that opens the copy, as after a crash. What is being written has a name of its own
(``tmp_…``), and is not copied. See: https://clickhouse.com/docs/engines/table-engines/mergetree-family/mergetree
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from service.errors import UserError

#: Something is gone before it is copied only where it was merged minutes ago.
_MOST_PASSES = 10
_PART = re.compile(r"[^_]+_\d+_\d+_\d+(?:_\d+)?")


class BackupError(UserError):
    """The directory can't be copied. The text says why, and what to do."""


@dataclass(slots=True)
class Copied:
    """Of a directory."""

    files: int = 0
    bytes: int = 0


def copy_engine(source: Path, target: Path) -> Copied:
    """``source``: holds ``metadata`` and ``store``. ``target``: is not there yet. Raises
    BackupError, and OSError where it can't be written."""
    if not (source / "metadata").is_dir():
        raise BackupError(f"{source} is no directory of the embedded engine; give another --data")
    copied = Copied()
    _copy(source / "metadata", target / "metadata", copied)
    for _ in range(_MOST_PASSES):
        if not _copy_missing(source / "store", target / "store", copied):
            return copied
    raise BackupError(
        f"{source} changes faster than it is copied; stop `everyspan up` meanwhile, or copy to a"
        " faster disk"
    )


def _copy_missing(source: Path, target: Path, copied: Copied) -> bool:
    """Copy the parts that the target does not have. Whether one was gone before it was copied: what
    it was merged into is there for the next pass."""
    gone = False
    for table in source.glob("*/*"):
        into = target / table.relative_to(source)
        into.mkdir(parents=True, exist_ok=True)
        try:
            inside = list(table.iterdir())
        except FileNotFoundError:
            continue  # a table that was dropped
        for found in inside:
            if found.is_file():
                try:
                    shutil.copy2(found, into / found.name)
                except FileNotFoundError:
                    gone = True  # a mutation that has ended
            elif _PART.fullmatch(found.name) and not (into / found.name).exists():
                # Under a name that the engine clears away, until it is whole.
                beside = into / f"tmp_{found.name}"
                shutil.rmtree(beside, ignore_errors=True)
                try:
                    _copy(found, beside, copied)
                except FileNotFoundError:
                    gone = True
                else:
                    beside.rename(into / found.name)
    return gone


def _copy(source: Path, target: Path, copied: Copied) -> None:
    target.mkdir(parents=True)
    for found in source.iterdir():
        if found.is_symlink() or found.suffix == ".tmp":
            continue  # to a database's folder, which the engine makes; a definition half written
        if found.is_dir():
            _copy(found, target / found.name, copied)
        else:
            shutil.copy2(found, target / found.name)
            copied.files += 1
            copied.bytes += found.stat().st_size
