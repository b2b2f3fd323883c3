"""An agent of decorated steps for everything that is hard to replay. Each `@agent` is an entry.

    python -m tests.replay.agents.odd NAME…

prints the trace ids in the same order. ODD=record|changed|… tells what has changed since.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import everyspan

from tests.replay.agents.roots import print_roots
from tests.replay.model import called

everyspan.init(service="odd-agent", instrument=False)
ODD = os.environ.get("ODD", "")


@dataclass
class Picture:
    name: str
    pixels: bytes


class ShopClosed(Exception):
    def __init__(self, shop: str, until: int) -> None:
        super().__init__(shop, until)
        self.shop, self.until = shop, until

    def __str__(self) -> str:
        return f"{self.shop} is closed until {self.until}"


@everyspan.step(kind="tool")
def double(number: int) -> int:
    called(f"double {number}")
    return number * 2


@everyspan.step(kind="tool")
async def double_later(number: int) -> int:
    called(f"double_later {number}")
    await asyncio.sleep(random.random() / 100)
    return number * 2


@everyspan.step(kind="tool")
def read(picture: bytes) -> Picture:
    called(f"read {len(picture)}")
    return Picture("cat", picture[::-1])


@everyspan.step(kind="tool")
def open_shop(name: str) -> str:
    called(f"open_shop {name}")
    raise ShopClosed(name, 9)


@everyspan.step(kind="tool", unsafe=True)
def pay(amount: int) -> str:
    called(f"pay {amount}")
    return f"paid {amount}"


@everyspan.step(kind="chain")
def words(text: str) -> Iterator[str]:
    called("words")
    yield from text.split(" ")


@everyspan.step(kind="chain")
async def words_later(text: str) -> AsyncIterator[str]:
    called("words_later")
    for word in text.split(" "):
        yield word


@everyspan.step(kind="tool")
def stamped(text: str, at: float) -> str:
    called("stamped")
    return f"{text} at a time"


@everyspan.step(kind="tool", capture=False)
def secret() -> str:
    called("secret")
    return "hidden"


@everyspan.step(kind="tool")
def connect(host: str) -> object:
    called("connect")
    return object()


if ODD == "changed":

    @everyspan.step(kind="chain")
    def price(amount: int) -> int:
        called("price")
        return amount + 7

else:

    @everyspan.step(kind="chain")
    def price(amount: int) -> int:
        called("price")
        return amount + 5


@everyspan.step(kind="chain")
def last(value: Any) -> str:
    """The step from which it runs again."""
    called("last")
    return f"last of {value}"


@everyspan.step(kind="agent")
def threads() -> str:
    numbers = list(range(6))
    random.shuffle(numbers)  # in another order each time
    with ThreadPoolExecutor(4) as pool:
        jobs = [(n, pool.submit(copy_context().run, double, n)) for n in numbers]
        found = {n: job.result() for n, job in jobs}
    return last([found[n] for n in sorted(found)])


@everyspan.step(kind="agent")
async def tasks() -> str:
    return last(await asyncio.gather(*(double_later(n) for n in range(6))))


@everyspan.step(kind="agent")
def binary() -> str:
    picture = read(bytes(range(256)))
    assert isinstance(picture, Picture), picture
    assert picture.pixels[0] == 255
    return last(picture.name)


@everyspan.step(kind="agent")
def raised() -> str:
    try:
        open_shop("Larkfield")
    except ShopClosed as error:
        return last(f"{error.shop} {error.until}")
    return last("open")


@everyspan.step(kind="agent")
def streamed() -> str:
    return last("|".join(words("a b c")))


@everyspan.step(kind="agent")
async def streamed_later() -> str:
    return last("|".join([word async for word in words_later("a b c")]))


@everyspan.step(kind="agent")
def unsafe() -> str:
    done = pay(5)
    last(done)
    return pay(7 if ODD == "pays more" else 6)


@everyspan.step(kind="agent")
def timed() -> str:
    return last(stamped("noon", time.time()))


@everyspan.step(kind="agent")
def hidden() -> str:
    return last(secret())


@everyspan.step(kind="agent")
def unreadable() -> str:
    connect("shop.example")
    return last("connected")


@everyspan.step(kind="agent")
def code() -> str:
    return last(price(1))


@everyspan.step(kind="agent")
def missing() -> str:
    # When it was recorded its step did not arrive.
    found = double.__wrapped__(4) if ODD == "record" else double(4)  # type: ignore[attr-defined]
    return last(found)


@everyspan.step(kind="agent")
def arguments() -> str:
    return last(double(9 if ODD == "other" else 8))


@everyspan.step(kind="agent")
def chained() -> str:
    return last(double(double(double(1))))


if __name__ == "__main__":
    print_roots()
    for name in sys.argv[1:]:
        made = globals()[name]()
        if asyncio.iscoroutine(made):
            asyncio.run(made)
    everyspan.flush()
