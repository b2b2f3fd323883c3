"""A bounded number of statements at once, and a bounded queue for the rest.

A statement keeps its place undisturbed for a while. After that the oldest one gives it up to
whoever waits, so that slow statements can't shut quick ones out.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from clickhouse.embedded_http.errors import QueryRefused

#: Seconds that a statement waits before an older one has to make room for it.
_PATIENCE_SECONDS = 2.0


@dataclass(eq=False, slots=True)
class Place:
    """One execution. The tag is ours alone: with a client's query_id one could stop another's."""

    tag: str = field(default_factory=lambda: str(uuid.uuid4()))
    since: float = field(default_factory=time.monotonic)
    #: For the thread: do not begin any more.
    stopped: threading.Event = field(default_factory=threading.Event)
    #: For whoever waits for the answer: the place is needed, and why.
    asked_back: asyncio.Future[str] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    #: What runs in it.
    work: asyncio.Future[Any] | None = None

    @property
    def idle(self) -> bool:
        return self.work is None or self.work.done()


class Places:
    """At most ``running`` hold a place and ``waiting`` wait, ``seconds`` at most each.

    A place is its holder's for ``guaranteed`` seconds. For use on one event loop.
    """

    def __init__(self, running: int, waiting: int, seconds: float, guaranteed: float) -> None:
        self.size = running
        self._room = waiting
        self._seconds = seconds
        self._guaranteed = guaranteed
        self._held: list[Place] = []  # Oldest first.
        self._queue: deque[asyncio.Future[None]] = deque()
        self._called = 0  # Whose turn it is, and who do not hold their place yet.
        self._closed = False

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def take(self) -> Place:
        """Wait for a place. Raises QueryRefused (202) when there is none in time."""
        if self._closed or self._taken() >= self.size:
            await self._wait()
        place = Place()
        self._held.append(place)
        return place

    def free(self, place: Place) -> None:
        """Give a place back once nothing runs in it any more."""
        self._held.remove(place)
        self._call_next()

    def close(self) -> None:
        """No more places: whoever waits is refused."""
        self._closed = True
        while self._queue:
            self._queue.popleft().set_exception(_refused("readers are being replaced"))

    def ask_all_back(self, why: str) -> None:
        """Whoever holds a place is to end."""
        for place in self._held:
            if not place.asked_back.done():
                place.asked_back.set_result(why)

    def _taken(self) -> int:
        return len(self._held) + self._called

    def _call_next(self) -> None:
        if self._queue and self._taken() < self.size:
            self._called += 1
            self._queue.popleft().set_result(None)

    async def _wait(self) -> None:
        if self._closed:
            raise _refused("readers are being replaced")
        if len(self._queue) >= self._room:
            raise _refused("try again later")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        deadline = time.monotonic() + self._seconds
        try:
            while not turn.done():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _refused(f"none ended in {self._seconds:g} s")
                await asyncio.wait({turn}, timeout=min(left, _PATIENCE_SECONDS))
                if not turn.done():
                    self._ask_back()
            turn.result()
            self._called -= 1
        except asyncio.CancelledError:
            if turn.done() and turn.exception() is None:
                self._called -= 1
                self._call_next()
            raise
        finally:
            if not turn.done():
                self._queue.remove(turn)

    def _ask_back(self) -> None:
        """As many as wait are asked, less those who were and have not left yet."""
        asked = sum(place.asked_back.done() for place in self._held)
        if asked >= len(self._queue):
            return
        oldest = next((p for p in self._held if not p.asked_back.done()), None)
        if oldest is not None and time.monotonic() - oldest.since >= self._guaranteed:
            oldest.asked_back.set_result(
                f"stopped after {time.monotonic() - oldest.since:.0f} s because others wait; ask"
                " for less, or later"
            )


def _refused(why: str) -> QueryRefused:
    return QueryRefused(202, f"Too many simultaneous queries: {why}")
