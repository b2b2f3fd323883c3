"""A protobuf request, taken apart without decoding it.

The three levels of a request look the same in traces and logs: field 1 of the request are the
resources; of a resource 1 is the resource and 2 are the scopes; of a scope 1 is the scope and 2 are
the items. See https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from google.protobuf.message import DecodeError

from ingest.pieces import PIECE_BYTES, Group, RequestT, Shape, Source, UnreadableError
from ingest.rejected import Rejected

_LEN = 2
_LONGEST_NAME = 80
_MOST_PARTS = 100_000


class ProtobufSource(Source[RequestT, memoryview]):
    """Raises UnreadableError from ``groups`` where the outermost level is no protobuf."""

    def __init__(self, data: bytes, shape: Shape[RequestT]) -> None:
        self._data = memoryview(data)
        self._shape = shape

    def groups(self, rejected: Rejected) -> Iterator[Group[memoryview]]:
        for number, resources in _fields(self._data):
            if number != 1:
                continue
            try:
                resource, scopes = _parts(resources)
                for scope_items in scopes:
                    scope, items = _parts(scope_items)
                    kept = [item for item in items if self._is_bounded(item, rejected)]
                    yield Group(resource, scope, kept, len(resource) + len(scope))
            except UnreadableError as error:
                rejected.add(f"a part of {self._shape.resources} can't be read: {error}")

    def _is_bounded(self, item: memoryview, rejected: Rejected) -> bool:
        """Whether decoding it takes a sensible multiple of its bytes. Two bytes can be an event."""
        if len(item) <= PIECE_BYTES:
            return True
        try:
            parts = sum(1 for _ in islice(_fields(item), _MOST_PARTS + 1))
        except UnreadableError:
            return True
        if parts > _MOST_PARTS:
            noun = self._shape.noun
            rejected.add(
                f"the {noun} has over {_MOST_PARTS} attributes, events and links", self.name(item)
            )
        return parts <= _MOST_PARTS

    def size(self, item: memoryview) -> int:
        return len(item)

    def request(self, resource: bytes, scope: bytes, items: list[memoryview]) -> RequestT:
        inner = _field(1, scope) + b"".join(_head(2, len(i)) + bytes(i) for i in items)
        outer = _field(1, resource) + _field(2, inner)
        request = self._shape.request()
        try:
            request.ParseFromString(_field(1, outer))
            return request
        except DecodeError as error:
            raise UnreadableError(_reason(error)) from error

    def check(self, item: memoryview) -> None:
        try:
            self._shape.item.FromString(bytes(item))
        except DecodeError as error:
            raise UnreadableError(_reason(error)) from error

    def name(self, item: memoryview) -> str:
        trace, span, called = self._shape.id_fields
        found: dict[int, bytes] = {}
        try:
            for number, value in islice(_fields(item), _LONGEST_NAME):
                if number in (trace, span, called):
                    found[number] = bytes(value[:_LONGEST_NAME])
        except UnreadableError:
            pass
        name = found.get(called, b"").decode("utf-8", "replace")
        return (
            f"the first one: '{name}', span_id {found.get(span, b'').hex()}, "
            f"trace_id {found.get(trace, b'').hex()}"
        )


def _parts(data: memoryview) -> tuple[bytes, list[memoryview]]:
    """Field 1, its last occurrence, and all of field 2."""
    first = b""
    second = []
    for number, value in _fields(data):
        if number == 2:
            second.append(value)
        elif number == 1:
            first = bytes(value)
    return first, second


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each length-delimited field; the others are passed over."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _LEN:
            size, at = _varint(data, at)
            if size > end - at:
                raise UnreadableError("a length is larger than what there is")
            yield tag >> 3, data[at : at + size]
            at += size
        elif kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
            if at > end:
                raise UnreadableError("it ends too early")
        else:
            raise UnreadableError(f"wire type {kind} is not used")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise UnreadableError("a number in it does not end")


def _field(number: int, value: bytes) -> bytes:
    return _head(number, len(value)) + value


def _head(number: int, size: int) -> bytes:
    head = bytearray((number << 3 | _LEN,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)


def _reason(error: DecodeError) -> str:
    text = str(error).rpartition(": ")[2]
    return "a text in it is not UTF-8" if "UTF-8" in text else f"it is no protobuf ({text})"
