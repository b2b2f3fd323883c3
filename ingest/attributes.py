"""OTLP AnyValue as plain Python, and plain Python as the text that ClickHouse keeps.

Shapes are those of opentelemetry/proto/common/v1/common.proto: str, bool, int, float, list, dict,
bytes (base64 text here, as in OTLP/JSON), None for a value that is not set.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def value_of(value: AnyValue) -> Any:
    """The Python value of an AnyValue. Nesting is bounded by protobuf's own limit of 100."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: value_of(item.value) for item in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    return getattr(value, kind)


def values_of(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Attribute name to Python value; of a name that comes twice the last one counts."""
    # A string is by far the most frequent value, and reading it costs less than asking its kind.
    return {item.key: item.value.string_value or value_of(item.value) for item in attributes}


def text_of(value: Any) -> str:
    """A string as it is, '' for None, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value)


def texts_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attribute name to text."""
    return {
        item.key: item.value.string_value or text_of(value_of(item.value)) for item in attributes
    }


def dumps(value: Any) -> str:
    """Compact JSON, never an error: what JSON cannot say becomes text, lone surrogates '?'."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))
        return without_surrogates(text)


def loads(text: str) -> Any:
    """What a JSON text says, None where it is none (a JSON null reads the same)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    # orjson refuses lone surrogates and NaN, which JavaScript and Python write.
    if "\\u" not in text and "NaN" not in text and "Infinity" not in text:
        return None
    try:
        return json.loads(without_surrogates(dumps(json.loads(text, parse_constant=str))))
    except (ValueError, RecursionError):
        return None


def without_surrogates(text: str) -> str:
    """The text with each lone surrogate replaced by '?': ClickHouse takes UTF-8 only."""
    return text.encode("utf-8", "replace").decode("utf-8")
