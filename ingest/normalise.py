"""From OTLP spans of any convention to rows of ``spans``.

What a span must have: ids of 16 and 8 bytes that are not zero, and a start time within the
retention. Anything else that is odd is kept and marked in ``attributes`` (names below).
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from clickhouse.span import Span
from ingest.acceptance import NO_SPAN, Window, refusal
from ingest.attributes import text_of, value_of, values_of
from ingest.conventions import hand_written, shared
from ingest.conventions.columns import count, fill
from ingest.conventions.convention import Draft
from ingest.conventions.counted_once import count_once
from ingest.conventions.registry import RULES, contents_of, name_of
from ingest.conventions.reported import CALLS, keep_apart
from ingest.conventions.span_names import NO_CALLS, kind_of
from ingest.events import add_events_and_links, read_events, unread_events
from ingest.limits import DROPPED_ATTRIBUTES, ContentLimits, cut

log = logging.getLogger(__name__)

START_MISSING = "everyspan.start_time.missing"
END_MISSING = "everyspan.end_time.missing"
END_REVERSED = "everyspan.end_time.reversed"

#: What LangGraph raises to hand over control: no errors.
CONTROL_FLOW = frozenset(
    {
        "ParentCommand",
        "GraphInterrupt",
        "GraphBubbleUp",
        "NodeInterrupt",
        "langgraph.errors.ParentCommand",
        "langgraph.errors.GraphInterrupt",
        "langgraph.errors.GraphBubbleUp",
    }
)
_STATUS = {0: "unset", 1: "ok", 2: "error"}
#: Stands for an attribute: whether input_tokens includes cached ones is in no table.
_UNCLEAR = "input_tokens beside cached tokens"
#: Stands for an attribute: a reader of ours failed on one of the span's.
UNREADABLE = "attributes that no reader can take"
_told: set[tuple[str, str]] = set()
_MOST_TOLD = 100
#: Bit of the shared attributes, which are no convention of their own.
_SHARED = 1
#: A rank below that of every convention.
_WEAK = 99
#: What senders write where they have nothing.
_UNKNOWN = frozenset({"none", "None", "null", "undefined"})
#: Kinds that the name of a framework's step may still make more of.
_SAYS_LITTLE = (None, "other", "chain")
_LONGEST_UNKNOWN = max(map(len, _UNKNOWN))
_RESOURCE_COLUMNS = (*shared.RESOURCE_COLUMNS, *shared.CONVENTION.columns)


@dataclass(slots=True)
class Normalised:
    """``rejected``: reason to number of spans, for partial_success. ``not_understood``: (scope,
    attribute) to number, of attributes about agents that no convention here maps."""

    spans: list[Span] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    not_understood: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class _Origin:
    """What all spans of a resource and scope share."""

    attributes: dict[str, str]
    columns: dict[str, Any]
    scope_name: str = ""
    scope_version: str = ""
    #: Ends of names of steps that the tracer calls something which they are not.
    mistaken: tuple[str, ...] = ()


def normalise(
    request: ExportTraceServiceRequest, *, now: int, retention_days: int, limits: ContentLimits
) -> Normalised:
    """Rows of a request. ``now``: nanoseconds since 1970. Never raises for what a span holds."""
    result = Normalised()
    window = Window(now, retention_days)
    for resource_spans in request.resource_spans:
        origin = _origin(resource_spans.resource.attributes, limits)
        for scope_spans in resource_spans.scope_spans:
            origin.scope_name = cut(scope_spans.scope.name, limits.max_attribute_name_bytes)
            origin.scope_version = cut(scope_spans.scope.version, limits.max_attribute_name_bytes)
            origin.mistaken = NO_CALLS.get(scope_spans.scope.name, ())
            for proto in scope_spans.spans:
                reason = refusal(proto) or window.refusal(proto)
                if reason:
                    result.rejected[reason] = result.rejected.get(reason, 0) + 1
                else:
                    result.spans.append(_span(proto, origin, now, limits, result.not_understood))
    count_once(result.spans)
    return result


def fingerprint(proto: trace_pb2.Span) -> int:
    """1 to 2**64 - 1, made of all that the span says: the same each time it is sent.

    Two checksums instead of a hash: it has to tell accidents apart, at a tenth of the time.
    """
    sent = proto.SerializeToString(deterministic=True)
    return (zlib.crc32(sent) << 32 | zlib.adler32(sent)) or 1


def _origin(pairs: Iterable[KeyValue], limits: ContentLimits) -> _Origin:
    raw = values_of(pairs)
    columns: dict[str, Any] = {}
    for attribute, column in _RESOURCE_COLUMNS:
        value = raw.get(attribute)
        if value not in (None, "") and column not in columns:
            columns[column] = count(value) or 0 if column == "code_line" else text_of(value)
    return _Origin(_kept(raw, set(), limits), columns)


def _span(
    proto: trace_pb2.Span,
    origin: _Origin,
    now: int,
    limits: ContentLimits,
    not_understood: Counter[tuple[str, str]],
) -> Span:
    try:
        return _understood(proto, origin, now, limits, not_understood)
    except Exception as error:
        # A reader that met what nobody had sent before: the batch has others, and this one keeps
        # all that it says in its attributes.
        not_understood[origin.scope_name, UNREADABLE] += 1
        place = (origin.scope_name, type(error).__name__)
        if place not in _told and len(_told) < _MOST_TOLD:
            _told.add(place)
            log.exception("a span of %s is stored as it came: its attributes can't be read", place)
        return _as_it_came(proto, origin, now, limits)


def _as_it_came(proto: trace_pb2.Span, origin: _Origin, now: int, limits: ContentLimits) -> Span:
    span = _begun(proto, origin, limits)
    span.step_kind = "other"
    span.status_message = cut(proto.status.message, limits.max_attribute_bytes)
    marks = _set_times(span, proto, now)
    span.attributes = _kept(values_of(proto.attributes), set(), limits) | marks
    add_events_and_links(span, proto, unread_events(proto), limits)
    return span


def _begun(proto: trace_pb2.Span, origin: _Origin, limits: ContentLimits) -> Span:
    """What no convention has a say in."""
    span = Span(proto.trace_id.hex(), proto.span_id.hex())
    span.fingerprint = fingerprint(proto)
    for column, value in origin.columns.items():
        setattr(span, column, value)
    if proto.parent_span_id and proto.parent_span_id != NO_SPAN:
        span.parent_span_id = proto.parent_span_id.hex()
    span.name = cut(proto.name, limits.max_attribute_name_bytes)
    span.status = _STATUS.get(proto.status.code, "unset")
    span.scope_name, span.scope_version = origin.scope_name, origin.scope_version
    span.resource_attributes = origin.attributes
    return span


def _understood(
    proto: trace_pb2.Span,
    origin: _Origin,
    now: int,
    limits: ContentLimits,
    not_understood: Counter[tuple[str, str]],
) -> Span:
    draft = Draft()
    values, ranks, sources = draft.values, draft.ranks, draft.sources
    attributes: dict[str, Any] = {}
    floor: list[tuple[int, str]] = []
    mask = 0
    kind_rank = 2 * _WEAK
    for pair in proto.attributes:
        key = pair.key
        value = pair.value.string_value or value_of(pair.value)
        attributes[key] = value
        rules = RULES[key]
        mask |= rules.mask
        if value is None or value == "":
            continue
        # The length first: the hash of a long text takes its time.
        if type(value) is not str or len(value) > _LONGEST_UNKNOWN or value not in _UNKNOWN:
            for column, rank in rules.columns:
                if rank < ranks.get(column, 1_000_000):
                    ranks[column] = rank
                    values[column] = value
                    sources[column] = key
        for rank, kinds in rules.kinds:
            kind = kinds.get(str(value).strip('"').lower())
            if kind:
                # 'chain' says least: whatever another convention calls the step is better.
                if kind == "chain":
                    rank += _WEAK
                if rank < kind_rank:
                    kind_rank = rank
                    values["step_kind"] = kind
        if rules.elsewhere:
            if rules.floor >= 0:
                floor.append((rules.floor, key))
            else:
                not_understood[origin.scope_name, _without_indices(key)] += 1
    for content in contents_of(mask):
        content(attributes, draft)
    if floor and mask & ~_SHARED:
        hand_written.fill_rest(floor, attributes, draft)

    span = _begun(proto, origin, limits)
    marks = _set_times(span, proto, now)

    events = read_events(proto, draft) if proto.events else []
    span.convention = name_of(mask)
    if mask & ~_SHARED == 0:
        if hand_written.apply(span.name, attributes, draft):
            span.convention = hand_written.NAME
        elif span.input_tokens is None and not values.get("input_messages"):
            values.setdefault("step_kind", "other")
    if origin.mistaken and proto.name.endswith(origin.mistaken):
        values["step_kind"] = "chain"
    if values.get("step_kind") in _SAYS_LITTLE and origin.scope_name:
        named = kind_of(origin.scope_name, proto.name)
        if named:
            values["step_kind"] = named
    error, failed, status = values.get("error_type"), values.get("failed"), values.get("status")
    if error or failed or status:
        _set_status(span, values, error, failed, status)
    message = proto.status.message
    if message:
        values["status_message"] = message

    stored = fill(span, draft, attributes, limits)
    if draft.unclear:
        not_understood[origin.scope_name, _UNCLEAR] += 1
    span.attributes = _kept(attributes, stored, limits)
    if span.step_kind not in CALLS:
        keep_apart(span)
    if marks:
        span.attributes.update(marks)
    add_events_and_links(span, proto, events, limits)
    return span


def _set_status(span: Span, values: dict[str, Any], error: Any, failed: Any, status: Any) -> None:
    """What attributes say of how it ended, where the span's own status says less."""
    if type(error) is str and error in CONTROL_FLOW:
        span.status = "unset" if span.status == "error" else span.status
        values["error_type"] = ""
    elif (
        # LangSmith calls every run ok, and records what it raised.
        (error and span.convention == "langsmith")
        or failed is True
        or (type(failed) is str and failed.lower() == "true")
        or (status == "error" and (span.status == "unset" or span.convention == "mastra"))
    ):
        span.status = "error"


def _without_indices(name: str) -> str:
    """``llm.x.0.y`` → ``llm.x.N.y``: one name for a metric, however long the list."""
    if not any(c.isdigit() for c in name):
        return name
    return ".".join("N" if step.isdigit() else step for step in name.split("."))


def _set_times(span: Span, proto: trace_pb2.Span, now: int) -> dict[str, str]:
    start, end = proto.start_time_unix_nano, proto.end_time_unix_nano
    marks: dict[str, str] = {}
    if not start:
        start = end or now
        marks[START_MISSING] = "true"
    if not end:
        marks[END_MISSING] = "true"
    elif end < start:
        marks[END_REVERSED] = "true"
    else:
        span.duration_ms = (end - start) / 1e6
    span.start_time = start
    return marks


def _kept(attributes: dict[str, Any], stored: set[str], limits: ContentLimits) -> dict[str, str]:
    """The attributes as text, within the limits; those in ``stored`` live on in a column."""
    limit = limits.max_attribute_bytes
    short = limit // 4
    kept: dict[str, str] = {}
    for key, value in attributes.items():
        if key not in stored:
            if type(value) is not str:
                value = text_of(value)
            kept[key] = value if len(value) <= short else cut(value, limit)
    longest = limits.max_attribute_name_bytes
    if kept and max(map(len, kept)) * 4 > longest:
        kept = {cut(key, longest): text for key, text in kept.items()}
    if len(kept) > limits.max_attributes:
        over = len(kept) - limits.max_attributes
        kept = dict(list(kept.items())[: limits.max_attributes])
        kept[DROPPED_ATTRIBUTES] = str(over)
    return kept
