"""Clocks that jump: only the house's own, by a library that is loaded before libc's."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Broken, Scene, Skipped, side_house

_SOURCE = Path(__file__).parents[1] / "clock.c"


@cache
def _library() -> str:
    """Raises Skipped."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Skipped("there is no C compiler for a clock of our own")
    built = Path(tempfile.mkdtemp(prefix="fault-clock-"), "clock.so")
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(built), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"clock.c can't be compiled here: {done.stderr[:200]}")
    return str(built)


class _Clock:
    """The house's from its next start on."""

    def __init__(self, side: Scene) -> None:
        self._path = side.house.data.parent / "clock"
        self.is_off_by(0)
        side.house.more = {"LD_PRELOAD": _library(), "FAULT_CLOCK": str(self._path)}

    def is_off_by(self, hours: float) -> None:
        """At once. The file stays the same one: it is mapped."""
        with self._path.open("r+b" if self._path.exists() else "w+b", buffering=0) as file:
            file.write(struct.pack("=q", int(hours * 3600)))


def _jump(scene: Scene, hours: float) -> None:
    _library()
    with side_house(scene) as side:
        clock = _Clock(side)
        side.start()
        for off in (hours, 0.0):
            # Rows of both sides of the jump wait for their verdicts.
            side.traffic.go()
            side.wait(1, 2)
            clock.is_off_by(off)
            side.wait(1, 2)
            side.settle()
        if wrong := side.house.recovers(side.patience.recover):
            raise Broken(f"stuck: not ready after the clock has jumped: {wrong}")


@kind()
def clock_jumps_forward(scene: Scene) -> None:
    """The clock jumps three hours forward amid the traffic, and back"""
    _jump(scene, 3)


@kind()
def clock_jumps_back(scene: Scene) -> None:
    """The clock jumps three hours back amid the traffic, and forward again"""
    _jump(scene, -3)


@kind()
def clock_wrong_at_start(scene: Scene) -> None:
    """It starts with a clock that is 20 hours ahead or behind, then with the right one"""
    _library()
    with side_house(scene) as side:
        clock = _Clock(side)
        clock.is_off_by(side.random.choice([-20, 20]))
        side.start()
        side.traffic.go()
        side.wait(2, 3)
        # What nobody has judged yet is left to the house with the right clock.
        side.kill()
        side.house.more = {}
        side.start()
        side.settle()
        side.traffic.go()
        side.wait(1, 2)
        side.settle()
