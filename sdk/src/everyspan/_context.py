"""Session, user, prompt and experiment of the running code, put on every span started below."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import Token
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from everyspan import _content, _drive

F = TypeVar("F", bound=Callable[..., Any])

KEY = otel_context.create_key("everyspan.attributes")

#: Argument of `context()` to the attributes it sets.
#: gen_ai.*: open-telemetry/semantic-conventions-genai; session.id and user.id:
#: open-telemetry/semantic-conventions. No convention has names for experiments of this kind.
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "session": ("session.id", "gen_ai.conversation.id"),
    "user": ("user.id",),
    "prompt": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version",),
    "experiment": ("everyspan.experiment",),
    "variant": ("everyspan.variant",),
}

#: What `variant()` sets beside them: experiment to variant and to unit, as JSON.
ALL_NAMES = (
    *(name for names in ATTRIBUTES.values() for name in names),
    "everyspan.experiments",
    "everyspan.experiment_units",
)


def current(of: Context | None = None) -> Mapping[str, str] | None:
    """The attributes set by the enclosing `context()`s, None outside of any."""
    return cast("Mapping[str, str] | None", otel_context.get_value(KEY, of))


class context:  # noqa: N801 - used like a function
    """Puts session, user, prompt and experiment on every span started inside.

    A context manager (`with`, `async with`) and a decorator (functions, coroutines,
    generators). Nested ones add to and override the outer; an argument left out keeps the
    outer value. It lives in the OpenTelemetry context, so it follows async tasks, and threads
    wherever their starter carries that context over.
    """

    def __init__(
        self,
        *,
        session: object = None,
        user: object = None,
        prompt: object = None,
        prompt_version: object = None,
        experiment: object = None,
        variant: object = None,
    ) -> None:
        given = {
            "session": session,
            "user": user,
            "prompt": prompt,
            "prompt_version": prompt_version,
            "experiment": experiment,
            "variant": variant,
        }
        self._added = {
            name: _content.sendable(str(value))
            for argument, value in given.items()
            if value is not None
            for name in ATTRIBUTES[argument]
        }
        self._tokens: list[Token[Context]] = []

    def _entered(self) -> Context:
        return otel_context.set_value(KEY, {**(current() or {}), **self._added})

    def __enter__(self) -> context:
        self._tokens.append(otel_context.attach(self._entered()))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        otel_context.detach(self._tokens.pop())

    async def __aenter__(self) -> context:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __call__(self, function: F) -> F:
        # Each call attaches a token of its own: one decorator serves concurrent calls.
        if inspect.isasyncgenfunction(function):

            @wraps(function)
            async def async_generator(*args: Any, **kwargs: Any) -> Any:
                inner = _drive.AsyncInside(function(*args, **kwargs), self._entered())
                resume = inner.asend(None)
                while True:
                    try:
                        item = await resume
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await inner.aclose()
                        raise
                    except BaseException as thrown:
                        resume = inner.athrow(thrown)
                    else:
                        resume = inner.asend(sent)

            return cast("F", async_generator)

        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                return (yield from _drive.generator(function(*args, **kwargs), self._entered()))

            return cast("F", generator)

        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                token = otel_context.attach(self._entered())
                try:
                    return await function(*args, **kwargs)
                finally:
                    otel_context.detach(token)

            return cast("F", coroutine)

        @wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            token = otel_context.attach(self._entered())
            try:
                return function(*args, **kwargs)
            finally:
                otel_context.detach(token)

        return cast("F", plain)
