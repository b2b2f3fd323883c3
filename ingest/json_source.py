"""A JSON request, taken apart so that one bad item costs no other.

JSON is protobuf's JSON mapping but for ids, which are hex.
See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from ingest.pieces import PIECE_BYTES, Group, RequestT, Shape, Source, UnreadableError
from ingest.rejected import Rejected

# An object or array with its place in the list around it, and what else follows a comma.
_CONTAINER_BYTES, _VALUE_BYTES = 80, 64
_MessageT = TypeVar("_MessageT", bound=Message)
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_MOST_ITEMS = 512
_DEEPEST = 150
_TOO_DEEP = "nested too deep\ud800"
_FIELD = re.compile(r"Failed to parse (\w+) field: ")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def cost(data: bytes) -> int:
    """Bytes of memory that the document takes at the most once it is loaded."""
    containers = data.count(b"{") + data.count(b"[")
    return len(data) + _CONTAINER_BYTES * containers + _VALUE_BYTES * data.count(b",")


class JsonSource(Source[RequestT, dict[str, Any]]):
    """Raises UnreadableError where the document is none."""

    def __init__(self, data: bytes, shape: Shape[RequestT]) -> None:
        self._shape = shape
        self._names = [_names(n) for n in (shape.resources, shape.scopes, shape.items)]
        self._document = _load(data)
        if not isinstance(self._document, dict):
            raise UnreadableError(
                f'the body must be a JSON object such as {{"{self._names[0][0]}": […]}}'
            )
        if self._repeats(data):
            self._document = _load_slowly(data)

    def groups(self, rejected: Rejected) -> Iterator[Group[dict[str, Any]]]:
        for resource in self._nested(self._document, 0, rejected):
            for scope in self._nested(resource, 1, rejected):
                items = [
                    item
                    for item in self._nested(scope, 2, rejected)
                    if self._ids_to_base64(item, rejected)
                ]
                shared = (resource.get("resource"), scope.get("scope"))
                yield Group(*shared, items, sum(_size(part) for part in shared))

    def size(self, item: dict[str, Any]) -> int:
        # Nobody knows without writing it again; the number of items bounds the piece.
        return PIECE_BYTES // _MOST_ITEMS

    def request(self, resource: Any, scope: Any, items: list[dict[str, Any]]) -> RequestT:
        shape = self._shape
        inner = {"scope": scope, shape.items: items}
        outer = {"resource": resource, shape.scopes: [inner]}
        return _parse({shape.resources: [outer]}, shape.request())

    def check(self, item: dict[str, Any]) -> None:
        _parse(item, self._shape.item())

    def name(self, item: dict[str, Any]) -> str:
        name = item.get("name") or item.get("eventName") or ""
        return (
            f"the first one: '{name}', span_id {_hex(item, 'spanId', 'span_id')}, "
            f"trace_id {_hex(item, 'traceId', 'trace_id')}"
        )

    def _nested(
        self, parent: dict[str, Any], level: int, rejected: Rejected
    ) -> Iterator[dict[str, Any]]:
        for name in self._names[level]:
            found = parent.get(name)
            if found is None:
                continue
            for item in found if isinstance(found, list) else (found,):
                if isinstance(found, list) and isinstance(item, dict):
                    yield item
                else:
                    rejected.add(f"{name} must be a list of objects, got {_shown(item)}")

    def _repeats(self, data: bytes) -> bool:
        """Whether a key may stand twice in one object, of which all but the last are lost."""
        nothing = Rejected()
        parents: list[dict[str, Any]] = [self._document]
        for level, names in enumerate(self._names):
            if sum(data.count(f'"{name}"'.encode()) for name in names) > len(parents):
                return True
            parents = [item for parent in parents for item in self._nested(parent, level, nothing)]
        return False

    def _ids_to_base64(self, item: dict[str, Any], rejected: Rejected) -> bool:
        wrong = _convert(item)
        if wrong:
            rejected.add(
                f"{_snake(wrong)} is not hex digits, as OTLP/JSON writes ids (protobuf's own JSON"
                " writes base64)",
                self.name(item),
            )
            return False
        links = item.get("links")
        if isinstance(links, list):
            for link in links:
                if isinstance(link, dict) and (wrong := _convert(link)):
                    del link[wrong]
        return True


def _convert(item: dict[str, Any]) -> str:
    """Ids from hex to the base64 of protobuf's JSON; the name of one that is no hex, else ''."""
    for name in _IDS:
        text = item.get(name)
        if isinstance(text, str) and text:
            try:
                item[name] = base64.b64encode(binascii.unhexlify(text)).decode()
            except ValueError:
                return name
    return ""


def _hex(item: dict[str, Any], *names: str) -> str:
    for name in names:
        text = item.get(name)
        if isinstance(text, str) and text:
            try:
                return base64.b64decode(text, validate=True).hex()
            except ValueError:
                return text[:40]
    return ""


def _parse(document: Any, message: _MessageT) -> _MessageT:
    try:
        return json_format.ParseDict(document, message, ignore_unknown_fields=True)
    except (RecursionError, SystemError) as error:
        # The latter is what protobuf's C code makes of the former.
        raise UnreadableError("it is nested too deep") from error
    except json_format.ParseError as error:
        text = str(error)
        if "too deep" in text or "recursion" in text:
            raise UnreadableError("it is nested too deep") from error
        fields = ".".join(_FIELD.findall(text))
        text = f"{fields}: {_FIELD.sub('', text)}" if fields else text
        if "surrogate" in text.lower():
            if _holds(document, _TOO_DEEP):
                raise UnreadableError(f"it is nested deeper than {_DEEPEST} levels") from error
            text = f"a text in it is not Unicode (a lone surrogate, or no UTF-8): {text}"
        raise UnreadableError(text) from error


def _holds(value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(each, text) for each in value.values())
    if isinstance(value, list):
        return any(_holds(each, text) for each in value)
    return bool(value == text)


def _load(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        # It refuses what only one text or number of it is to blame for.
        try:
            return _load_slowly(data)
        except ValueError:
            raise UnreadableError(str(error)) from error


def _load_slowly(data: bytes) -> Any:
    """With lone surrogates, where bytes are no UTF-8 too; NaN and Infinity as texts; what is nested
    too deep as a text that is refused later; lists of a key that comes twice one after the other.

    Raises ValueError.
    """
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        return json.loads(
            _shallow(text), object_pairs_hook=_merged, parse_constant=lambda name: name
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _shallow(text: str) -> str:
    kept: list[str] = []
    depth = done = start = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                start = token.start()
        elif first in "]}":
            if depth == _DEEPEST + 1:
                kept += (text[done:start], json.dumps(_TOO_DEEP))
                done = token.end()
            depth -= 1
    return "".join((*kept, text[done:])) if kept else text


def _merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key, value in pairs:
        before = merged.get(key)
        if isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        else:
            merged[key] = value
    return merged


def _names(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((_camel(name), name)))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", name)


def _size(part: Any) -> int:
    if part is None:
        return 0
    try:
        return len(orjson.dumps(part))
    except TypeError:
        # A lone surrogate in it, or nested too deep: it will be refused.
        return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else repr(value)[:40]
