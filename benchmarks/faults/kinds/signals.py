"""Processes that stand still for a while, and polite ends."""

from __future__ import annotations

from signal import SIGCONT, SIGSTOP

from benchmarks.faults.kinds import kind
from benchmarks.faults.processes import send
from benchmarks.faults.scene import Scene


@kind()
def freeze(scene: Scene) -> None:
    """SIGSTOP of the whole house for 15 s, SIGCONT"""
    scene.house.signal(SIGSTOP)
    scene.wait(12, 15)
    scene.house.signal(SIGCONT)


@kind()
def freeze_ingest_worker(scene: Scene) -> None:
    """SIGSTOP of ingest's worker for 15 s, SIGCONT"""
    _freeze(scene, "ingest")


@kind()
def freeze_classify_worker(scene: Scene) -> None:
    """SIGSTOP of classify's worker for 15 s, SIGCONT"""
    _freeze(scene, "classify")


def _freeze(scene: Scene, role: str) -> None:
    workers = scene.house.processes(role)
    for worker in workers:
        send(worker.pid, SIGSTOP)
    scene.wait(10, 15)
    for worker in workers:
        send(worker.pid, SIGCONT)


@kind(weight=2)
def terminate(scene: Scene) -> None:
    """SIGTERM amid the traffic"""
    scene.wait(0.2, 1)
    scene.terminate()
    scene.start()
