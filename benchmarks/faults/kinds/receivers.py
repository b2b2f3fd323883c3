"""Receivers that are not there: these last over the faults that follow."""

from __future__ import annotations

import threading

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Scene


def _moody(scene: Scene, mood: str) -> None:
    receiver = scene.receiver
    if receiver.mood == "ok":
        receiver.mood = mood
        timer = threading.Timer(
            scene.random.uniform(*scene.away_seconds), setattr, (receiver, "mood", "ok")
        )
        timer.daemon = True
        timer.start()
    scene.plant()
    scene.wait(1, 2)


@kind()
def receiver_away(scene: Scene) -> None:
    """PagerDuty resets every connection for a minute or two"""
    _moody(scene, "reset")


@kind()
def receiver_throttles(scene: Scene) -> None:
    """PagerDuty answers 429 for a minute or two"""
    _moody(scene, "throttle")


@kind()
def receiver_fails(scene: Scene) -> None:
    """PagerDuty answers 500 for a minute or two"""
    _moody(scene, "error")


@kind()
def receiver_hangs(scene: Scene) -> None:
    """PagerDuty takes the request and never answers for a minute or two"""
    _moody(scene, "hang")
