"""Trace and span ids that come again: stored, counted, told of, and found by a person."""

from __future__ import annotations

import subprocess
import sys
import time

from ingest.known_ids import KnownIds
from ingest.limits import ContentLimits
from ingest.normalise import normalise
from tests.everyspan_up import ROOT, Up
from tests.ingest.otlp_payloads import request, span, trace_id

# Plain OpenTelemetry, whose generator draws from the global random.
SEEDED = """
import random, sys
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
random.seed(42)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(sys.argv[1])))
tracer = provider.get_tracer("seeded")
for number in range(5):
    with tracer.start_as_current_span("agent") as top:
        with tracer.start_as_current_span("chat") as call:
            call.set_attribute("gen_ai.operation.name", "chat")
            call.set_attribute("gen_ai.usage.input_tokens", 7)
print(f"{top.get_span_context().trace_id:032x}")
provider.shutdown()
"""


def fingerprints(*bodies: bytes) -> list[int]:
    found = []
    for body in bodies:
        message = request(span(b"\x01" * 16)).FromString(body)
        rows = normalise(
            message, now=time.time_ns(), retention_days=30, limits=ContentLimits()
        ).spans
        found += [row.fingerprint for row in rows]
    return found


def test_the_same_span_has_the_same_fingerprint_each_time_it_is_sent() -> None:
    one = span(b"\x01" * 16, name="chat")
    body = request(one).SerializeToString()
    first, again = fingerprints(body, body)
    assert first == again != 0
    one.name = "other"
    assert fingerprints(request(one).SerializeToString()) != [first]


def test_a_span_without_a_start_has_the_same_fingerprint_when_it_is_sent_again() -> None:
    one = span(b"\x01" * 16)
    one.start_time_unix_nano = one.end_time_unix_nano = 0
    body = request(one).SerializeToString()
    first = fingerprints(body)
    time.sleep(0.01)
    assert fingerprints(body) == first


def test_known_ids() -> None:
    known = KnownIds(remembered=2)
    assert known.reused([1, 2], [10, 20]) == 0
    assert known.reused([1], [10]) == 0
    assert known.reused([1, 2], [11, 20]) == 1
    # Older ones are forgotten, two generations back.
    assert known.reused([3, 4, 5], [1, 1, 1]) == 0
    assert known.reused([6, 7, 8], [1, 1, 1]) == 0
    assert known.reused([1], [12]) == 0


def test_every_run_of_a_program_that_seeds_random_is_there(up: Up) -> None:
    url = f"http://127.0.0.1:{up.ports['otlp-http']}/v1/traces"
    runs = [
        subprocess.run(
            [sys.executable, "-c", SEEDED, url], check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(3)
    ]
    assert len(set(runs)) == 1, "the runs have the same ids"
    deadline = time.monotonic() + 60
    while True:
        rows = up.spans(runs[0], "name, id_reuse, input_tokens, verdict_version")
        if len(rows) == 6 and all(row["verdict_version"] for row in rows):
            break
        assert time.monotonic() < deadline, rows
        time.sleep(0.3)
    assert sorted((row["name"], row["id_reuse"]) for row in rows) == [
        (name, number) for name in ("agent", "chat") for number in range(3)
    ]
    assert sum(row["input_tokens"] or 0 for row in rows) == 21
    metrics = up.request("GET", "/metrics").body.decode()
    assert "everyspan_ingest_reused_ids_total 20.0" in metrics
    assert "random.seed" in (up.data.parent / f"{up.data.name}.log").read_text()

    shown = subprocess.run(
        [
            sys.executable,
            "-m",
            "cli.main",
            "trace",
            runs[0],
            f"--clickhouse-port={up.ports['clickhouse']}",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert [line.split(" of ")[0] for line in shown.splitlines() if line.startswith("run ")] == [
        "run 1",
        "run 2",
        "run 3",
    ]
    assert shown.count("2 steps") == 3


def test_other_content_at_the_same_start_is_kept(up: Up) -> None:
    trace = trace_id()
    target = span(trace, name="chat", attributes={"input.value": "first"})
    assert up.post("/v1/traces", request(target).SerializeToString()).status == 200
    target.attributes[0].value.string_value = "second"
    for _ in range(2):
        assert up.post("/v1/traces", request(target).SerializeToString()).status == 200
    rows = up.spans(trace.hex(), "input")
    assert sorted(row["input"] for row in rows) == ["first", "second"]
