"""A real Kafka, and a real Collector before it: is all that was sent stored, each once?

``python -m benchmarks.kafka.run --brokers 127.0.0.1:9092 [--otelcol PATH]`` sends spans through the
Collector's kafka exporter (or writes them to the topic itself), reads them with ``everyspan
ingest``, which is killed (kill -9) three times on the way, and counts. Exit status: 1 where a span
was lost or is shown twice. PATH: a build of the Collector with the OTLP receiver and the kafka
exporter.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clickhouse.connection import connect

ROOT = Path(__file__).resolve().parents[2]
SPANS_A_BATCH = 64
KILLS = 3
COLLECTOR = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{port}}}}}}}}}
exporters: {{kafka: {{brokers: ["{brokers}"], traces: {{topic: {topic}, encoding: otlp_proto}}}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [kafka]}}}}
"""


def batch(text: int) -> bytes:
    """Spans of ``text`` bytes each."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    trace = os.urandom(16)
    for _ in range(SPANS_A_BATCH):
        span = scope.spans.add(trace_id=trace, span_id=os.urandom(8), name="chat")
        span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
        span.attributes.add(key="gen_ai.prompt").value.string_value = os.urandom(text // 2).hex()
    return request.SerializeToString()


@contextmanager
def process(*command: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        started = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=out, stderr=out
        )
        try:
            yield started
        finally:
            started.kill()
            started.wait()


def send(data: list[bytes], topic: str, given: argparse.Namespace, folder: Path) -> None:
    """All of it is acknowledged when this returns."""
    if not given.otelcol:
        producer = Producer({"bootstrap.servers": given.brokers})
        for each in data:
            producer.produce(topic, each)
        assert producer.flush(60) == 0
        return
    config = folder / "collector.yaml"
    config.write_text(
        COLLECTOR.format(port=given.collector_port, brokers=given.brokers, topic=topic)
    )
    url = f"http://127.0.0.1:{given.collector_port}/v1/traces"
    with process(given.otelcol, "--config", str(config), log=folder / "collector.log"):
        for each in data:
            headers = {"content-type": "application/x-protobuf"}
            for _ in range(100):
                try:
                    urllib.request.urlopen(urllib.request.Request(url, each, headers), timeout=30)
                    break
                except OSError:
                    time.sleep(0.3)
        # Its queue is in memory.
        time.sleep(5)


def stored(dsn: str) -> tuple[int, int]:
    """Rows as the view has them, and spans among them."""
    client = connect(dsn)
    try:
        sql = "SELECT count(), uniqExact(trace_id, span_id) FROM everyspan.spans"
        rows, unique = client.query(sql).result_rows[0]
        return int(rows), int(unique)
    finally:
        client.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--otelcol", default="")
    parser.add_argument("--collector-port", type=int, default=14318)
    parser.add_argument("--batches", type=int, default=320)
    parser.add_argument("--text", type=int, default=1024)
    given = parser.parse_args()
    topic = f"otlp_spans_{os.urandom(3).hex()}"
    admin = AdminClient({"bootstrap.servers": given.brokers})
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(30)
    data = [batch(given.text) for _ in range(given.batches)]
    sent = len(data) * SPANS_A_BATCH
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # One that was killed is missed sooner.
        (folder / "kafka.properties").write_text("session.timeout.ms=6000\n")
        settings = {
            "EVERYSPAN_DATA": str(folder / "data"),
            "EVERYSPAN_OTLP_HTTP_PORT": "0",
            "EVERYSPAN_OTLP_GRPC_PORT": "0",
            "EVERYSPAN_KAFKA_BROKERS": given.brokers,
            "EVERYSPAN_KAFKA_TRACES_TOPIC": topic,
            "EVERYSPAN_KAFKA_LOGS_TOPIC": "",
            "EVERYSPAN_KAFKA_GROUP": topic,
            "EVERYSPAN_KAFKA_CONFIG": str(folder / "kafka.properties"),
        }
        send(data, topic, given, folder)
        dsn = f"chdb://{folder / 'data' / 'clickhouse'}"
        ingest = (sys.executable, "-m", "cli.main", "ingest")
        seen = []
        for _ in range(KILLS):
            with process(*ingest, log=folder / "ingest.log", **settings):
                before = waiting(given.brokers, topic)
                end = time.monotonic() + 120
                while waiting(given.brokers, topic) >= before and time.monotonic() < end:
                    time.sleep(0.1)
            seen.append(stored(dsn)[0])
        with process(*ingest, log=folder / "ingest.log", **settings) as last:
            end = time.monotonic() + 300
            while waiting(given.brokers, topic) and time.monotonic() < end:
                time.sleep(1)
            last.terminate()
            last.wait(60)
        rows, unique = stored(dsn)
        print(f"sent {sent}, after each kill {seen}, rows {rows}, different spans {unique}")
        if not rows == unique == sent:
            print((folder / "ingest.log").read_text()[-4000:])
        return int(not rows == unique == sent)


def waiting(brokers: str, topic: str) -> int:
    """Messages that are not committed."""
    asking = Consumer({"bootstrap.servers": brokers, "group.id": topic})
    try:
        places = [TopicPartition(topic, number) for number in range(4)]
        ends = [asking.get_watermark_offsets(place, timeout=10)[1] for place in places]
        try:
            done = [max(0, place.offset) for place in asking.committed(places, timeout=10)]
        except KafkaException:
            done = []  # a group that nobody is in yet
        return sum(ends) - sum(done)
    finally:
        asking.close()


if __name__ == "__main__":
    raise SystemExit(main())
