"""Server mode: a ClickHouse that is slow, away, or stores and says nothing of it."""

from __future__ import annotations

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Broken, Scene
from benchmarks.faults.server_house import is_there, server_house


def _mood(scene: Scene, mood: str, least: float, most: float) -> None:
    with server_house(scene) as (side, _, proxy):
        proxy.mood = mood
        side.wait(least, most)


@kind()
def server_slow(scene: Scene) -> None:
    """The ClickHouse server answers late for some seconds"""
    _mood(scene, "slow", 5, 8)


@kind()
def server_away(scene: Scene) -> None:
    """The ClickHouse server resets every connection for some seconds"""
    _mood(scene, "away", 5, 8)


@kind()
def server_hangs(scene: Scene) -> None:
    """The ClickHouse server takes statements and answers nothing for some seconds"""
    _mood(scene, "hang", 10, 14)


@kind()
def server_cuts_answers(scene: Scene) -> None:
    """The ClickHouse server stores and loses its answers for some seconds"""
    _mood(scene, "cut", 4, 7)


@kind(weight=2)
def server_killed(scene: Scene) -> None:
    """kill -9 of the ClickHouse server, three times, and a new start"""
    with server_house(scene) as (side, house, _):
        for _ in range(3):
            side.wait(0.5, 1.5)
            house.kill_server()
            side.kills += 1
            side.wait(0.2, 1)
            house.launch_server()
            if not is_there(house, side.patience.start):
                raise Broken("harness: the ClickHouse server does not start")
