"""Traces of four spans, as OTLP: an agent, a retrieval, a model's answer, a tool."""

from __future__ import annotations

import json
import time
from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.classify.run import text


def request(traces: int, kilobytes: float, rng: Random) -> tuple[bytes, int, int]:
    """``kilobytes``: text of a span, in the mean. Returns an export request, its spans, and the
    bytes of text in them."""
    export = ExportTraceServiceRequest()
    resource = export.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = resource.scope_spans.add()
    share = int(4 * kilobytes * 1024)
    now = time.time_ns() - 60 * 10**9
    texts = spans = 0
    for _ in range(traces):
        trace = rng.randbytes(16)
        question, answer = text(rng, share // 10), text(rng, share // 5)
        documents = [text(rng, share // 10) for _ in range(3)]
        result = text(rng, share // 10)
        steps: list[tuple[str, dict[str, str]]] = [
            ("invoke_agent shop", {"gen_ai.operation.name": "invoke_agent"}),
            (
                "search",
                {
                    "openinference.span.kind": "RETRIEVER",
                    "input.value": question,
                    **{
                        f"retrieval.documents.{n}.document.content": each
                        for n, each in enumerate(documents)
                    },
                },
            ),
            (
                "chat",
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "gpt-4.1-mini",
                    "gen_ai.input.messages": _messages(("user", question), ("user", documents[0])),
                    "gen_ai.output.messages": _messages(("assistant", answer)),
                },
            ),
            (
                "execute_tool order",
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.call.arguments": json.dumps({"order": rng.randint(1, 10**6)}),
                    "gen_ai.tool.call.result": result,
                },
            ),
        ]
        root = rng.randbytes(8)
        for number, (name, attributes) in enumerate(steps):
            span = scope.spans.add(
                trace_id=trace,
                span_id=rng.randbytes(8) if number else root,
                parent_span_id=root if number else b"",
                name=name,
                start_time_unix_nano=now + number * 10**6,
                end_time_unix_nano=now + (number + 1) * 10**6,
            )
            for key, value in attributes.items():
                span.attributes.add(key=key).value.string_value = value
                texts += len(value)
            spans += 1
    return export.SerializeToString(), spans, texts


def _messages(*said: tuple[str, str]) -> str:
    return json.dumps(
        [{"role": role, "parts": [{"type": "text", "content": each}]} for role, each in said]
    )
