"""Running a generator inside an OpenTelemetry context that its consumer must not see.

The context is attached only while the generator's own code runs, and what that code attached
itself before a `yield` is current again after it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context


def generator(
    inner: Generator[Any, Any, Any],
    inside: Context,
    on_item: Callable[[Any], None] | None = None,
) -> Generator[Any, Any, Any]:
    """`inner`, item by item, with send, throw and close passed on; returns what it returns."""
    resume: Callable[[], Any] = lambda: next(inner)  # noqa: E731
    while True:
        token = otel_context.attach(inside)
        try:
            item = resume()
        except StopIteration as stop:
            return stop.value
        finally:
            inside = otel_context.get_current()
            otel_context.detach(token)
        if on_item is not None:
            on_item(item)
        try:
            sent = yield item
        except GeneratorExit:
            token = otel_context.attach(inside)
            try:
                inner.close()
            finally:
                otel_context.detach(token)
            raise
        except BaseException as thrown:
            resume = _thrower(inner, thrown)
        else:
            resume = _sender(inner, sent)


def _sender(inner: Generator[Any, Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: inner.send(value)


def _thrower(inner: Generator[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: inner.throw(error)


class AsyncInside:
    """An async generator whose every step runs inside the context.

    A wrapper has to be an async generator function itself, to be seen as one, and `yield from`
    does not exist there: so this is what its loop calls.
    """

    def __init__(self, inner: AsyncGenerator[Any, Any], inside: Context) -> None:
        self._inner = inner
        self._inside = inside

    async def asend(self, value: Any) -> Any:
        return await self._run(self._inner.asend(value))

    async def athrow(self, error: BaseException) -> Any:
        return await self._run(self._inner.athrow(error))

    async def aclose(self) -> None:
        await self._run(self._inner.aclose())

    async def _run(self, step: Awaitable[Any]) -> Any:
        token = otel_context.attach(self._inside)
        try:
            return await step
        finally:
            self._inside = otel_context.get_current()
            otel_context.detach(token)
