"""A real OpenTelemetry Collector in front of ingest: is all that was sent stored, each once?

``python benchmarks/collector/run.py --otelcol PATH [--only TEXT]`` runs each protocol and
compression against an ingest that is well, away at first, killed in the midst (kill -9), and short
of room (429). PATH: any build of the Collector with OTLP in and out, such as ``builder`` makes of
its Go modules. Exit status: the number of cases in which something was lost or stored twice.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).resolve().parents[2]
#: What ingest takes of a Collector (docs/moving.md); "" is no compression.
COMPRESSIONS = {"http": ("gzip", "zstd", "snappy", "none"), "grpc": ("gzip", "none")}
TROUBLES = ("none", "away", "killed", "throttled")
SPANS_A_BATCH = 512
#: Room for a few batches at once.
THROTTLED = {"EVERYSPAN_MAX_PENDING_BYTES": str(4 << 20)}
_LONGEST_SECONDS = 300.0


@dataclass(slots=True, frozen=True)
class Case:
    """``spans`` of ``text`` bytes each, in batches of the Collector of ``batch`` spans."""

    protocol: str
    compression: str
    trouble: str
    spans: int = 10_240
    text: int = 1024
    batch: int = 2048

    @property
    def name(self) -> str:
        return f"{self.protocol} {self.compression} {self.trouble} {self.batch}x{self.text}"


@dataclass(slots=True, frozen=True)
class Outcome:
    """``rows``: as the view has them; ``unique``: spans among them."""

    sent: int
    rows: int
    unique: int
    seconds: float
    refused: int

    @property
    def whole(self) -> bool:
        """Each once."""
        return self.sent == self.rows == self.unique


def cases() -> Iterator[Case]:
    """All of them; the last sends batches of 147 MB."""
    for protocol, compressions in COMPRESSIONS.items():
        for compression in compressions:
            for trouble in TROUBLES:
                yield Case(protocol, compression, trouble)
    yield Case("http", "gzip", "none", spans=49_152, text=6_000, batch=24_576)
    yield Case("grpc", "gzip", "none", spans=16_384, text=6_000, batch=8_192)


def run(case: Case, otelcol: Path, directory: Path) -> Outcome:
    """Send through a Collector of its own to an ingest of its own."""
    began = time.monotonic()
    ports = {name: _port() for name in ("http", "grpc", "collector", "metrics")}
    settings = THROTTLED if case.trouble == "throttled" else {}

    def start() -> subprocess.Popen[bytes]:
        return _start(_ingest(directory, ports), directory / "ingest.log", settings)

    ingest = None if case.trouble == "away" else start()
    try:
        if ingest is not None:
            _wait(lambda: _ready(ports["http"]))
        with _collector(case, otelcol, directory, ports):
            half = case.spans // 2
            _send(ports["collector"], 0, half, case.text)
            if case.trouble == "killed" and ingest is not None:
                os.killpg(ingest.pid, signal.SIGKILL)
                ingest.wait()
                ingest = None
            _send(ports["collector"], half, case.spans, case.text)
            if ingest is None:
                time.sleep(2)
                ingest = start()
            _wait(lambda: _sent(ports["metrics"]) >= case.spans)
            refused = _refused(ports["http"])
    finally:
        if ingest is not None:
            ingest.terminate()
            ingest.wait(60)
    rows, unique = _stored(directory)
    return Outcome(case.spans, rows, unique, time.monotonic() - began, refused)


def _ingest(directory: Path, ports: dict[str, int]) -> list[str]:
    return [
        sys.executable,
        "-m",
        "cli.main",
        "ingest",
        f"--data={directory}",
        f"--otlp-http-port={ports['http']}",
        f"--otlp-grpc-port={ports['grpc']}",
    ]


@contextmanager
def _collector(
    case: Case, otelcol: Path, directory: Path, ports: dict[str, int]
) -> Iterator[subprocess.Popen[bytes]]:
    where = {
        "http": f"http://127.0.0.1:{ports['http']}",
        "grpc": f"127.0.0.1:{ports['grpc']}",
    }[case.protocol]
    exporter = {"http": "otlphttp", "grpc": "otlp"}[case.protocol]
    (directory / "collector.yaml").write_text(
        f"""
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{ports["collector"]}",
    max_request_body_size: 0}}}}}}
processors:
  batch: {{send_batch_size: {case.batch}, send_batch_max_size: {case.batch}, timeout: 1s}}
exporters:
  {exporter}:
    endpoint: "{where}"
    {"tls: {insecure: true}" if case.protocol == "grpc" else ""}
    compression: {case.compression}
    timeout: 15s
    sending_queue: {{num_consumers: 4, queue_size: 1000}}
    retry_on_failure: {{initial_interval: 500ms, max_interval: 2s, max_elapsed_time: 0}}
service:
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1,
      port: {ports["metrics"]}}}}}}}}}]}}
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [{exporter}]}}
"""
    )
    config = directory / "collector.yaml"
    command = [str(otelcol), f"--config={config}"]
    process = _start(command, directory / "collector.log", {})
    try:
        _wait(lambda: _open(ports["collector"]))
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _start(command: list[str], log: Path, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERYSPAN_")}
    with log.open("ab") as to:
        return subprocess.Popen(
            command, cwd=ROOT, env=clean | settings, stdout=to, stderr=to, start_new_session=True
        )


def _send(port: int, first: int, last: int, text: int) -> None:
    """Spans of those numbers, 512 at a time, again where the Collector has no room."""
    now = time.time_ns()
    for start in range(first, last, SPANS_A_BATCH):
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        for number in range(start, min(start + SPANS_A_BATCH, last)):
            span = spans.add()
            span.trace_id = (number // 8 + 1).to_bytes(16, "big")
            span.span_id = (number + 1).to_bytes(8, "big")
            span.name = "chat"
            span.start_time_unix_nano = now
            span.end_time_unix_nano = now + 10**6
            attribute = span.attributes.add(key="gen_ai.prompt")
            # Random, so that a batch is as large when it is compressed.
            attribute.value.string_value = os.urandom(text // 2).hex()
        body = request.SerializeToString()
        while not _taken(port, body):
            time.sleep(0.2)


def _taken(port: int, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _metric(port: int, name: str, *without: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith(name) and not any(text in line for text in without)
    )


def _sent(port: int) -> float:
    return _metric(port, "otelcol_exporter_sent_spans")


def _refused(port: int) -> int:
    return int(_metric(port, "everyspan_ingest_requests_total", 'status="200"', 'status="OK"'))


def _stored(directory: Path) -> tuple[int, int]:
    code = (
        "import sys; from clickhouse.connection import connect;"
        "print(*connect(sys.argv[1]).query("
        "'SELECT count(), uniqExact(trace_id, span_id) FROM everyspan.spans').result_rows[0])"
    )
    dsn = f"chdb://{directory / 'clickhouse'}"
    out = subprocess.run(
        [sys.executable, "-c", code, dsn], cwd=ROOT, check=True, capture_output=True, text=True
    )
    rows, unique = out.stdout.split()
    return int(rows), int(unique)


def _port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONGEST_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {_LONGEST_SECONDS:.0f} s")
        time.sleep(0.2)


def main() -> int:
    """The number of cases that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--otelcol", type=Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    failed = 0
    print("| case | sent | rows | unique | refused | seconds |\n|---|---:|---:|---:|---:|---:|")
    for case in cases():
        if options.only not in case.name:
            continue
        with tempfile.TemporaryDirectory() as directory:
            try:
                found = run(case, options.otelcol.resolve(), Path(directory))
            except TimeoutError as error:
                print(f"| {case.name} | {error} | | | | |", flush=True)
                failed += 1
                continue
        failed += not found.whole
        numbers = (found.sent, found.rows, found.unique, found.refused, round(found.seconds))
        print(f"| {case.name} | {' | '.join(map(str, numbers))} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
