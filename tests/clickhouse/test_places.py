"""Places for statements: who gets one when, and who gives one up."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine

import pytest

from clickhouse.embedded_http import places as module
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.places import Place, Places


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)


def on_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    @functools.wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


def waiter(places: Places) -> asyncio.Task[Place]:
    return asyncio.create_task(places.take())


@on_a_loop
async def test_places_pass_on_in_the_order_of_coming() -> None:
    places = Places(1, 5, 10, guaranteed=60)
    first = await places.take()
    second, third = waiter(places), waiter(places)
    await asyncio.sleep(0)
    places.free(first)
    # Whoever comes now does not overtake.
    late = waiter(places)
    assert await second is not None
    assert (places.held, third.done(), late.done()) == (1, False, False)
    places.free(second.result())
    await third
    places.free(third.result())
    await late


@on_a_loop
async def test_a_place_whose_waiter_went_away_is_passed_on() -> None:
    places = Places(1, 5, 10, guaranteed=60)
    first = await places.take()
    gone, next_one = waiter(places), waiter(places)
    await asyncio.sleep(0.01)
    places.free(first)
    gone.cancel()
    place = await asyncio.wait_for(next_one, 1)
    places.free(place)
    assert places.held == 0
    places.free(await asyncio.wait_for(places.take(), 1))


@on_a_loop
async def test_the_oldest_gives_its_place_up_after_a_while_and_only_when_others_wait() -> None:
    places = Places(2, 5, 10, guaranteed=0.2)
    old, young = await places.take(), await places.take()
    await asyncio.sleep(0.4)
    assert not old.asked_back.done()
    waiting = waiter(places)
    await asyncio.sleep(0.2)
    assert old.asked_back.done()
    # One waits, so one is asked.
    assert not young.asked_back.done()
    places.free(old)
    await waiting


@on_a_loop
async def test_a_queue_has_an_end_and_waiting_too() -> None:
    places = Places(1, 1, 0.2, guaranteed=60)
    await places.take()
    waiting = waiter(places)
    await asyncio.sleep(0)
    with pytest.raises(QueryRefused, match="try again later"):
        await places.take()
    with pytest.raises(QueryRefused, match="none ended in"):
        await waiting
    assert places.waiting == 0


@on_a_loop
async def test_closed_places_refuse_whoever_waits_and_comes() -> None:
    places = Places(1, 5, 10, guaranteed=60)
    await places.take()
    waiting = waiter(places)
    await asyncio.sleep(0)
    places.close()
    for task in (waiting, waiter(places)):
        with pytest.raises(QueryRefused, match="replaced"):
            await task
