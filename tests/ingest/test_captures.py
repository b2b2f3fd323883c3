"""What real libraries sent, byte for byte, becomes the rows that each capture's expectations state.

``expected.json``: ``spans`` (matched by span_id; each field by equality, ``x_contains`` by
substrings, ``x_json`` as JSON, ``documents`` by substring each) and ``total``, which counts each
token of a trace once.
"""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from classify.settle.late_content import merge
from classify.settle.trace import settled
from classify.settle.twins import is_orphan, match
from classify.settle.usage import CALLS
from clickhouse.content import ContentRecord
from clickhouse.span import Span
from ingest.limits import ContentLimits
from ingest.log_content import content_records
from ingest.normalise import Normalised, normalise
from ingest.otlp import Encoding
from tests.ingest.otlp_payloads import decode_logs, decode_traces

PAYLOADS = Path(__file__).parents[1] / "captures" / "payloads"
CAPTURES = sorted(path.parent for path in PAYLOADS.glob("*/*/capture.json"))
EXPECTED = [path for path in CAPTURES if (path / "expected.json").exists()]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def body_of(file: Path) -> tuple[bytes, Encoding]:
    body = file.read_bytes()
    if file.suffix == ".gz":
        body = gzip.decompress(body)
    return body, "json" if ".json" in file.name else "protobuf"


Change = Callable[[ExportTraceServiceRequest], None]


def normalised(capture: Path, change: Change | None = None) -> list[Normalised]:
    """Each traces request of a capture, as if it came when it was sent."""
    results = []
    for file in sorted(capture.glob("*_traces.*")):
        request = decode_traces(*body_of(file))
        if change is not None:
            change(request)
        starts = [
            span.start_time_unix_nano
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        results.append(
            normalise(request, now=max(starts), retention_days=30, limits=ContentLimits())
        )
    return results


def content_of(capture: Path) -> list[ContentRecord]:
    """What the capture's log requests say about spans."""
    records = []
    for file in sorted(capture.glob("*_logs.*")):
        request = decode_logs(*body_of(file))
        times = [
            record.time_unix_nano or record.observed_time_unix_nano
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]
        batch = content_records(request, now=max(times), retention_days=30, limits=ContentLimits())
        assert not batch.rejected
        records += batch.records
    return records


def rows_of(capture: Path, change: Change | None = None) -> list[Span]:
    """The capture's rows once all of it has come: late content merged, usage counted once."""
    records = content_of(capture)
    return settled_rows(
        merge(span, records) for result in normalised(capture, change) for span in result.spans
    )


def settled_rows(spans: Iterable[Span]) -> list[Span]:
    """As the classify job settles traces, once all of them are there."""
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    orphans = {
        trace_id
        for trace_id, rows in traces.items()
        if is_orphan(
            {row.step_kind for row in rows},
            [row.step_kind for row in rows if not row.parent_span_id],
        )
    }
    calls = [row for rows in traces.values() for row in rows if row.step_kind in CALLS]
    pairs = combinations([(call.trace_id, call.span_id) for call in calls], 2)
    twins = match(calls, orphans, pairs)
    return [row for trace_id, rows in traces.items() for row in settled(rows, twins.get(trace_id))]


def differences(row: Span, expected: dict[str, Any]) -> list[str]:
    found = []
    for key, wanted in expected.items():
        if key.endswith("_contains"):
            column = key.removesuffix("_contains")
            value = getattr(row, column)
            parts = [wanted] if isinstance(wanted, str) else wanted
            found += [f"{column}: no {part!r} in {value!r}" for part in parts if part not in value]
        elif key.endswith("_json"):
            column = key.removesuffix("_json")
            value = getattr(row, column)
            try:
                same = json.loads(value) == wanted
            except ValueError:
                same = False
            if not same:
                found.append(f"{column}: {value!r}, expected the JSON of {wanted!r}")
        elif key == "documents":
            if len(row.documents) != len(wanted):
                found.append(f"documents: {row.documents!r}, expected {wanted!r}")
            else:
                pairs = zip(row.documents, wanted, strict=True)
                found += [f"documents: no {w!r} in {d!r}" for d, w in pairs if w not in d]
        else:
            value = getattr(row, key)
            if isinstance(wanted, float) and isinstance(value, float):
                same = math.isclose(value, wanted, rel_tol=1e-6)
            else:
                same = value == wanted
            if not same:
                found.append(f"{key}: {value!r}, expected {wanted!r}")
    return found


@pytest.mark.parametrize("capture", EXPECTED, ids=name)
def test_rows_are_as_expected(capture: Path) -> None:
    expected = json.loads((capture / "expected.json").read_text())
    rows = {row.span_id: row for row in rows_of(capture)}
    found = []
    for wanted in expected["spans"]:
        row = rows.get(wanted["span_id"])
        if row is None:
            found.append(f"no row for span {wanted['span_id']} ({wanted['name']})")
        else:
            found += [f"{wanted['name']}: {text}" for text in differences(row, wanted)]
    for column, wanted in expected.get("total", {}).items():
        total = sum(getattr(row, column) or 0 for row in rows.values())
        if not math.isclose(total, wanted, rel_tol=1e-6):
            found.append(f"total of {column}: {total!r}, expected {wanted!r}")
    if "traces" in expected:
        traces = {row.twin_of[:32] or row.trace_id for row in rows.values()}
        assert len(traces) == expected["traces"]
    for one, *others in expected.get("twins", []):
        if any(rows[other].trace_id != rows[one].trace_id for other in others):
            marks = sorted(rows[i].twin_of[33:] for i in (one, *others))
            assert marks[0] == ""
            assert set(marks[1:]) < {one, *others}
    assert not found, "\n".join(found)


@pytest.mark.parametrize("capture", CAPTURES, ids=name)
def test_nothing_is_rejected_and_every_attribute_about_agents_is_known(capture: Path) -> None:
    for result in normalised(capture):
        assert not result.rejected
        assert not result.not_understood
