"""Running a generator inside an OpenTelemetry context that its consumer must not see.

The context is attached only while the generator's own code runs, and what that code attached
itself before a `yield` is current again after it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
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


async def async_generator(
    inner: AsyncGenerator[Any, Any],
    inside: Context,
    on_item: Callable[[Any], None] | None = None,
) -> AsyncGenerator[Any, Any]:
    """The same for an async generator."""
    resume: Callable[[], Any] = inner.__anext__
    while True:
        token = otel_context.attach(inside)
        try:
            item = await resume()
        except StopAsyncIteration:
            return
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
                await inner.aclose()
            finally:
                otel_context.detach(token)
            raise
        except BaseException as thrown:
            resume = _async_thrower(inner, thrown)
        else:
            resume = _async_sender(inner, sent)


def _async_sender(inner: AsyncGenerator[Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: inner.asend(value)


def _async_thrower(inner: AsyncGenerator[Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: inner.athrow(error)
