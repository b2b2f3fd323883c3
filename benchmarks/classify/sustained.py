"""Coverage and lag while spans come in at a steady rate for minutes.

    .venv/bin/python benchmarks/classify/sustained.py [--rate 30] [--minutes 3]

``everyspan up`` as a process of its own with nothing set but ports and data, ClickHouse, ingest,
classify and the rules in it; traces of run.py over OTLP, ``--rate`` spans a second. Every five
seconds the oldest row without verdicts is looked up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import Tracer, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402
from opentelemetry.trace import set_span_in_context  # noqa: E402
from run import traces  # noqa: E402

from classify.classifier import Trace  # noqa: E402
from tests.everyspan_up import Up, running  # noqa: E402

_KINDS = {
    "agent": "AGENT",
    "retrieval": "RETRIEVER",
    "llm": "LLM",
    "tool": "TOOL",
    "prompt": "PROMPT",
    "parser": "CHAIN",
}
_STATE = (
    "SELECT count() AS stored, countIf(verdict_version > 0) AS judged,"
    " maxIf(dateDiff('second', ingested_at, now64(3)), verdict_version = 0) AS lag FROM spans"
)


def send(tracer: Tracer, trace: Trace) -> None:
    """In OpenInference's attributes."""
    root, *steps = trace.spans
    top = tracer.start_span(root.name, attributes=_attributes(root.step_kind, root))
    for step in steps:
        with tracer.start_as_current_span(
            step.name,
            context=set_span_in_context(top),
            attributes=_attributes(step.step_kind, step),
        ):
            pass
    top.end()


def _attributes(kind: str, span: object) -> dict[str, str]:
    found = {"openinference.span.kind": _KINDS[kind]}
    for name in ("input", "output"):
        if text := getattr(span, name):
            found[f"{name}.value"] = text
    for number, document in enumerate(getattr(span, "documents", ())):
        found[f"retrieval.documents.{number}.document.content"] = document
    return found


def state(up: Up) -> tuple[int, int, int]:
    """Rows stored and judged, seconds since the oldest one that is not judged came in."""
    (row,) = up.query(_STATE)
    return int(row["stored"]), int(row["judged"]), int(row["lag"])


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=30.0, help="spans a second")
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    found = traces(int(options.rate * options.minutes * 60 / 7))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as up:
        provider = TracerProvider(resource=Resource({"service.name": "sustained"}))
        endpoint = f"http://127.0.0.1:{up.ports['otlp-http']}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        tracer = provider.get_tracer("benchmark")
        began = looked = time.monotonic()
        lags = []
        for number, trace in enumerate(found):
            send(tracer, trace)
            due = began + (number + 1) * 7 / options.rate
            time.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() - looked > 5:
                looked = time.monotonic()
                lags.append(state(up)[2])
        provider.shutdown()
        sent = sum(len(trace.spans) for trace in found)
        seconds = time.monotonic() - began
        while state(up)[:2] != (sent, sent) and time.monotonic() - began < seconds + 120:
            time.sleep(1)
        stored, judged, _ = state(up)
        caught_up = time.monotonic() - began - seconds
    print(f"{sent} spans in {seconds:.0f} s: {sent / seconds:.1f} a second")
    print(f"stored {stored}, judged {judged}: coverage {judged / max(1, stored):.2%}")
    print(f"lag: median {statistics.median(lags):.0f} s, highest {max(lags)} s")
    print(f"all judged {caught_up:.0f} s after the last span")


if __name__ == "__main__":
    main()
