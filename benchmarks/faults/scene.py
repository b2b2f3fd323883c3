"""One house with its senders, its receiver and its ledger, as a fault finds it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from signal import SIGKILL

from benchmarks.faults import house as houses
from benchmarks.faults.house import House
from benchmarks.faults.ledger import Ledger, Totals, totals
from benchmarks.faults.moments import until
from benchmarks.faults.mounts import Mount
from benchmarks.faults.processes import Process, resident_bytes, send
from benchmarks.faults.receiver import Receiver
from benchmarks.faults.traffic import Traffic


class Broken(Exception):
    """Something that was promised does not hold. The text says what."""


class Skipped(Exception):
    """This fault can't be made here. The text says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until a thing counts as stuck."""

    start: float = 60.0
    recover: float = 30.0
    settle: float = 60.0
    tell: float = 60.0


@dataclass
class Scene:
    """``mount``: the file system that the data lies on, where one could be made."""

    house: House
    ledger: Ledger
    traffic: Traffic
    receiver: Receiver
    random: Random
    patience: Patience = field(default_factory=Patience)
    mount: Mount | None = None
    kills: int = 0
    #: Largest resident size of the tree that was seen, bytes.
    peak: int = 0
    #: How often leaks may be planted is up to the runner; kinds that need one name it here.
    leaks: int = 0
    name: str = "house"
    #: Seconds that the last start took.
    started_in: float = 0.0
    #: How long a receiver stays away.
    away_seconds: tuple[float, float] = (45.0, 120.0)

    def kill(self, unable: float = 0.0) -> None:
        """kill -9 of the main process. ``unable``: see ``Receiver.house_was_killed``."""
        self.house.kill()
        self.receiver.house_was_killed(unable)
        self.kills += 1

    def strike(self, process: Process) -> bool:
        """kill -9 of one of the others; whether it was there."""
        struck = send(process.pid, SIGKILL)
        self.kills += struck
        return struck

    def start(self) -> None:
        """As a supervisor would. Raises Broken where it does not get ready."""
        self.house.launch()
        began = time.monotonic()
        wrong = self.house.recovers(self.patience.start)
        self.started_in = time.monotonic() - began
        if wrong:
            raise Broken(f"stuck: not ready {self.patience.start:.0f} s after a start: {wrong}")

    def kill_and_start(self) -> None:
        self.kill()
        self.start()

    def terminate(self) -> None:
        """SIGTERM. Raises Broken where it is not obeyed."""
        wrong = self.house.terminate()
        self.receiver.house_was_killed()
        if wrong:
            raise Broken(f"stuck: {wrong}")

    def plant(self) -> str:
        """Have a leak sent; its service."""
        self.leaks += 1
        service = f"leak-{self.name}-{self.leaks}"
        self.traffic.plant(service)
        return service

    def wait(self, least: float, most: float) -> None:
        """A random time."""
        time.sleep(self.random.uniform(least, most))

    def settle(self) -> Totals:
        """Let senders finish, and hold the house against the ledger. Raises Broken."""
        if not self.traffic.pause(self.patience.settle):
            raise Broken("stuck: senders wait for an acknowledgement")
        if self.traffic.failures:
            told = "; ".join(self.traffic.failures[:3])
            self.traffic.failures.clear()
            raise Broken(f"refused: {told}")
        deadline = time.monotonic() + self.patience.settle
        while True:
            try:
                found = totals(self.house.query)
                problems = self.ledger.problems(found)
            except (OSError, AssertionError) as error:
                if time.monotonic() > deadline:
                    raise Broken(f"stuck: the rows can't be read: {error}") from error
                problems = [str(error)]
            if not problems:
                break
            # What was acknowledged is there at once; verdicts take their time.
            waiting = all(each.startswith(("unjudged", "unseen")) for each in problems)
            if time.monotonic() > deadline or (not waiting and time.monotonic() > deadline - 50):
                raise Broken("; ".join(problems))
            time.sleep(0.1)
        idle = until(lambda: not self.house.metric("everyspan_ingest_pending_bytes"), 20, 0.1)
        if not idle:
            raise Broken("stuck: everyspan_ingest_pending_bytes stays over 0 with no sender")
        return found

    def watched(self) -> None:
        """Note the size of the tree."""
        if self.house.alive:
            self.peak = max(self.peak, resident_bytes(self.house.pid))


@contextmanager
def side_house(scene: Scene, **settings: str) -> Iterator[Scene]:
    """A second house with new data, not started yet, for faults that the first would keep traces
    of. Ends with kill -9; what it was hit with counts for ``scene``."""
    folder = Path(tempfile.mkdtemp(prefix="side-", dir=scene.house.data.parent))
    house = houses.build(folder, folder / "data", scene.receiver.url)
    house.own |= settings
    ledger = Ledger()
    traffic = Traffic(house.ports, ledger, scene.random.randrange(1 << 30), senders=3)
    side = Scene(house, ledger, traffic, scene.receiver, scene.random, scene.patience)
    scene.traffic.pause()
    try:
        yield side
    except Broken as error:
        raise Broken(f"{error}\n{side.house.tail(80) if side.house.process else ''}") from error
    finally:
        traffic.end()
        if side.house.alive:
            side.house.kill()
        scene.kills += side.kills
        scene.peak = max(scene.peak, side.peak)
        shutil.rmtree(folder, ignore_errors=True)
        scene.traffic.go()


def in_threads(work: Callable[[int], None], number: int) -> list[threading.Thread]:
    """``work`` so many times at once; started."""
    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(number)]
    for thread in threads:
        thread.start()
    return threads
