"""Python values as JSON that can be read back: what a replay serves from the record.

Plain JSON stays as it is. What JSON has no form for is an object with one key that begins with
`$`: `{"$tuple": [1, 2]}`, `{"$bytes": "aGk="}`, `{"$dataclass": "agent:Reply", "value": {…}}`.
What has no such form either is `{"$repr": "<Client …>", "type": "agent:Client"}`: it can be
compared, never read back.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from everyspan import _own

#: What was recorded as `__main__` is this module here: set by a replay.
main = "__main__"

#: Of libraries, what is data and nothing else: no client, no file, no code of its own.
_DATA = (
    "anthropic.types.",
    "langchain_core.documents.base:Document",
    "langchain_core.messages.",
    "openai.types.",
)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class NotReadableError(Exception):
    """The recorded value can't be made again; the text says why."""


def is_plain(text: str, value: Any) -> bool:
    """Whether `text`, made of `value`, reads back as the same value."""
    try:
        return bool(json.loads(text) == value)
    except Exception:  # no JSON, or an __eq__ that raises or has no truth value
        return False


def encode(value: Any) -> str:
    """JSON of any value. Raises RecursionError for one that holds itself."""
    text = json.dumps(held := _encoded(value), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: as an escape it can be sent and read back
        return json.dumps(held)
    return text


def decode(text: str) -> Any:
    """The value of `encode`. Raises NotReadableError.

    A trace is data from elsewhere. Nothing is imported for it, and it makes only dataclasses,
    pydantic models, enums and named tuples, of the user's own loaded modules or known to be data.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotReadableError(f"what was recorded is no whole JSON ({error})") from error
    try:
        return _decoded(found)
    except NotReadableError:
        raise
    except Exception as error:  # {"$bytes": 7}, {"$set": [[]]}, one list in another 10,000 times
        raise NotReadableError(
            f"what was recorded is not as a step records it ({type(error).__name__}: {error})"
        ) from error


def _encoded(value: Any) -> Any:
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [_encoded(item) for item in value]
    if kind is dict:
        return _encoded_mapping(value)
    for name, cls, write, _ in _SIMPLE:
        if kind is cls:
            return {name: write(value)}
    if isinstance(value, enum.Enum):
        return {"$enum": _name(kind), "value": value.name}
    if isinstance(value, tuple):
        items = [_encoded(item) for item in value]
        return (
            {"$namedtuple": _name(kind), "value": items} if kind is not tuple else {"$tuple": items}
        )
    if isinstance(value, (set, frozenset)):
        items = sorted((_encoded(item) for item in value), key=json.dumps)
        return {"$frozenset" if isinstance(value, frozenset) else "$set": items}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = {f.name: _encoded(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"$dataclass": _name(kind), "value": held}
    if hasattr(kind, "model_dump") and hasattr(kind, "model_validate"):  # pydantic
        return {"$model": _name(kind), "value": value.model_dump(mode="json")}
    for base in (str, int, float):
        if isinstance(value, base):  # of a subclass: what it holds
            return _encoded(base(value))
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    if isinstance(value, Mapping):
        return _encoded_mapping(value)
    return {"$repr": _ADDRESS.sub("", repr(value)), "type": _name(kind)}


def _encoded_mapping(value: Mapping[Any, Any]) -> Any:
    if all(type(key) is str and key[:1] != "$" for key in value):
        return {key: _encoded(item) for key, item in value.items()}
    return {"$dict": [[_encoded(key), _encoded(item)] for key, item in value.items()]}


def _decoded(found: Any) -> Any:
    if isinstance(found, list):
        return [_decoded(item) for item in found]
    if not isinstance(found, dict):
        return found
    name = next(iter(found), "")
    if name[:1] != "$":
        return {key: _decoded(item) for key, item in found.items()}
    held = found[name]
    if name in _READ:
        return _READ[name](held)
    if name == "$repr":
        raise NotReadableError(f"a {found.get('type')} was recorded as its repr only: {held}")
    value = found.get("value")
    cls = _loaded(held)
    try:
        if name == "$enum" and issubclass(cls, enum.Enum):
            return cls[str(value)]
        if name == "$namedtuple" and issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return tuple.__new__(cls, _items(cls, _decoded(value)))
        if name == "$model" and hasattr(cls, "__pydantic_validator__"):
            return cls.model_validate(value)
        if name == "$dataclass" and dataclasses.is_dataclass(cls):
            return _dataclass(cls, _decoded(value))
    except NotReadableError:
        raise
    except Exception as error:
        raise NotReadableError(
            f"{held} does not take what was recorded ({type(error).__name__}: {error}); "
            "was the class changed since?"
        ) from error
    raise NotReadableError(f"{name} {held!r} is nothing that can be read back")


def _items(cls: Any, held: list[Any]) -> list[Any]:
    if len(held) != len(cls._fields):
        raise NotReadableError(f"{_name(cls)} has {len(cls._fields)} fields, not {len(held)}")
    return held


def _dataclass(cls: Any, held: dict[str, Any]) -> Any:
    known = {f.name: f for f in dataclasses.fields(cls)}
    for name in held:
        if name not in known:
            raise NotReadableError(f"{_name(cls)} has no field {name!r} any more")
    for name, field in known.items():
        if name not in held:
            if field.default is dataclasses.MISSING:
                raise NotReadableError(f"{_name(cls)} has a new field {name!r}")
            held = {**held, name: field.default}
    # Neither `__init__` nor `__post_init__`: a trace is data, and calls nothing.
    made = object.__new__(cls)
    for name, value in held.items():
        object.__setattr__(made, name, value)
    return made


def _name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _loaded(name: str) -> type[Any]:
    module, _, qualified = str(name).partition(":")
    found = _own.class_of(main if module == "__main__" else module, qualified)
    if found is None:
        raise NotReadableError(
            f"the class {name} is not loaded here; import its module before the replay"
        )
    plain = issubclass(found, (enum.Enum, tuple)) and found.__module__ in sys.stdlib_module_names
    if not (plain or _own.is_own(found.__module__) or _name(found).startswith(_DATA)):
        raise NotReadableError(
            f"the class {name} is a library's, and a trace makes only what is yours: below the "
            f"working directory, or of a package that --load names"
        )
    return found


_Simple = tuple[str, type, Callable[[Any], Any], Callable[[Any], Any]]

_SIMPLE: tuple[_Simple, ...] = (
    (
        "$bytes",
        bytes,
        lambda value: base64.b64encode(value).decode(),
        lambda held: base64.b64decode(held),
    ),
    (
        "$bytearray",
        bytearray,
        lambda value: base64.b64encode(value).decode(),
        lambda held: bytearray(base64.b64decode(held)),
    ),
    (
        "$datetime",
        datetime.datetime,
        lambda value: value.isoformat(),
        datetime.datetime.fromisoformat,
    ),
    ("$date", datetime.date, lambda value: value.isoformat(), datetime.date.fromisoformat),
    ("$time", datetime.time, lambda value: value.isoformat(), datetime.time.fromisoformat),
    (
        "$timedelta",
        datetime.timedelta,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda held: datetime.timedelta(*held),
    ),
    ("$decimal", decimal.Decimal, str, decimal.Decimal),
    ("$uuid", uuid.UUID, str, uuid.UUID),
    ("$path", type(pathlib.Path()), str, pathlib.Path),
    ("$complex", complex, str, complex),
)

_READ: dict[str, Callable[[Any], Any]] = {
    **{name: read for name, _, _, read in _SIMPLE},
    "$float": float,
    "$tuple": lambda held: tuple(_decoded(held)),
    "$set": lambda held: set(_decoded(held)),
    "$frozenset": lambda held: frozenset(_decoded(held)),
    "$dict": lambda held: {_decoded(key): _decoded(item) for key, item in held},
}
