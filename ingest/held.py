"""One account of the bytes that the service holds, from the first byte of a body to the moment its
rows are stored or dropped.

Two sums. *Held*: bodies as far as they have come, and rows that wait or are being inserted, also
when their sender has been told to try again. It is bounded by refusing what is new. *Working*: what
workers make of a body on the way to its rows. It is bounded by waiting, to half of the limit.
New bodies are refused by both together, so that memory stays under one and a half times the limit,
and under what one request needs where that is more: a request that is alone is never refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from prometheus_client import Gauge

from ingest.refusal import Refusal, Refused


class Account:
    """Lives on one event loop. ``limit``: bytes. ``gauge``: shows both sums."""

    def __init__(self, limit: int, gauge: Gauge) -> None:
        self.limit = limit
        #: Bodies that a worker may have at a time: those at work, and one to follow.
        self.places = 2
        self._gauge = gauge
        self._held = 0
        self._working = 0
        self._at_work = 0
        self._arriving = asyncio.Lock()
        self._entry = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def total(self) -> int:
        """Bytes held and worked on."""
        return self._held + self._working

    def open(self) -> Held:
        """The part of one request, empty."""
        return Held(self)

    @asynccontextmanager
    async def working(self, size: int, seconds: float) -> AsyncIterator[None]:
        """Room for ``size`` bytes in a worker; first come, first served. What is larger than
        all the room gets it when nobody else is at work.

        Raises Refused (503) after ``seconds``: by then its sender has given up and sends it again.
        """
        try:
            # The lock is the queue.
            async with asyncio.timeout(seconds), self._entry:
                while self._at_work and (
                    self._at_work >= self.places or self._working + size > self.limit // 2
                ):
                    await self._wait()
                self._at_work += 1
                self._add_working(size)
        except TimeoutError as error:
            raise Refused(_BUSY) from error
        try:
            yield
        finally:
            self._at_work -= 1
            self._add_working(-size)

    async def until_fits(self, held: Held, size: int, seconds: float) -> None:
        """Take ``size`` bytes, waiting for others to let go. Raises Refused (429)."""
        try:
            async with asyncio.timeout(seconds), self._arriving:
                while not self.fits(held, size):
                    await self._wait()
                held.set(held.bytes + size)
        except TimeoutError as error:
            raise Refused(_FULL) from error

    def fits(self, held: Held, size: int) -> bool:
        """Whether ``held`` may grow by ``size``. One that is alone may, whatever the limit."""
        return self.total + size <= self.limit or self.total == held.bytes

    def add(self, size: int) -> None:
        """For Held."""
        self._held += size
        self._show(size)

    def _add_working(self, size: int) -> None:
        self._working += size
        self._show(size)

    def _show(self, change: int) -> None:
        self._gauge.set(self.total)
        if change <= 0:
            self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Held:
    """What one request holds. Whoever has it last calls ``release``, once or more."""

    __slots__ = ("_account", "bytes")

    def __init__(self, account: Account) -> None:
        self._account = account
        self.bytes = 0

    def expect(self, size: int) -> None:
        """Raises Refused (429) where a body of ``size`` bytes would not fit now. Takes nothing:
        what a sender announces may never come."""
        if not self._account.fits(self, size):
            raise Refused(_FULL)

    def receive(self, size: int) -> None:
        """More of the body has come. Raises Refused (429)."""
        self.expect(size)
        self.set(self.bytes + size)

    def set(self, size: int) -> None:
        """It is ``size`` bytes now."""
        change, self.bytes = size - self.bytes, size
        self._account.add(change)

    def release(self) -> None:
        """Nothing any more."""
        self.set(0)


_BUSY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "no worker was free in time; send again, or give the service more EVERYSPAN_INGEST_WORKERS",
    2,
)
_FULL = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "more is waiting to be stored than EVERYSPAN_MAX_PENDING_BYTES allows; send again later",
    1,
)
