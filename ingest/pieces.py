"""A request in pieces of bounded size, and without what can't be read.

Pieces bound memory: a decoded span takes many times its bytes, and a resource is written into each
of its rows. One span that can't be read is refused by itself, and the others are kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.rejected import Rejected

#: Bytes of a piece, with its resource counted once for each of its items.
PIECE_BYTES = 4 << 20
#: What an item takes at the least, decoded.
ITEM_BYTES = 512

RequestT = TypeVar("RequestT", bound=Message)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Shape(Generic[RequestT]):
    """Names of what is nested in a request, as protobuf spells them, and of one item."""

    request: type[RequestT]
    resources: str
    scopes: str
    items: str
    item: type[Message]
    noun: str
    #: Numbers of the item's fields trace_id, span_id, and name (0: none).
    id_fields: tuple[int, int, int]


TRACES = Shape(
    ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans", Span, "span", (1, 2, 5)
)
LOGS = Shape(
    ExportLogsServiceRequest,
    "resource_logs",
    "scope_logs",
    "log_records",
    LogRecord,
    "log record",
    (9, 10, 12),
)


class UnreadableError(Exception):
    """Of an item, or of its resource or scope. The text says what is wrong."""


@dataclass(slots=True)
class Group(Generic[ItemT]):
    """Items of one resource and scope, as they came. ``shared``: bytes of resource and scope."""

    resource: Any
    scope: Any
    items: list[ItemT]
    shared: int


class Source(ABC, Generic[RequestT, ItemT]):
    """A request in one of the encodings."""

    @abstractmethod
    def groups(self, rejected: Rejected) -> Iterator[Group[ItemT]]:
        """What is no resource, scope or item at all goes to ``rejected``."""

    @abstractmethod
    def size(self, item: ItemT) -> int:
        """Bytes."""

    @abstractmethod
    def request(self, resource: Any, scope: Any, items: list[ItemT]) -> RequestT:
        """Raises UnreadableError."""

    @abstractmethod
    def check(self, item: ItemT) -> None:
        """Raises UnreadableError."""

    @abstractmethod
    def name(self, item: ItemT) -> str:
        """For the sender: which one it is."""


def pieces(source: Source[RequestT, ItemT], noun: str, rejected: Rejected) -> Iterator[RequestT]:
    """Requests that together are the source's; what is missing in them is in ``rejected``."""
    for group in source.groups(rejected):
        for items in _portions(source, group):
            try:
                request = source.request(group.resource, group.scope, items)
            except UnreadableError:
                good = list(_readable(source, items, noun, rejected))
                if not good:
                    continue
                try:
                    request = source.request(group.resource, group.scope, good)
                except UnreadableError as error:
                    rejected.add(
                        f"the resource or scope of the {noun} can't be read: {error}",
                        source.name(good[0]),
                        len(good),
                    )
                    continue
            yield request


def _portions(source: Source[RequestT, ItemT], group: Group[ItemT]) -> Iterator[list[ItemT]]:
    portion: list[ItemT] = []
    size = 0
    for item in group.items:
        bytes_ = source.size(item) + group.shared + ITEM_BYTES
        if portion and size + bytes_ > PIECE_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += bytes_
    if portion:
        yield portion


def _readable(
    source: Source[RequestT, ItemT], items: list[ItemT], noun: str, rejected: Rejected
) -> Iterator[ItemT]:
    for item in items:
        try:
            source.check(item)
        except UnreadableError as error:
            rejected.add(f"the {noun} can't be read: {error}", source.name(item))
        else:
            yield item
