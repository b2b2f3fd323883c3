"""Reads export requests from topics and stores them: at least once, and exact after deduplication.

A message's offset is committed once ClickHouse has its rows. What was stored and not committed is
read again after a stop, and is the same rows again, which replace themselves. One that can never be
stored is set aside: counted, logged, and copied to a topic where one is set. It holds nothing up.
What can't be stored now is tried again for as long as it takes; meanwhile no more is fetched.

librdkafka fetches and keeps its place in the group in threads of its own; one thread of ours polls,
pauses and commits. Requests go through the same receiver as those of HTTP and gRPC.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ingest.kafka.client_config import KafkaError, client_config
from ingest.kafka.offsets import Offsets
from ingest.otlp import Encoding, Signal
from ingest.prepare import Body
from ingest.receiver import Receiver
from ingest.refusal import Refusal, Refused
from service.keys import DEFAULT, Key, Who

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, Producer, TopicPartition

log = logging.getLogger(__name__)

#: Messages at work at a time: enough to fill inserts.
_AT_WORK = 256
_POLL_SECONDS = 0.1
_COMMIT_SECONDS = 1.0
_LAG_SECONDS = 5.0
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.5, 15.0
_ROOM_SECONDS = 5.0
#: Tries of a message whose request raises what nobody foresaw.
_SURPRISES = 3
#: For a copy to the topic of what is set aside, and for what is at work when partitions leave.
_PATIENCE_SECONDS = 10.0
_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the message is larger than EVERYSPAN_MAX_BODY_BYTES"
)
_EMPTY = Refusal(HTTPStatus.BAD_REQUEST, "the message is empty")

Place = tuple[str, int]


class KafkaInput:
    """For one ``receiver``, on its event loop. Raises KafkaError at construction."""

    def __init__(self, receiver: Receiver) -> None:
        try:
            from confluent_kafka import Consumer, Producer
        except ImportError as error:
            raise KafkaError(
                "EVERYSPAN_KAFKA_BROKERS is set, and the library for Kafka is not there; run"
                " pip install 'everyspan-server[kafka]'"
            ) from error
        settings = receiver.settings
        self._receiver = receiver
        self._config = client_config(settings)
        topics: dict[str, Signal] = {
            settings.kafka_traces_topic: "traces",
            settings.kafka_logs_topic: "logs",
        }
        self._signals = {topic: signal for topic, signal in topics.items() if topic}
        if not self._signals:
            raise KafkaError(
                "no topic to read; set EVERYSPAN_KAFKA_TRACES_TOPIC or EVERYSPAN_KAFKA_LOGS_TOPIC"
            )
        self._make_consumer, self._make_producer = Consumer, Producer
        self._aside_topic = settings.kafka_aside_topic
        project = "" if settings.kafka_project == DEFAULT else settings.kafka_project
        self._who = Who(Key("kafka", project, "kafka", frozenset({"write"})))
        self._consumer: Consumer | None = None
        self._producer: Producer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._offsets: dict[Place, Offsets] = {}
        #: Of each partition, how often it came and went: what was begun before is nobody's now.
        self._turn: dict[Place, int] = defaultdict(int)
        self._at_work = 0
        self._paused = False
        self._trouble = ""

    @property
    def degraded(self) -> Sequence[str]:
        """What keeps it from reading, in a sentence."""
        return [f"Kafka: {self._trouble}"] if self._trouble else []

    def start(self) -> None:
        """Join the group, in a thread of its own. Raises KafkaError."""
        from confluent_kafka import KafkaException

        self._loop = asyncio.get_running_loop()
        try:
            self._consumer = self._make_consumer(self._config | {"error_cb": self._say})
            self._consumer.subscribe(
                list(self._signals), on_revoke=self._revoked, on_lost=self._lost
            )
            if self._aside_topic:
                wanted = ("bootstrap.servers", "security.", "sasl.", "ssl.", "logger")
                shared = {k: v for k, v in self._config.items() if k.startswith(wanted)}
                self._producer = self._make_producer(shared)
        except (KafkaException, ValueError, TypeError) as error:
            raise KafkaError(
                f"Kafka: {error}; see EVERYSPAN_KAFKA_BROKERS and EVERYSPAN_KAFKA_CONFIG"
            ) from error
        self._thread = threading.Thread(target=self._run, name="kafka", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Take no more, store what was taken, commit, leave the group."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _run(self) -> None:
        assert self._consumer is not None
        consumer = self._consumer
        commit_at = lag_at = time.monotonic()
        try:
            while not self._stopping.is_set():
                message = consumer.poll(_POLL_SECONDS)
                if message is not None:
                    self._take(message)
                self._keep_pace(consumer)
                now = time.monotonic()
                if now >= commit_at:
                    self._commit(consumer)
                    commit_at = now + _COMMIT_SECONDS
                if now >= lag_at:
                    self._tell_lag(consumer)
                    lag_at = now + _LAG_SECONDS
            self._wait_for_work(None)
            self._commit(consumer)
        except Exception:
            log.exception("Kafka is no longer read")
            self._trouble = "no longer read, see the log; restart the service"
        finally:
            consumer.close()
            if self._producer is not None:
                self._producer.flush(_PATIENCE_SECONDS)

    def _take(self, message: Message) -> None:
        assert self._loop is not None
        if error := message.error():
            self._say(error)
            return
        self._trouble = ""
        place, offset = _place(message), message.offset()
        assert offset is not None
        with self._lock:
            self._offsets.setdefault(place, Offsets()).begin(offset)
            self._at_work += 1
            turn = self._turn[place]
        work = asyncio.run_coroutine_threadsafe(self._store(message), self._loop)
        work.add_done_callback(lambda work: self._ended(work, place, offset, turn))

    def _ended(self, work: Future[None], place: Place, offset: int, turn: int) -> None:
        """What ended unstored stays open: neither it nor what came after it is committed."""
        is_done = not work.cancelled() and work.exception() is None
        with self._lock:
            self._at_work -= 1
            known = self._offsets.get(place)
            if is_done and self._turn[place] == turn and known is not None:
                known.end(offset)

    async def _store(self, message: Message) -> None:
        """Until it is stored, or set aside. Ends unstored only when the service stops: then its
        offset is not committed."""
        topic, data = message.topic() or "", message.value() or b""
        signal = self._signals[topic]
        wait, surprises = _FIRST_RETRY_SECONDS, 0
        while True:
            try:
                await self._receive(signal, data)
            except Refused as refused:
                refusal = refused.refusal
                self._count(signal, refusal.status)
                if refusal.retry_after is None:
                    await self._set_aside(message, refusal.message)
                    return
                if self._stopping.is_set():
                    raise
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LAST_RETRY_SECONDS)
            except Exception as error:
                # Ours to mend. It must not keep what comes after it from being stored.
                surprises += 1
                self._count(signal, HTTPStatus.INTERNAL_SERVER_ERROR)
                log.exception("not stored: topic %s, offset %s", topic, message.offset())
                if surprises == _SURPRISES:
                    await self._set_aside(message, f"{type(error).__name__}: {error}")
                    return
                if self._stopping.is_set():
                    raise
                await asyncio.sleep(wait)
            else:
                self._count(signal, HTTPStatus.OK)
                return

    async def _receive(self, signal: Signal, data: bytes) -> None:
        receiver = self._receiver
        if not data:
            raise Refused(_EMPTY)
        if len(data) > receiver.settings.max_body_bytes:
            raise Refused(_TOO_LARGE)
        held = receiver.account.open()
        # Over the limit it waits for its turn, and with it what would be fetched next.
        await receiver.account.until_fits(held, len(data), _ROOM_SECONDS)
        await receiver.receive(Body(signal, _encoding(data), "", data), held, self._who)

    def _count(self, signal: Signal, status: int) -> None:
        self._receiver.telemetry.requests.labels(signal, "kafka", int(status)).inc()

    async def _set_aside(self, message: Message, reason: str) -> None:
        """What can never be stored."""
        topic = message.topic() or ""
        self._receiver.telemetry.set_aside.labels(topic).inc()
        log.error(
            "set aside: topic %s, partition %s, offset %s: %s",
            topic, message.partition(), message.offset(), reason,
        )  # fmt: skip
        if self._producer is None:
            return
        headers: list[tuple[str, str | bytes | None]] = [
            ("everyspan-reason", reason.encode()),
            ("everyspan-topic", topic.encode()),
            ("everyspan-partition", str(message.partition()).encode()),
            ("everyspan-offset", str(message.offset()).encode()),
        ]
        try:
            await asyncio.to_thread(self._copy, message, headers)
        except Exception as error:
            log.error("it was not copied to %s: %s", self._aside_topic, error)

    def _copy(self, message: Message, headers: Any) -> None:
        assert self._producer is not None
        self._producer.produce(
            self._aside_topic, value=message.value(), key=message.key(), headers=headers
        )
        if self._producer.flush(_PATIENCE_SECONDS):
            raise TimeoutError(f"not taken within {_PATIENCE_SECONDS:g} s")

    def _keep_pace(self, consumer: Consumer) -> None:
        """No more is fetched while enough is at work; the group still hears of us."""
        with self._lock:
            at_work = self._at_work
        if at_work >= _AT_WORK:
            # Once more where it is so already: partitions that came since are not paused.
            consumer.pause(consumer.assignment())
            self._paused = True
        elif self._paused and at_work <= _AT_WORK // 2:
            consumer.resume(consumer.assignment())
            self._paused = False

    def _commit(self, consumer: Consumer, places: set[Place] | None = None) -> None:
        """What is done, of these partitions, or of all."""
        from confluent_kafka import KafkaException, TopicPartition

        with self._lock:
            wanted = {
                place: offset
                for place, known in self._offsets.items()
                if (places is None or place in places) and (offset := known.to_commit()) is not None
            }
        if not wanted:
            return
        partitions = [TopicPartition(*place, offset) for place, offset in wanted.items()]
        try:
            consumer.commit(offsets=partitions, asynchronous=False)
        except KafkaException as error:
            # Stored all the same: it is read again, and is the same rows.
            log.warning("Kafka: offsets are not committed yet: %s", error)
            return
        with self._lock:
            for place, offset in wanted.items():
                if (known := self._offsets.get(place)) is not None:
                    known.committed(offset)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """They go to another of the group: it should read little again."""
        places = {(each.topic, each.partition) for each in partitions}
        self._wait_for_work(places)
        self._commit(consumer, places)
        self._forget(places)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget({(each.topic, each.partition) for each in partitions})

    def _forget(self, places: set[Place]) -> None:
        with self._lock:
            for place in places:
                self._offsets.pop(place, None)
                self._turn[place] += 1

    def _wait_for_work(self, places: set[Place] | None) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            with self._lock:
                known = [o for place, o in self._offsets.items() if not places or place in places]
                if not self._at_work or not any(each.waiting for each in known):
                    return
            time.sleep(0.02)

    def _tell_lag(self, consumer: Consumer) -> None:
        """Messages that wait, by topic, as far as the brokers have said."""
        lag: dict[str, int] = dict.fromkeys(self._signals, 0)
        for each in consumer.position(consumer.assignment()):
            with self._lock:
                known = self._offsets.get((each.topic, each.partition))
                waiting = known.waiting if known is not None else 0
            low, high = consumer.get_watermark_offsets(each, cached=True) or (-1, -1)
            at = each.offset if each.offset >= 0 else max(low, 0)
            lag[each.topic] += waiting + max(0, high - at)
        for topic, messages in lag.items():
            self._receiver.telemetry.kafka_lag.labels(topic).set(messages)

    def _say(self, error: Any) -> None:
        """Of librdkafka: brokers that are away, topics that are not there. It tries again."""
        told = str(error)
        if told != self._trouble:
            log.warning("Kafka: %s", told)
        self._trouble = told


def _place(message: Message) -> Place:
    return message.topic() or "", message.partition() or 0


def _encoding(data: bytes) -> Encoding:
    """No export request in protobuf begins with a brace: it would be a group, which there is none
    of. So `otlp_proto` and `otlp_json` are told apart."""
    return "json" if data[:1] == b"{" else "protobuf"
