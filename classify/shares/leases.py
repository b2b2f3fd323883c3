"""Finds a worker its shares of the traces, and keeps them for as long as it lives.

Every few seconds a worker says in ``classify_leases`` that it is there, and looks at who else is.
The shares are spread evenly: who has too many finishes what it is at and lets some go, who has too
few claims what is free. To claim is to write it down and then to look: who finds that somebody else
has written it too takes it back. Of two who claim one share at once the later sees the earlier, so
never both have it; both may take it back, and try again.

A worker that ends lets go at once. One that was killed is taken for dead when its lease has expired
for as long as it lasts: what it had begun has ended by then. See fence.py for one that was only
halted.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from classify.settings import ClassifySettings
from classify.shares.fence import Fence
from classify.shares.lease_store import Lease, read, taken, write

logger = logging.getLogger(__name__)

#: Of the system: two workers with one seed would claim the same.
_random = random.SystemRandom()

#: Of a lease's time, one in so many parts passes between two looks.
_LOOKS = 5
#: Looks at a claim that somebody else made too, before the next turn.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Grant:
    """The shares that may be worked on, and what their writes must go through. ``fence``: None
    where nobody leases."""

    shares: frozenset[int]
    shares_of: int
    fence: Fence | None = None


class Leases:
    """Of one worker. ``use``, ``changed`` and the properties may be called by any thread. ``lost``:
    called when it was taken for dead while it lived."""

    def __init__(
        self,
        settings: ClassifySettings,
        connect: Callable[[], Client],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._wanted, self._of = settings.shard
        self._seconds = settings.classify_lease_seconds
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._held: frozenset[int] = frozenset()
        self._giving: frozenset[int] = frozenset()
        self._using: dict[str, frozenset[int]] = {}
        self._valid_until = 0.0
        self._not_ready = "no share of the traces yet"
        self._told = ""
        self._place = f"{socket.gethostname()}:{os.getpid()}"
        self._lost = lost
        self._begin()

    def _begin(self) -> None:
        """As a worker that nobody knows: what another knew of the one before does not hold."""
        with self._lock:
            self._worker = secrets.token_hex(8)
            self._turn = 0
            self._held = self._giving = frozenset()
            self._valid_until = 0.0

    def start(self) -> None:
        """The first look at once. Raises clickhouse-connect's errors."""
        self._stopping.clear()
        self.look()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let everything go: nothing may be worked on any more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            self._using.clear()
        try:
            if self._turn:
                self._say(frozenset(), seconds=0)
        except Exception as error:
            logger.warning("leases: not let go (%s); they expire in %.0f s", error, self._seconds)
        finally:
            self._begin()
            self._disconnect()

    def use(self, user: str) -> Grant:
        """What ``user`` may work on from now on, until it asks again. It has finished all else."""
        with self._lock:
            self._using[user] = shares = self._usable()
            fence = Fence(
                self._settings.database, self._worker, self._seconds, self._settings.embedded
            )
        return Grant(shares, self._of, fence)

    def changed(self, user: str) -> bool:
        """Whether ``user`` is to finish what it is at and ask again: it may work on other shares
        than it was told."""
        with self._lock:
            return self._using.get(user) != self._usable()

    def _usable(self) -> frozenset[int]:
        valid = time.monotonic() < self._valid_until
        return self._held - self._giving if valid else frozenset()

    @property
    def held(self) -> frozenset[int]:
        """Shares that nobody else has."""
        with self._lock:
            return self._held if time.monotonic() < self._valid_until else frozenset()

    @property
    def not_ready(self) -> str:
        """Why it works on nothing, where that is not as it should be; '' otherwise."""
        return self._not_ready

    def look(self) -> None:
        """One turn. Raises clickhouse-connect's errors; what was held stays so until it expires."""
        try:
            self._look()
        except Exception:
            self._disconnect()
            raise

    def _run(self) -> None:
        said = ""
        while not self._stopping.wait(self._seconds / _LOOKS):
            try:
                self.look()
                said = ""
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
                if told != said:
                    logger.warning("leases: %s; trying again", told)
                said = told

    def _look(self) -> None:
        with self._lock:
            in_use = frozenset().union(*self._using.values()) if self._using else frozenset()
            # Nobody works on them any more.
            self._held -= self._giving - in_use
            held = self._held
        leases = self._say(held)
        if leases is None:
            return
        others = taken(leases, self._worker)
        odd = next((each for each in others.values() if each.shares_of != self._of), None)
        if odd is not None:
            self._tell(
                f"worker {odd.place} divides the traces by {odd.shares_of}, this one by {self._of}:"
                " give all the same EVERYSPAN_CLASSIFY_SHARD, or end it"
            )
        elif self._wanted is not None:
            self._claim(held, frozenset({self._wanted}) - held, others)
        else:
            quota = self._quota(leases)
            with self._lock:
                self._giving = frozenset(sorted(held)[quota:])
            free = sorted(set(range(self._of)) - others.keys() - held)
            missing = min(max(0, quota - len(held)), len(free))
            self._claim(held, frozenset(_random.sample(free, missing)), others)

    def _quota(self, leases: list[Lease]) -> int:
        """Shares that this worker should have: as many as any other that has not a fixed one."""
        alive = {each.worker for each in leases if each.left > 0 and not each.fixed}
        ranks = sorted(alive | {self._worker})
        of = self._of - sum(len(each.shares) for each in leases if each.fixed)
        return of // len(ranks) + (ranks.index(self._worker) < of % len(ranks))

    def _claim(
        self, held: frozenset[int], claims: frozenset[int], others: Mapping[int, Lease]
    ) -> None:
        """Take what nobody has."""
        claims -= others.keys()
        for attempt in range(_TRIES):
            if not claims or self._stopping.is_set():
                break
            if attempt:
                time.sleep(_random.uniform(0, self._seconds / 50))
            leases = self._say(held | claims)
            if leases is None:
                return
            others = taken(leases, self._worker)
            lost = claims & others.keys()
            if any(each.shares_of != self._of for each in others.values()):
                lost = claims
            with self._lock:
                self._held = held = held | (claims - lost)
            # Taken back before anything else.
            if lost and self._say(held) is None:
                return
            claims = lost
        self._tell(self._why_not(others))
        self._announce()

    def _why_not(self, others: Mapping[int, Lease]) -> str:
        if self._wanted is None or self._wanted in self._held:
            return ""
        holder = others.get(self._wanted)
        who = holder.place if holder is not None else "another worker"
        return (
            f"share {self._wanted}/{self._of} is {who}'s; it waits. Give each worker an index of"
            " its own, or EVERYSPAN_CLASSIFY_SHARD=auto"
        )

    def _say(self, shares: frozenset[int], seconds: float | None = None) -> list[Lease] | None:
        """Write down what it has, and look at what others wrote. None where it was taken for dead:
        it is another worker then, that has nothing."""
        if self._client is None:
            self._client = self._connect()
        began = time.monotonic()
        first = not self._turn
        self._turn += 1
        fixed = self._wanted is not None
        lease = Lease(self._worker, self._place, self._turn, fixed, self._of, shares, 0.0)
        lasts = self._seconds if seconds is None else seconds
        write(self._client, self._settings, lease, seconds=lasts, first=first)
        if seconds is not None:
            return None
        leases = read(self._client, self._settings)
        mine = next((each for each in leases if each.worker == self._worker), None)
        if mine is None or mine.turn != self._turn:
            self._lost()
            logger.warning("leases: this worker was taken for dead, and starts anew with none")
            self._begin()
            return None
        with self._lock:
            self._valid_until = began + lasts
        return leases

    def _tell(self, why: str) -> None:
        if why and why != self._not_ready:
            logger.warning("classify: %s", why)
        self._not_ready = why

    def _announce(self) -> None:
        with self._lock:
            told = f"{len(self._held)} of {self._of}"
        if told != self._told:
            logger.info("classify: shares of the traces: %s", told)
        self._told = told

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def alone(settings: ClassifySettings) -> Grant:
    """Where the engine is in this process, which nobody else has open."""
    index, count = settings.shard
    return Grant(frozenset(range(count) if index is None else {index}), count)
