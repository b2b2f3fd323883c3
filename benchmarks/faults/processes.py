"""A tree of processes as Linux shows it in /proc: who is who, how large, how busy."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """``role``: main, ingest, classify (its worker has the models' library mapped), tracker,
    reader (of the ClickHouse port, where it has a process of its own) or other."""

    pid: int
    role: str


def tree(pid: int) -> list[Process]:
    """The process and those below it; empty when it is gone."""
    found = [Process(pid, "main")] if Path(f"/proc/{pid}").exists() else []
    return found + [Process(child, _role(child)) for child in _children(pid)]


def resident_bytes(pid: int) -> int:
    """Of the whole tree, each process counted in full."""
    return sum(_resident(each) for each in (pid, *_children(pid)))


def cpu_ticks(pid: int) -> int:
    """User and system time in clock ticks; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def send(pid: int, number: signal.Signals) -> bool:
    """Whether it was there to get the signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _children(pid: int) -> list[int]:
    """All below it."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        pass
    return found + [below for child in found for below in _children(child)]


def _role(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"resource_tracker" in command:
            return "tracker"
        if b"embedded_http" in command:
            return "reader"
        if b"spawn_main" not in command:
            return "other"
        return "classify" if "onnxruntime" in Path(f"/proc/{pid}/maps").read_text() else "ingest"
    except OSError:
        return "gone"


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
