"""Events and links of a span: some fill columns, the others are kept as JSON within the limits."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from opentelemetry.proto.trace.v1 import trace_pb2

from clickhouse.span import Span
from ingest.attributes import dumps, texts_of, values_of
from ingest.conventions.convention import Draft
from ingest.conventions.genai_events import CONTENT_EVENTS, apply_events
from ingest.conventions.time_to_first_token import FIRST_TOKEN_EVENTS
from ingest.limits import DROPPED_EVENTS, DROPPED_LINKS, ContentLimits, cut

# Two bytes can be an event, which takes hundreds once it is read.
_MOST_EVENTS_READ = 10_000


def iso(nanoseconds: int) -> str:
    """``2026-01-31T12:00:00.123456789Z``; the number itself where there is no such date."""
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
    except (OverflowError, ValueError, OSError):
        return str(nanoseconds)


def read_events(proto: trace_pb2.Span, draft: Draft) -> list[dict[str, Any]]:
    """The events that stay events; messages and exceptions among them fill columns."""
    kept = []
    content = []
    for event in islice(proto.events, _MOST_EVENTS_READ):
        attributes = values_of(event.attributes)
        if event.name in CONTENT_EVENTS:
            content.append((event.time_unix_nano, event.name, attributes))
            continue
        if event.name == "exception":
            draft.set("error_type", attributes.get("exception.type"))
            draft.set("status_message", attributes.get("exception.message"))
        elif event.name in FIRST_TOKEN_EVENTS and event.time_unix_nano > proto.start_time_unix_nano:
            after = (event.time_unix_nano - proto.start_time_unix_nano) / 1e6
            draft.set("time_to_first_token_ms", after)
        elif event.name == "tool.output":  # Claude Code
            draft.set("tool_result", attributes.get("output"))
        kept.append(_stored(event, attributes))
    if content:
        apply_events(content, draft)
    return kept


def unread_events(proto: trace_pb2.Span) -> list[dict[str, Any]]:
    """All of them as events, whatever is in them."""
    events = islice(proto.events, _MOST_EVENTS_READ)
    return [_stored(event, values_of(event.attributes)) for event in events]


def _stored(event: trace_pb2.Span.Event, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"time": iso(event.time_unix_nano), "name": event.name, "attributes": attributes}


def add_events_and_links(
    span: Span, proto: trace_pb2.Span, events: list[dict[str, Any]], limits: ContentLimits
) -> None:
    """``events``: those that stay."""
    if events:
        unread = max(0, len(proto.events) - _MOST_EVENTS_READ)
        span.events = _events_text(events, unread, span, limits)
    if proto.links:
        span.links = _links_text(proto, span, limits)


def _events_text(
    events: list[dict[str, Any]], unread: int, span: Span, limits: ContentLimits
) -> str:
    kept = []
    size = 2
    for event in events[: limits.max_events]:
        event["attributes"] = {
            key: cut(value, limits.max_attribute_bytes) if isinstance(value, str) else value
            for key, value in event["attributes"].items()
        }
        text = dumps(event)
        size += len(text) + 1
        if size > limits.max_events_bytes:
            break
        kept.append(text)
    if dropped := len(events) + unread - len(kept):
        span.attributes[DROPPED_EVENTS] = str(dropped)
    return f"[{','.join(kept)}]"


def _links_text(proto: trace_pb2.Span, span: Span, limits: ContentLimits) -> str:
    links = [
        {
            "trace_id": link.trace_id.hex(),
            "span_id": link.span_id.hex(),
            "attributes": texts_of(link.attributes),
        }
        for link in proto.links[: limits.max_links]
    ]
    if len(links) < len(proto.links):
        span.attributes[DROPPED_LINKS] = str(len(proto.links) - len(links))
    return cut(dumps(links), limits.max_events_bytes)
