"""Which spans can't be stored, and why: the words that partial_success has for a sender."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.trace.v1 import trace_pb2

_DAY = 86_400 * 10**9
_NO_TRACE, NO_SPAN = bytes(16), bytes(8)


def refusal(proto: trace_pb2.Span) -> str:
    """Why its ids can't be stored, '' where they can."""
    trace_id, span_id = proto.trace_id, proto.span_id
    if len(trace_id) != 16:
        return f"trace_id must be 16 bytes, got {len(trace_id)}"
    if len(span_id) != 8:
        return f"span_id must be 8 bytes, got {len(span_id)}"
    if trace_id == _NO_TRACE:
        return "trace_id must not be all zero: it is what W3C Trace Context calls invalid"
    if span_id == NO_SPAN:
        return "span_id must not be all zero: it is what W3C Trace Context calls invalid"
    if len(proto.parent_span_id) not in (0, 8):
        return (
            f"parent_span_id must be 8 bytes, or empty for a root, got {len(proto.parent_span_id)}"
        )
    return ""


@dataclass(slots=True)
class Window:
    """Start times that storage can keep: a row older than the retention vanishes at insert."""

    now: int
    retention_days: int

    def refusal(self, proto: trace_pb2.Span) -> str:
        """Why its start can't be stored, '' where it can."""
        start = proto.start_time_unix_nano or proto.end_time_unix_nano or self.now
        if start > self.now + _DAY:
            return (
                "start_time_unix_nano is more than a day in the future: send nanoseconds since"
                " 1970 in UTC and check the sender's clock"
            )
        if start < self.now - self.retention_days * _DAY:
            return (
                f"start_time_unix_nano is older than the retention of {self.retention_days} days:"
                " send nanoseconds since 1970 in UTC, or raise the retention"
            )
        return ""
