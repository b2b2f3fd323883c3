"""What a replay needs beside the standard attributes, where those don't say it exactly.

A retrieval's span has the query and no other argument, an agent's has text: such a step carries
its arguments or result a second time, as `_values.encode` writes them.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

from everyspan import _values
from everyspan._content import LIMIT, cut
from everyspan._step_attributes import Attributes

ARGUMENTS = "everyspan.step.arguments"
RESULT = "everyspan.step.result"
#: Lengths of the texts that a generator yielded, as JSON: its result is all of them joined.
CHUNKS = "everyspan.step.chunks"
#: Of a generator: `whole`, `left` (its consumer stopped early) or `failed`.
STREAM = "everyspan.step.stream"
RETURNED = "everyspan.step.returned"
EXCEPTION = "everyspan.step.exception"
CAPTURED = "everyspan.step.captured"
UNSAFE = "everyspan.step.unsafe"
CODE = "everyspan.step.code"


def arguments(kind: str, given: dict[str, Any], standard: Attributes) -> Attributes:
    """The arguments once more, or nothing where `standard` has them whole."""
    only = next(iter(given.values())) if len(given) == 1 else None
    if kind == "tool":
        exact = _values.is_plain(str(standard["gen_ai.tool.call.arguments"]), given)
    elif kind == "agent":
        exact = isinstance(only, str)
    elif kind == "retrieval":
        exact = isinstance(only, str) and "query" in given
    else:
        text = str(standard["input.value"])
        exact = isinstance(only, str) or _values.is_plain(text, only if len(given) == 1 else given)
    return {} if exact else {ARGUMENTS: _encoded(given)}


def result(kind: str, value: Any, standard: Attributes) -> Attributes:
    """The result once more, or nothing where `standard` has it whole."""
    if kind == "tool":
        text = str(standard["gen_ai.tool.call.result"])
        exact = not _is_json(value) if isinstance(value, str) else _values.is_plain(text, value)
    elif kind == "agent":
        exact = isinstance(value, str)
    elif kind == "retrieval":
        # Documents that have nothing but content and score are stored in columns, scores rounded.
        text = str(standard["gen_ai.retrieval.documents"])
        exact = _has_more_than_content(value) and _values.is_plain(text, value)
    else:
        exact = (
            value is None
            or isinstance(value, str)
            or _values.is_plain(str(standard["output.value"]), value)
        )
    return {} if exact else {RESULT: _encoded(value)}


def exception(error: BaseException) -> Attributes:
    """Its arguments, where its text alone would not make it again."""
    try:
        if error.args == (str(error),):
            return {}
        return {EXCEPTION: _encoded(list(error.args))}
    except Exception:  # a str() or repr() that raises
        return {}


def code(function: Callable[..., Any]) -> str:
    """A short hash of the function's source; '' where there is no source."""
    try:
        source = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(inspect.cleandoc(source).encode()).hexdigest()[:16]


class Stream:
    """What a generator yielded, piece by piece; beside `_content.Items`, which joins it."""

    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._encoded: list[str] = []
        self._size = 0
        self._plain = True
        self.returned: Any = None

    def add(self, item: Any) -> None:
        if isinstance(item, str):
            self._lengths.append(len(item))
        if self._size > LIMIT:
            return
        text = _encoded(item)
        self._plain = self._plain and _values.is_plain(text, item)
        self._encoded.append(text)
        self._size += len(text) + 2

    def attributes(self, how: str) -> Attributes:
        made: Attributes = {STREAM: how}
        if len(self._lengths) == len(self._encoded):
            made[CHUNKS] = cut(json.dumps(self._lengths, separators=(",", ":")))
        elif not self._plain or self._size > LIMIT:
            made[RESULT] = cut("[" + ", ".join(self._encoded) + "]")
        if self.returned is not None:
            made[RETURNED] = _encoded(self.returned)
        return made


def _encoded(value: Any) -> str:
    try:
        return cut(_values.encode(value))
    except Exception as error:  # a value that holds itself, or whose properties raise
        shown = f"<it does not serialise: {type(error).__name__}>"
        return json.dumps({"$repr": shown, "type": type(value).__name__})


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _has_more_than_content(value: Any) -> bool:
    return isinstance(value, Sequence) and any(
        isinstance(item, dict) and not item.keys() <= {"content", "score"} for item in value
    )
