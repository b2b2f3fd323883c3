"""Captures judged as the classify job does it, and captures with something planted in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from classify.classifier import Classifier, Subject, Trace, applies
from classify.settle.twins import judged_there
from clickhouse.span import Span, Verdict


@dataclass(frozen=True)
class Judged:
    """One verdict. ``where``: the capture as library/scenario."""

    where: str
    span: Span
    verdict: Verdict


def traces_of(rows: Iterable[Span]) -> list[Trace]:
    """The traces of a capture by start, each with the earlier ones of its session."""
    by_id: dict[str, list[Span]] = {}
    for row in sorted(rows, key=lambda row: row.start_time):
        by_id.setdefault(row.trace_id, []).append(row)
    found: list[Trace] = []
    for spans in by_id.values():
        trace = Trace(tuple(spans))
        session = trace.root.session_id
        earlier = tuple(each for each in found if session and each.root.session_id == session)
        found.append(Trace(trace.spans, earlier))
    return found


def judged(classifier: Classifier, captures: dict[str, list[Trace]]) -> list[Judged]:
    """Every verdict of a classifier on all captures, asked at once."""
    where: list[str] = []
    subjects: list[Subject] = []
    for name, traces in captures.items():
        for trace in traces:
            for span in trace.spans:
                asked = classifier.unit == "span" or span is trace.root
                if asked and applies(classifier, span) and not judged_there(span):
                    where.append(name)
                    subjects.append(Subject(span, trace))
    verdicts = classifier.judge(subjects)
    return [
        Judged(name, subject.span, verdict)
        for name, subject, verdict in zip(where, subjects, verdicts, strict=True)
    ]


def replace_texts(request: ExportTraceServiceRequest, change: Callable[[str], str]) -> None:
    """Change every text that the spans of a request carry, however deep it is."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                for pair in span.attributes:
                    _replace(pair.value, change)
                for event in span.events:
                    for pair in event.attributes:
                        _replace(pair.value, change)


def _replace(value: AnyValue, change: Callable[[str], str]) -> None:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        value.string_value = change(value.string_value)
    elif kind == "array_value":
        for item in value.array_value.values:
            _replace(item, change)
    elif kind == "kvlist_value":
        for pair in value.kvlist_value.values:
            _replace(pair.value, change)
