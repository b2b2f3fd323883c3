"""`@everyspan.step`: a plain function as a span, with its arguments and result."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import os
import re
import traceback
from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, get_args, overload

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from everyspan import _content, _drive, _entries, _exact, _source, _step_attributes

P = ParamSpec("P")
R = TypeVar("R")

Kind = Literal[
    "tool",
    "retrieval",
    "llm",
    "agent",
    "chain",
    "prompt",
    "parser",
    "guardrail",
    "embedding",
    "reranker",
    "evaluator",
]

#: Set by init(): names files relative to the checkout.
sources: _source.Sources | None = None

#: Whether any function of this process is a step.
decorated = False


class Recorded(Protocol):
    """An answer from the record, given instead of running the step."""

    def attributes(self) -> dict[str, Any]: ...
    def result(self) -> Any: ...
    def generator(self) -> Generator[Any, Any, Any]: ...
    def async_generator(self) -> AsyncGenerator[Any, Any]: ...


class Replay(Protocol):
    """Decides for each call whether the record answers it; `everyspan.replay` has the one."""

    def decide(
        self, step: _Step, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Recorded | None, tuple[Any, ...], dict[str, Any]]: ...


#: Set while a trace is replayed.
replay: Replay | None = None

_tracer = trace.get_tracer("everyspan")


@overload
def step(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def step(
    *, kind: Kind = "chain", name: str | None = None, capture: bool = True, unsafe: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def step(
    function: Any = None,
    /,
    *,
    kind: Kind = "chain",
    name: str | None = None,
    capture: bool = True,
    unsafe: bool = False,
) -> Any:
    """Makes a function, coroutine, generator or method a step of the trace.

    kind     what the step is; it chooses the attributes (sdk/README.md has the table).
    name     of the tool, agent, retriever or step; left out: the function's own.
    capture  False: arguments and result are not recorded.
    unsafe   True: a replay never runs it unless told to (it pays, sends or deletes).

    Raises ValueError for an unknown kind and TypeError for what is no function. The step itself
    never changes what the function returns or raises.
    """
    if kind not in get_args(Kind):
        raise ValueError(
            f"everyspan.step: kind={kind!r} is unknown; use one of {', '.join(get_args(Kind))}"
        )

    def decorate(target: Any) -> Any:
        if isinstance(target, (staticmethod, classmethod)):
            return type(target)(decorate(target.__func__))
        if not callable(target) or inspect.isclass(target):
            raise TypeError(
                f"everyspan.step: {target!r} is no function; "
                'write @everyspan.step(kind="tool") above a def'
            )
        global decorated
        decorated = True
        wrapped = _wrap(target, _Step(target, kind, name, capture, unsafe))
        if kind == "agent" and not unsafe:
            _entries.of_step(wrapped)
        return wrapped

    return decorate if function is None else decorate(function)


class _Step:
    """One decorated function: how its spans begin and end."""

    def __init__(
        self,
        function: Callable[..., Any],
        kind: Kind,
        name: str | None,
        capture: bool,
        unsafe: bool,
    ) -> None:
        own = getattr(function, "__name__", type(function).__name__)
        self.name = name or own
        self.kind = kind
        self.unsafe = unsafe
        self.function = function
        self._attributes = _step_attributes.BY_KIND[kind]
        self.span_name = self._attributes.span_name(self.name)
        self._static = self._attributes.static(self.name)
        if unsafe:
            self._static[_exact.UNSAFE] = True
        self._capture = capture
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self._signature = None
        self._place = _definition(function)
        self._named_by: _source.Sources | None = None

    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        if self._place is not None and self._named_by is not sources and sources is not None:
            path, line, qualified = self._place
            self._static.update(
                {
                    _source.FILE: sources.name(path),
                    _source.LINE: line,
                    _source.FUNCTION: qualified,
                    _exact.CODE: _exact.code(self.function),
                }
            )
            self._named_by = sources
        span = _tracer.start_span(self.span_name, attributes=self._static)
        if self._records(span):
            try:
                span.set_attributes(self.given(self.arguments(args, kwargs)))
            except Exception as error:
                _source.logger.debug("everyspan: arguments not recorded: %r", error)
        elif span.is_recording():
            span.set_attribute(_exact.CAPTURED, False)
        return span

    def given(self, arguments: dict[str, Any]) -> _step_attributes.Attributes:
        """The attributes that say what the step was given."""
        standard = self._attributes.input(arguments)
        return {**standard, **_exact.arguments(self.kind, arguments, standard)}

    def finish(self, span: Span, result: Any, stream: _exact.Stream | None = None) -> None:
        self._returned(span, result, stream, "whole")
        span.end()

    def leave(self, span: Span, result: Any, stream: _exact.Stream) -> None:
        """The generator's consumer has had enough: no failure."""
        self._returned(span, result, stream, "left")
        span.end()

    def _returned(self, span: Span, result: Any, stream: _exact.Stream | None, how: str) -> None:
        if self._records(span):
            try:
                standard = self._attributes.output(result)
                if stream is None:
                    exact = _exact.result(self.kind, result, standard)
                else:
                    exact = stream.attributes(how)
                span.set_attributes({**standard, **exact})
            except Exception as error:
                _source.logger.debug("everyspan: result not recorded: %r", error)

    def fail(
        self,
        span: Span,
        error: BaseException,
        result: Any = None,
        stream: _exact.Stream | None = None,
    ) -> None:
        if stream is not None:
            self._returned(span, result, stream, "failed")
        if span.is_recording():
            try:
                span.record_exception(error, _sendable(error))
                if self._records(span):
                    span.set_attributes(_exact.exception(error))
                span.set_attribute("error.type", _type_name(error))
                told = _content.sendable(f"{type(error).__name__}: {error}")
                span.set_status(Status(StatusCode.ERROR, told))
            except Exception:  # an exception whose str() raises
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        span.end()

    def _records(self, span: Span) -> bool:
        return self._capture and _content.capture.enabled and span.is_recording()

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, defaults included, without self and cls."""
        if self._signature is not None:
            parameters = self._signature.parameters
            bound_to_object = next(iter(parameters), "") in ("self", "cls")
            try:
                bound = self._signature.bind(*args, **kwargs)
            except TypeError:
                # The call is wrong and is about to raise: show it as it was made.
                args = args[1:] if bound_to_object else args
            else:
                bound.apply_defaults()
                arguments: dict[str, Any] = {}
                for index, (name, value) in enumerate(bound.arguments.items()):
                    if index == 0 and bound_to_object:
                        continue
                    if parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                        arguments.update(value)
                    else:
                        arguments[name] = value
                return arguments
        return {**({"args": list(args)} if args else {}), **kwargs}


def _decide(
    this: _Step, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Recorded | None, tuple[Any, ...], dict[str, Any]]:
    return (None, args, kwargs) if replay is None else replay.decide(this, args, kwargs)


def _start(
    this: _Step, recorded: Recorded | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Span:
    span = this.start(args, kwargs)
    if recorded is not None:
        span.set_attributes(recorded.attributes())
    return span


def _wrap(function: Callable[..., Any], this: _Step) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        @wraps(function)
        async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            recorded, args, kwargs = _decide(this, args, kwargs)
            span = _start(this, recorded, args, kwargs)
            items, stream = _content.Items(), _exact.Stream()
            inside = trace.set_span_in_context(span)
            inner = _drive.AsyncInside(
                function(*args, **kwargs) if recorded is None else recorded.async_generator(),
                inside,
            )
            resume = inner.asend(None)
            try:
                while True:
                    try:
                        item = await resume
                    except StopAsyncIteration:
                        break
                    items.add(item)
                    stream.add(item)
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await inner.aclose()
                        raise
                    except BaseException as thrown:
                        resume = inner.athrow(thrown)
                    else:
                        resume = inner.asend(sent)
            except GeneratorExit:
                this.leave(span, items.result(), stream)
                raise
            except BaseException as error:
                this.fail(span, error, items.result(), stream)
                raise
            this.finish(span, items.result(), stream)

        return async_generator

    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            recorded, args, kwargs = _decide(this, args, kwargs)
            span = _start(this, recorded, args, kwargs)
            items, stream = _content.Items(), _exact.Stream()

            def add(item: Any) -> None:
                items.add(item)
                stream.add(item)

            inside = trace.set_span_in_context(span)
            try:
                inner = function(*args, **kwargs) if recorded is None else recorded.generator()
                result = stream.returned = yield from _drive.generator(inner, inside, add)
            except GeneratorExit:
                this.leave(span, items.result(), stream)
                raise
            except BaseException as error:
                this.fail(span, error, items.result(), stream)
                raise
            this.finish(span, items.result(), stream)
            return result

        return generator

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            recorded, args, kwargs = _decide(this, args, kwargs)
            span = _start(this, recorded, args, kwargs)
            token = otel_context.attach(trace.set_span_in_context(span))
            try:
                if recorded is None:
                    result = await function(*args, **kwargs)
                else:
                    result = recorded.result()
            except BaseException as error:
                this.fail(span, error)
                raise
            finally:
                otel_context.detach(token)
            this.finish(span, result)
            return result

        return coroutine

    @wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        recorded, args, kwargs = _decide(this, args, kwargs)
        span = _start(this, recorded, args, kwargs)
        token = otel_context.attach(trace.set_span_in_context(span))
        try:
            result = function(*args, **kwargs) if recorded is None else recorded.result()
        except BaseException as error:
            this.fail(span, error)
            raise
        finally:
            otel_context.detach(token)
        this.finish(span, result)
        return result

    return plain


def _definition(function: Callable[..., Any]) -> tuple[str, int, str] | None:
    """`(absolute file, line of def, qualified name)`."""
    inner = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    if code is None:
        return None
    filename, line = code.co_filename, code.co_firstlineno
    # co_firstlineno is the first decorator's line.
    header = re.compile(rf"\s*(?:async\s+)?def\s+{re.escape(code.co_name)}\b")
    lines = linecache.getlines(filename, getattr(inner, "__globals__", None))
    for number in range(line, min(line + 50, len(lines)) + 1):
        if header.match(lines[number - 1]):
            line = number
            break
    if not filename.startswith("<"):
        filename = os.path.abspath(filename)
    return filename, line, f"{inner.__module__}.{inner.__qualname__}"


def _type_name(error: BaseException) -> str:
    """As in exception.type: the qualified name, builtins without their module."""
    if isinstance(error, asyncio.CancelledError):
        return "asyncio.CancelledError"
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _sendable(error: BaseException) -> dict[str, str] | None:
    """Attributes of the event in place of OpenTelemetry's, where its could not be sent."""
    said = str(error)
    if _content.sendable(said) == said:
        return None
    told = "".join(traceback.format_exception(error))
    return {
        "exception.message": _content.sendable(said),
        "exception.stacktrace": _content.sendable(told),
    }
