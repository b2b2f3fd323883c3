"""The account of held bytes: what it refuses, what waits, and that nothing is ever left in it."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import Gauge

from ingest.held import Account
from ingest.refusal import Refused


def account(limit: int) -> Account:
    return Account(limit, Gauge("held", "", registry=None))


def test_what_does_not_fit_beside_others_is_refused() -> None:
    full = account(100)
    first, second = full.open(), full.open()
    first.receive(60)
    second.receive(40)
    with pytest.raises(Refused) as refused:
        second.receive(1)
    assert refused.value.refusal.status == 429
    assert refused.value.refusal.retry_after
    first.release()
    second.receive(60)
    second.release()
    second.release()
    assert full.total == 0


def test_a_lone_request_is_never_refused() -> None:
    small = account(10)
    held = small.open()
    held.expect(1000)
    held.receive(1000)
    with pytest.raises(Refused):
        small.open().expect(1)
    held.release()
    small.open().expect(1)


def test_what_is_announced_takes_nothing() -> None:
    full = account(100)
    full.open().expect(100)
    full.open().expect(100)
    assert full.total == 0


def test_workers_have_half_and_wait_in_turn() -> None:
    shared = account(100)
    shared.places = 3
    order: list[str] = []

    async def work(name: str, size: int) -> None:
        async with shared.working(size, 10):
            order.append(name)
            assert shared.total <= 50 or order == ["huge"]
            await asyncio.sleep(0.01)

    async def run() -> None:
        await asyncio.gather(
            work("huge", 500), work("a", 30), work("b", 30), work("c", 10), work("d", 10)
        )

    asyncio.run(run())
    assert order == ["huge", "a", "b", "c", "d"]
    assert shared.total == 0


def test_who_waits_too_long_for_a_worker_is_sent_away() -> None:
    shared = account(100)

    async def run() -> None:
        async with shared.working(50, 1):
            with pytest.raises(Refused) as refused:
                async with shared.working(50, 0.05):
                    raise AssertionError("there is no room")
            assert refused.value.refusal.status == 503
        async with shared.working(50, 1):
            assert shared.total == 50

    asyncio.run(run())


def test_room_is_waited_for() -> None:
    shared = account(100)

    async def run() -> None:
        first, second, third = shared.open(), shared.open(), shared.open()
        first.receive(80)
        with pytest.raises(Refused) as refused:
            await shared.until_fits(second, 50, 0.05)
        assert refused.value.refusal.status == 429
        waiting = asyncio.create_task(shared.until_fits(third, 50, 5))
        await asyncio.sleep(0.01)
        first.release()
        await waiting
        assert (second.bytes, third.bytes) == (0, 50)

    asyncio.run(run())
