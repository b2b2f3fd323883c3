"""The recorded outcome of a step, given back as its function would have."""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import AsyncGenerator, Generator
from typing import Any

from everyspan import _exact, _own, _values
from everyspan.replay.errors import ReplayedError
from everyspan.replay.record import Step, is_cut

#: What a step that is answered from the record carries.
SOURCE = "replay.source"
SOURCE_STEP = "replay.source.step"
#: Of a run's root: recorded steps within those that were answered.
COVERED = "replay.covered"


class NotRecordedError(Exception):
    """The record does not hold what the step gave back; the text says why."""


class Answer:
    """The outcome of `step`. Raises NotRecordedError when made, not later."""

    def __init__(self, step: Step) -> None:
        self.step = step
        if step.attribute(_exact.CAPTURED) == "false":
            raise NotRecordedError("it was recorded without content (capture=False)")
        self._stream = step.attribute(_exact.STREAM)
        self.error = error_of(step)
        self.value: Any = None
        self.items: list[Any] = []
        self.returned: Any = None
        try:
            if self._stream is not None:
                self.items = _items(step)
                self.returned = _decoded(step, _exact.RETURNED)
            elif self.error is None:
                self.value = _value(step)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise NotRecordedError(
                f"what it gave back is not as a step records it ({type(error).__name__}: {error})"
            ) from error

    def attributes(self) -> dict[str, Any]:
        return {SOURCE: "record", SOURCE_STEP: self.step.number}

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value

    def generator(self) -> Generator[Any, Any, Any]:
        yield from self.items
        self._end()
        return self.returned

    async def async_generator(self) -> AsyncGenerator[Any, Any]:
        for item in self.items:
            yield item
        self._end()

    def _end(self) -> None:
        if self.error is not None:
            raise self.error
        if self._stream == "left":
            raise ReplayedError(
                f"step {self.step.number} ({self.step.name}) yields no more: its consumer stopped "
                f"after {len(self.items)} items when it was recorded"
            )


def _value(step: Step) -> Any:
    if (exact := step.attribute(_exact.RESULT)) is not None:
        return _decode(exact)
    if step.kind == "tool":
        return _plain(step.attribute("gen_ai.tool.call.result"), step)
    if step.kind == "retrieval":
        return _plain(step.attribute("gen_ai.retrieval.documents"), step)
    if step.kind == "agent":
        messages = step.messages("output")
        if not messages:
            raise NotRecordedError("its result was not recorded")
        return _whole("".join(str(part.get("content", "")) for part in messages[0]["parts"]))
    text = step.attribute("output.value")
    if text is None:
        return None
    if step.attribute("output.mime_type") == "text/plain":
        return _whole(text)
    return _plain(text, step)


def _items(step: Step) -> list[Any]:
    """What a generator yielded."""
    if (exact := step.attribute(_exact.RESULT)) is not None:
        found = _decode(exact)
        return list(found) if isinstance(found, list) else [found]
    text = _text_of_stream(step)
    if (chunks := step.attribute(_exact.CHUNKS)) is None:
        found = _plain(text, step)
        return list(found) if isinstance(found, list) else [found]
    lengths = _decode(chunks)
    text = _whole(text or "")
    if sum(lengths) != len(text):
        raise NotRecordedError("what it yielded was not stored whole")
    found, at = [], 0
    for length in lengths:
        found.append(text[at : at + length])
        at += length
    return found


def _text_of_stream(step: Step) -> str | None:
    if step.kind == "tool":
        return step.attribute("gen_ai.tool.call.result")
    if step.kind == "retrieval":
        return step.attribute("gen_ai.retrieval.documents")
    if step.kind == "agent":
        messages = step.messages("output")
        return str(messages[0]["parts"][0].get("content", "")) if messages else None
    return step.attribute("output.value")


def _plain(text: str | None, step: Step) -> Any:
    """JSON, or the text itself where it is none."""
    if text is None:
        raise NotRecordedError("its result was not recorded")
    _whole(text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _decode(text: str) -> Any:
    try:
        return _values.decode(_whole(text))
    except _values.NotReadableError as error:
        raise NotRecordedError(str(error)) from error


def _decoded(step: Step, name: str) -> Any:
    text = step.attribute(name)
    return None if text is None else _decode(text)


def _whole(text: str) -> str:
    if is_cut(text):
        raise NotRecordedError(
            f"what it gave back was too long and was cut when it was recorded ({text[-60:]!r})"
        )
    return text


# --- exceptions ---


def error_of(step: Step) -> BaseException | None:
    """What it raised, as far as it can be made again; None where it did not fail."""
    if step.status != "error":
        return None
    event = step.exception() or {}
    name = str(event.get("exception.type") or step.error_type or "Exception")
    message = str(event.get("exception.message", step.status_message))
    exact = step.attribute(_exact.EXCEPTION)
    try:
        args = None if exact is None else _decode(exact)
    except NotRecordedError:
        args = None
    return made_again(name, message, args)


def made_again(name: str, message: str, args: list[Any] | None = None) -> BaseException:
    """The exception of that class where it is loaded, else a ReplayedError that says its name."""
    cls = _class(name)
    if cls is None:
        return _named(name, message)
    # The __init__ of a library is not called with what a trace says.
    known = _own.is_own(cls.__module__) or cls.__module__ in sys.stdlib_module_names
    for attempt in (args, [message], _key(message)) if known else ():
        if attempt is None:
            continue
        try:
            made = cls(*attempt)
            if str(made) == message:
                return made
        except Exception:  # noqa: S112 - another way is tried
            continue
    try:
        stand_in = type(cls.__name__, (ReplayedError, cls), {"__init__": _init, "__str__": _str})
        found: BaseException = stand_in(message)
    except Exception:  # a class that takes no subclass
        return _named(name, message)
    found.recorded_type = name  # type: ignore[attr-defined]
    return found


def _named(name: str, message: str) -> ReplayedError:
    error = ReplayedError(f"{name}: {message}")
    error.recorded_type = name
    return error


def _init(self: BaseException, message: str) -> None:
    self.args = (message,)


def _str(self: BaseException) -> str:
    return str(self.args[0])


def _key(message: str) -> list[Any] | None:
    """A KeyError's text is the repr of its argument."""
    quoted = len(message) > 1 and message[0] == message[-1] and message[0] in "'\""
    if quoted:
        return [message[1:-1]]
    return [int(message)] if message.isdecimal() and len(message) < 20 else None


def _class(name: str) -> type[BaseException] | None:
    module, _, own = name.rpartition(".")
    if not module:
        found: Any = getattr(builtins, own, None)
    else:
        found = None
        parts = name.split(".")
        for split in range(len(parts) - 1, 0, -1):
            owner = ".".join(parts[:split])
            owner = _values.main if owner == "__main__" else owner
            if owner in sys.modules:
                found = _own.class_of(owner, ".".join(parts[split:]))
                break
    return found if isinstance(found, type) and issubclass(found, BaseException) else None
