"""Kafka's topics into ClickHouse: librdkafka's own mock cluster, which speaks the protocol, and the
real engine."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clickhouse.connection import connect
from ingest.kafka.client_config import KafkaError, client_config
from ingest.kafka.kafka_input import KafkaInput
from ingest.kafka.offsets import Offsets
from ingest.prepare import Body
from ingest.receiver import Receiver
from ingest.settings import IngestSettings
from ingest.storage import Storage
from tests.clickhouse.databases import engine
from tests.ingest.otlp_payloads import request, span, trace_id

kafka = pytest.importorskip("confluent_kafka")


class Cluster:
    """Three brokers of librdkafka's, which live as long as the producer that made them."""

    def __init__(self) -> None:
        self.producer = kafka.Producer(
            {"test.mock.num.brokers": 3, "bootstrap.servers": "here", "log_level": 0}
        )
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.brokers = ",".join(f"{each.host}:{each.port}" for each in brokers)

    def send(self, topic: str, *values: bytes) -> None:
        for value in values:
            self.producer.produce(topic, value)
        assert self.producer.flush(20) == 0

    def committed(self, group: str, topic: str, partitions: int = 4) -> int:
        """Sum of the group's offsets: messages that it will not read again."""
        asking = kafka.Consumer({"bootstrap.servers": self.brokers, "group.id": group})
        try:
            places = [kafka.TopicPartition(topic, number) for number in range(partitions)]
            return sum(max(each.offset, 0) for each in asking.committed(places, timeout=10))
        finally:
            asking.close()

    def read(self, topic: str) -> Any:
        """The first message of a topic."""
        options = {"group.id": "reader", "auto.offset.reset": "earliest"}
        reading = kafka.Consumer({"bootstrap.servers": self.brokers} | options)
        try:
            reading.subscribe([topic])
            return reading.poll(30)
        finally:
            reading.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.producer.flush(5)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("kafka")) as opened:
        yield opened


class Scene:
    """Topics, a group and a database of a test's own."""

    def __init__(self, cluster: Cluster, dsn: str, tmp_path: Path) -> None:
        name = os.urandom(4).hex()
        self.cluster, self.traces, self.logs = cluster, f"spans_{name}", f"logs_{name}"
        for topic in (self.traces, self.logs):
            cluster.producer.list_topics(topic, timeout=10)  # makes it
        # The mock cluster takes most of a session to share partitions out again.
        quick = tmp_path / "quick.properties"
        quick.write_text("session.timeout.ms=6000\nheartbeat.interval.ms=200\n")
        self.settings = IngestSettings(
            clickhouse_dsn=dsn,
            database=f"kafka_{name}",
            data=tmp_path,
            ingest_workers=0,
            kafka_brokers=cluster.brokers,
            kafka_traces_topic=self.traces,
            kafka_logs_topic=self.logs,
            kafka_group=f"group_{name}",
            kafka_aside_topic=f"aside_{name}",
            kafka_config=quick,
            min_free_bytes=0,
        )
        self.client = connect(dsn)

    def rows(self) -> int:
        return self._one("SELECT count() FROM {}.spans")

    def stored(self) -> int:
        """Duplicates that no merge has met yet included."""
        return self._one("SELECT count() FROM {}.spans_raw")

    def _one(self, sql: str) -> int:
        rows = self.client.query(sql.format(self.settings.database)).result_rows
        return int(rows[0][0])

    def committed(self) -> int:
        return self.cluster.committed(self.settings.kafka_group, self.traces)

    async def reading(
        self, work: Callable[[Receiver], Awaitable[None]], inputs: int = 1, **changed: Any
    ) -> None:
        """While ``inputs`` members of the group read into one receiver."""
        receiver = Receiver(self.settings.model_copy(update=changed))
        members = [KafkaInput(receiver) for _ in range(inputs)]
        await receiver.start()
        try:
            for each in members:
                each.start()
            await work(receiver)
        finally:
            for each in members:
                await each.stop()
            await receiver.stop()


@pytest.fixture
def scene(cluster: Cluster, dsn: str, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(cluster, dsn, tmp_path)
    yield made
    made.client.command(f"DROP DATABASE IF EXISTS {made.settings.database} SYNC")
    made.client.close()


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, "too long"
        await asyncio.sleep(0.05)


def batches(count: int, spans: int = 5) -> list[bytes]:
    return [
        request(*(span(trace_id()) for _ in range(spans))).SerializeToString() for _ in range(count)
    ]


def value(receiver: Receiver, name: str, **labels: str) -> float:
    return receiver.telemetry.registry.get_sample_value(name, labels) or 0.0


def test_what_the_collector_writes_is_stored_then_committed(scene: Scene) -> None:
    """otlp_proto, and otlp_json; two of the group; a message that is none in the middle, and more
    after it."""
    sent = batches(30)
    times = {"startTimeUnixNano": str(time.time_ns()), "endTimeUnixNano": str(time.time_ns())}
    spans = [
        {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "step"} | times
        for _ in range(2)
    ]
    told = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    poison = [b"\x00no request", b"", b"{}x", b"\xff" * 200]
    scene.cluster.send(scene.traces, *sent[:15], *poison, told.encode(), *sent[15:])

    async def work(receiver: Receiver) -> None:
        await until(lambda: scene.rows() == 152)
        aside = "everyspan_ingest_kafka_set_aside_total"
        await until(lambda: value(receiver, aside, topic=scene.traces) >= len(poison))
        await until(lambda: scene.committed() == 35)
        lag = "everyspan_ingest_kafka_lag_messages"
        await until(lambda: value(receiver, lag, topic=scene.traces) == 0)

    asyncio.run(scene.reading(work, inputs=2))
    # A machine that is busy may lose its place in the group, and read some of it again.
    assert scene.rows() == 152
    assert scene.stored() >= 152
    copied = scene.cluster.read(scene.settings.kafka_aside_topic)
    assert copied.value() in (*poison, None)
    headers = dict(copied.headers())
    assert headers["everyspan-topic"] == scene.traces.encode()
    assert headers["everyspan-reason"]


def test_nothing_is_committed_before_it_is_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ClickHouse refuses everything, while more comes than may be at work, and the service stops
    meanwhile; then it takes it."""
    away = True
    real = Storage.insert

    def insert(self: Storage, table: str, blocks: Sequence[bytes]) -> None:
        if away:
            raise OSError("connection refused")
        real(self, table, blocks)

    monkeypatch.setattr(Storage, "insert", insert)
    monkeypatch.setattr("ingest.kafka.kafka_input._AT_WORK", 8)
    monkeypatch.setattr("ingest.kafka.kafka_input._LAST_RETRY_SECONDS", 1.0)
    scene.cluster.send(scene.traces, *batches(40))
    name = "everyspan_ingest_requests_total"
    refused = {"signal": "traces", "transport": "kafka", "status": "503"}

    async def refusing(receiver: Receiver) -> None:
        await until(lambda: value(receiver, name, **refused) >= 8)

    asyncio.run(scene.reading(refusing))
    assert scene.committed() == 0

    async def work(receiver: Receiver) -> None:
        nonlocal away
        await until(lambda: value(receiver, name, **refused) >= 20)
        assert scene.committed() == 0
        assert receiver.telemetry.pending_bytes._value.get() < 1 << 20
        away = False
        await until(lambda: scene.rows() == 200)
        await until(lambda: scene.committed() == 40)

    asyncio.run(scene.reading(work))
    assert scene.rows() == 200


def test_what_was_stored_and_not_committed_is_read_again_and_is_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9 between an insert and its commit."""
    scene.cluster.send(scene.traces, *batches(10))
    with monkeypatch.context() as patch:
        patch.setattr(KafkaInput, "_commit", lambda *_: None)

        async def killed(receiver: Receiver) -> None:
            await until(lambda: scene.rows() == 50)

        asyncio.run(scene.reading(killed))
    assert scene.committed() == 0

    async def again(receiver: Receiver) -> None:
        await until(lambda: scene.committed() == 10)

    asyncio.run(scene.reading(again))
    assert scene.rows() == 50


def test_what_nobody_foresaw_is_set_aside_and_holds_nothing_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = batches(4)
    real = Receiver.receive

    async def receive(self: Receiver, body: Body, *more: Any) -> Any:
        if body.data == first:
            raise RuntimeError("a fault of ours")
        return await real(self, body, *more)

    monkeypatch.setattr(Receiver, "receive", receive)
    monkeypatch.setattr("ingest.kafka.kafka_input._FIRST_RETRY_SECONDS", 0.05)
    scene.cluster.send(scene.traces, first, *others)

    async def work(receiver: Receiver) -> None:
        await until(lambda: scene.committed() == 4)

    asyncio.run(scene.reading(work))
    assert scene.rows() == 15
    copied = scene.cluster.read(scene.settings.kafka_aside_topic)
    assert copied.value() == first
    assert dict(copied.headers())["everyspan-reason"] == b"RuntimeError: a fault of ours"


def test_log_records_come_by_their_own_topic(scene: Scene) -> None:
    trace = trace_id()
    scene.cluster.send(scene.traces, request(span(trace, span_id=b"12345678")).SerializeToString())
    record = {
        "timeUnixNano": str(time.time_ns()),
        "traceId": trace.hex(),
        "spanId": b"12345678".hex(),
        "eventName": "gen_ai.user.message",
        "body": {
            "kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "SH-123"}}]}
        },
    }
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    scene.cluster.send(scene.logs, json.dumps(logs).encode())

    async def work(receiver: Receiver) -> None:
        await until(lambda: scene._one("SELECT count() FROM {}.span_content") == 1)
        await until(lambda: scene.rows() == 1)

    # The rules of that project, too.
    rules = scene.settings.data / "privacy.toml"
    rules.write_text("[projects.shop.patterns]\nnumber = 'SH-\\d+'\n")
    asyncio.run(scene.reading(work, kafka_project="shop", privacy_file=str(rules)))
    assert scene._one("SELECT countIf(project = 'shop') FROM {}.spans") == 1
    assert scene._one("SELECT countIf(attributes LIKE '%[number]%') FROM {}.span_content") == 1


def test_offsets_wait_for_the_first_that_is_not_done() -> None:
    offsets = Offsets()
    for offset in (5, 6, 9, 10):  # 7 and 8 are a transaction's marks
        offsets.begin(offset)
    offsets.end(6)
    offsets.end(9)
    assert offsets.to_commit() is None
    offsets.end(5)
    assert (offsets.to_commit(), offsets.waiting) == (10, 1)
    offsets.committed(10)
    assert offsets.to_commit() is None
    offsets.end(10)
    offsets.end(10)
    assert (offsets.to_commit(), offsets.waiting) == (11, 0)


def test_properties_come_from_a_file_and_ours_stay_ours(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("# SASL\nsecurity.protocol = SASL_SSL\nsasl.password=a=b\n\n")
    settings = IngestSettings(kafka_brokers="b:9092", kafka_config=path)
    config = client_config(settings)
    assert (config["security.protocol"], config["sasl.password"]) == ("SASL_SSL", "a=b")
    assert config["enable.auto.commit"] is False
    for text, told in (
        ("enable.auto.commit=true", "enable.auto.commit is not yours to set"),
        ("group.id=x", "EVERYSPAN_KAFKA_GROUP"),
        ("sasl.password", "sasl.password' has no value"),
    ):
        path.write_text(text)
        with pytest.raises(KafkaError, match=told):
            client_config(settings)
    with pytest.raises(KafkaError, match="can't be read"):
        client_config(settings.model_copy(update={"kafka_config": tmp_path / "none"}))


def test_a_property_that_kafka_does_not_know_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("no.such.property=1\n")

    async def start() -> None:
        settings = IngestSettings(kafka_brokers="127.0.0.1:1", kafka_config=path, data=tmp_path)
        KafkaInput(Receiver(settings)).start()

    with pytest.raises(KafkaError, match=r"no\.such\.property"):
        asyncio.run(start())


def test_without_a_topic_there_is_nothing_to_read(tmp_path: Path) -> None:
    settings = IngestSettings(
        kafka_brokers="b:1", kafka_traces_topic="", kafka_logs_topic="", data=tmp_path
    )
    with pytest.raises(KafkaError, match="EVERYSPAN_KAFKA_TRACES_TOPIC"):
        KafkaInput(Receiver(settings))
