"""Disks that are full, or that can't be written any more."""

from __future__ import annotations

import contextlib
import resource
import time

from benchmarks.faults.kinds import kind
from benchmarks.faults.mounts import Mount
from benchmarks.faults.processes import tree
from benchmarks.faults.scene import Scene, Skipped


def _mount(scene: Scene) -> Mount:
    if scene.mount is None:
        raise Skipped("mounting is not allowed here")
    return scene.mount


@kind()
def disk_full(scene: Scene) -> None:
    """The disk is full for some seconds"""
    disk = _mount(scene)
    scene.plant()
    try:
        disk.fill()
        scene.wait(4, 8)
    finally:
        disk.free()


@kind()
def disk_full_kill(scene: Scene) -> None:
    """kill -9 and a start on a full disk, which is freed later"""
    disk = _mount(scene)
    try:
        filling = time.monotonic()
        disk.fill()
        scene.wait(0.5, 2)
        scene.kill(unable=time.monotonic() - filling)
        scene.house.launch()
        scene.wait(3, 6)
    finally:
        disk.free()
    if scene.house.alive:
        return
    scene.start()


@kind()
def writes_refused(scene: Scene) -> None:
    """Files may not grow for some seconds, as over a quota: the engine itself says nothing of it"""
    scene.plant()
    refuse(scene, scene.random.choice((500, 5_000, 100_000)))
    try:
        scene.wait(4, 8)
    finally:
        refuse(scene, resource.RLIM_INFINITY)


@kind()
def writes_refused_kill(scene: Scene) -> None:
    """The same, and kill -9 in the middle of it"""
    began = time.monotonic()
    refuse(scene, scene.random.choice((500, 5_000, 100_000)))
    scene.wait(0.5, 3)
    scene.kill(unable=time.monotonic() - began)
    scene.start()


def refuse(scene: Scene, length: int) -> None:
    """Writes of this house beyond so many bytes of a file."""
    for each in tree(scene.house.pid):
        # A reader holds itself to a shorter length for good, which nobody may lift.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(each.pid, resource.RLIMIT_FSIZE, (length, resource.RLIM_INFINITY))


@kind()
def read_only(scene: Scene) -> None:
    """The data directory can't be written for some seconds"""
    disk = _mount(scene)
    clickhouse = scene.house.data / "clickhouse"
    try:
        disk.read_only(clickhouse)
    except OSError as error:
        raise Skipped(str(error)) from error
    try:
        scene.wait(4, 8)
    finally:
        disk.writable(clickhouse)


@kind()
def read_only_kill(scene: Scene) -> None:
    """kill -9 and a start on a directory that can't be written, until it can"""
    disk = _mount(scene)
    scene.kill()
    clickhouse = scene.house.data / "clickhouse"
    try:
        disk.read_only(clickhouse)
    except OSError as error:
        scene.start()
        raise Skipped(str(error)) from error
    try:
        scene.house.launch()
        scene.wait(3, 6)
    finally:
        disk.writable(clickhouse)
    # Its working files may hang on the mount that went: a start is what an operator does next.
    if scene.house.alive:
        scene.kill()
    scene.start()
