"""Two houses on one directory."""

from __future__ import annotations

import subprocess

from benchmarks.faults.house import House
from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Broken, Scene
from tests.everyspan_up import free_ports


@kind()
def two_on_one_directory(scene: Scene) -> None:
    """A second `everyspan up` on the same directory"""
    first = scene.house
    log = first.log_path.with_suffix(".second") if first.log_path else None
    second = House(first.data, free_ports(), own=first.own, log_path=log)
    second.launch()
    assert second.process is not None
    try:
        status = second.process.wait(60)
    except subprocess.TimeoutExpired:
        second.kill()
        raise Broken("stuck: a second house on one directory did not end") from None
    if status == 0:
        raise Broken("a second house on one directory ended as if all was well")
    if "another process has" not in second.tail(40):
        raise Broken(f"a second house ended without saying why:\n{second.tail(10)}")
