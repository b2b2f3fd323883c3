"""The same traces to a running Everyspan, in OpenInference's words over OTLP, to see what alerts.

    everyspan up                                    # in another terminal
    python benchmarks/healthy/send.py [--to http://127.0.0.1:4318] [--rate 20]

Start times are now; `everyspan status` and the alert list then say what fired.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from benchmarks.healthy.run import Row, add_source_options, rows_of  # noqa: E402
from clickhouse.span import Span  # noqa: E402

_KINDS = {"agent": "AGENT", "retrieval": "RETRIEVER", "tool": "TOOL", "llm": "LLM"}
_SECOND = 10**9


def body(rows: list[Row], session: str) -> dict[str, Any]:
    """One trace as OTLP/JSON, ending now."""
    end = time.time_ns()
    spans = [_span(row.subject.span, end, len(rows) - at, session) for at, row in enumerate(rows)]
    service = {"key": "service.name", "value": {"stringValue": f"healthy-{rows[0].kind}"}}
    scope = {"scope": {"name": "healthy"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [scope]}]}


def _span(span: Span, end: int, back: int, session: str) -> dict[str, Any]:
    said = {
        "openinference.span.kind": _KINDS[span.step_kind],
        "input.value": span.input,
        "output.value": span.output,
        "session.id": session,
        "tool.name": span.tool_name,
    }
    said |= {
        f"retrieval.documents.{number}.document.content": document
        for number, document in enumerate(span.documents)
    }
    root = not span.parent_span_id
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": str(end - (100 if root else back) * _SECOND // 100),
        "endTimeUnixNano": str(end if root else end - (back - 1) * _SECOND // 100),
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in said.items() if value
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_source_options(parser)
    parser.add_argument("--to", default="http://127.0.0.1:4318")
    parser.add_argument("--rate", type=float, default=20.0, help="traces a second")
    given = parser.parse_args()
    traces: dict[str, list[Row]] = {}
    for row in rows_of(given):
        traces.setdefault(row.subject.span.trace_id, []).append(row)
    for number, rows in enumerate(traces.values(), 1):
        first = (*rows[0].subject.trace.session, rows[0].subject.trace)[0]
        data = json.dumps(body(rows, first.root.trace_id)).encode()
        request = urllib.request.Request(
            f"{given.to}/v1/traces", data, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).read()
        if number % 100 == 0:
            print(f"{number} of {len(traces)}", flush=True)
        time.sleep(1 / given.rate)


if __name__ == "__main__":
    main()
