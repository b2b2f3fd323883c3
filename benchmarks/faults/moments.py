"""Moments at which a fault hurts most, seen from outside: nothing in the product knows of them.

A part of a table is a folder: ``tmp_insert_…`` while an insert writes it, ``tmp_merge_…`` during a
merge. inotify tells of it within microseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.processes import cpu_ticks

_CREATE, _MODIFY, _MOVED_TO = 0x100, 0x2, 0x80
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


def table(data: Path, name: str) -> Path:
    """The folder of a table's parts."""
    return (data / "clickhouse" / "data" / "everyspan" / name).resolve()


def part_begins(data: Path, prefix: str, seconds: float, name: str = "spans_raw") -> bool:
    """Wait for the next ``tmp_insert`` or ``tmp_merge``; False where none came in time."""
    return _entry(table(data, name), prefix, _CREATE | _MOVED_TO, seconds)


def file_changes(path: Path, seconds: float) -> bool:
    """Wait until the file is written."""
    return _entry(path.parent, path.name, _CREATE | _MODIFY, seconds)


def works(pid: int, seconds: float, ticks: int = 2) -> bool:
    """Wait until the process has used so much CPU from now on."""
    before = cpu_ticks(pid)
    return until(lambda: cpu_ticks(pid) >= before + ticks, seconds, 0.004)


def until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Wait; False where it never held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _entry(folder: Path, prefix: str, mask: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not folder.is_dir():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    with _watch(folder, mask) as descriptor:
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([descriptor], [], [], left)[0]:
                return False
            data = os.read(descriptor, 65536)
            while data:
                *_, size = _EVENT.unpack_from(data)
                name = data[_EVENT.size : _EVENT.size + size].rstrip(b"\0").decode()
                if name.startswith(prefix):
                    return True
                data = data[_EVENT.size + size :]
    return False


@contextmanager
def _watch(folder: Path, mask: int) -> Iterator[int]:
    descriptor = _libc.inotify_init1(os.O_CLOEXEC)
    try:
        if descriptor < 0 or _libc.inotify_add_watch(descriptor, bytes(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), f"{folder} can't be watched")
        yield descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)
