"""Clocks that jump: only the house's own, by libfaketime."""

from __future__ import annotations

import ctypes.util
import time
from pathlib import Path

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Scene, Skipped, side_house

_NAMES = ("libfaketimeMT.so.1", "libfaketime.so.1")
_FOLDERS = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime")
_FOLDERS += ("/usr/lib64/faketime", "/usr/local/lib/faketime")


def _library() -> str:
    for folder in _FOLDERS:
        for name in _NAMES:
            if (path := Path(folder, name)).exists():
                return str(path)
    if found := ctypes.util.find_library("faketimeMT"):
        return found
    raise Skipped("libfaketime is not installed (Debian: apt-get install faketime)")


def _faked(side: Scene, hours: float) -> None:
    """From the next start on the house sees a clock that is ``hours`` off; a jump once it runs."""
    path = side.house.data.parent / "clock"
    path.write_text(f"{hours * 3600:+.0f}\n")
    side.house.more = {
        "LD_PRELOAD": _library(),
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_CACHE_DURATION": "1",
        # Waiting and timeouts go by a clock that never jumps, as in the kernel.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def _jump(scene: Scene, first: float, then: float) -> None:
    _library()
    with side_house(scene) as side:
        _faked(side, first)
        side.start()
        side.traffic.go()
        side.wait(1, 2)
        _faked(side, then)
        # libfaketime looks once a second.
        time.sleep(1.5)
        side.wait(1, 2)
        side.settle()
        _faked(side, 0)
        side.traffic.go()
        side.wait(2, 3)
        side.settle()


@kind()
def clock_jumps_forward(scene: Scene) -> None:
    """The clock jumps three hours forward amid the traffic, and back"""
    _jump(scene, 0, 3)


@kind()
def clock_jumps_back(scene: Scene) -> None:
    """The clock jumps three hours back amid the traffic, and forward again"""
    _jump(scene, 0, -3)


@kind()
def clock_wrong_at_start(scene: Scene) -> None:
    """It starts with a clock that is 20 hours ahead or behind, then with the right one"""
    _library()
    with side_house(scene) as side:
        _faked(side, side.random.choice([-20, 20]))
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
