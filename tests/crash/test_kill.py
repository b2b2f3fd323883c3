"""kill -9 at any moment: what was acknowledged is stored once, and in the end judged."""

from __future__ import annotations

import http.client
import random
import threading
import time
from pathlib import Path

import pytest

from tests.everyspan_up import running
from tests.ingest.otlp_payloads import request, span, trace_id

SENDERS = 16
SPANS_A_TRACE = 12
# Each kill comes when so many more requests were acknowledged, however long that takes, and then
# a moment later: in the middle of the traffic on a slow machine as on a quick one.
REQUESTS_BETWEEN_KILLS = (16, 160)
MOMENT_SECONDS = 0.3


class Sender(threading.Thread):
    """Sends traces in two parts, the second late and after the first in half of them, and sends
    again until it is told that they are stored, as an exporter does."""

    def __init__(self, port: int, stop: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.stop = stop
        self.random = random.Random(seed)
        self.acknowledged: dict[str, set[str]] = {}
        self.answered = 0
        self.retries = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            late: list[tuple[str, list[bytes], bytes]] = []
            while not self.stop.is_set():
                trace = trace_id()
                spans = [span(trace, name=f"step {i}") for i in range(SPANS_A_TRACE)]
                for child in spans[1:]:
                    child.parent_span_id = spans[0].span_id
                cut = self.random.randint(1, SPANS_A_TRACE - 1)
                first, second = spans[:cut], spans[cut:]
                if self.random.random() < 0.5:
                    first, second = second, first
                self.send(
                    trace.hex(), [s.span_id for s in first], request(*first).SerializeToString()
                )
                late.append(
                    (trace.hex(), [s.span_id for s in second], request(*second).SerializeToString())
                )
                if len(late) > 20:
                    self.send(*late.pop(self.random.randrange(len(late))))
            for part in late:
                self.send(*part)
        except BaseException as error:
            self.failure = error

    def send(self, trace: str, ids: list[bytes], body: bytes) -> None:
        """Until it is acknowledged."""
        deadline = time.monotonic() + 150
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=12)
                connection.request(
                    "POST", "/v1/traces", body, {"content-type": "application/x-protobuf"}
                )
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 200:
                self.acknowledged.setdefault(trace, set()).update(i.hex() for i in ids)
                self.answered += 1
                return
            assert status in (0, 429, 503), status
            assert time.monotonic() < deadline
            self.retries += 1
            time.sleep(0.05)


def wait_for(requests: int, senders: list[Sender]) -> None:
    """Until so many more were acknowledged."""
    enough = sum(sender.answered for sender in senders) + requests
    deadline = time.monotonic() + 90
    while (answered := sum(sender.answered for sender in senders)) < enough:
        failures = [sender.failure for sender in senders if sender.failure]
        assert not failures, failures
        assert time.monotonic() < deadline, f"{answered} acknowledged of {enough}"
        time.sleep(0.01)


# Each kill is a new start, and all traffic is judged: two are enough for the quick run.
@pytest.mark.parametrize("kills", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_sent_equals_stored_equals_classified(tmp_path: Path, kills: int) -> None:
    rounds = random.Random(7)
    with running(
        tmp_path / "data",
        classify_trace_quiet_seconds="0.3",
        classify_interval_seconds="0.1",
        classify_shards="2",
        classify_workers="1",
        ingest_workers="1",
    ) as up:
        stop = threading.Event()
        senders = [Sender(up.ports["otlp-http"], stop, seed) for seed in range(SENDERS)]
        for sender in senders:
            sender.start()
        for _ in range(kills):
            wait_for(rounds.randint(*REQUESTS_BETWEEN_KILLS), senders)
            time.sleep(rounds.uniform(0, MOMENT_SECONDS))
            up.kill()
            up.start()
        wait_for(REQUESTS_BETWEEN_KILLS[0], senders)
        stop.set()
        for sender in senders:
            sender.join(180)
            assert not sender.is_alive()
            assert sender.failure is None, sender.failure
        sent = {
            (trace, span_id)
            for sender in senders
            for trace, ids in sender.acknowledged.items()
            for span_id in ids
        }
        assert sum(sender.retries for sender in senders) > 0
        assert len(sent) > kills * REQUESTS_BETWEEN_KILLS[0]

        deadline = time.monotonic() + 180
        while True:
            rows = up.query(
                "SELECT count() AS n, uniqExact(trace_id, span_id) AS u,"
                " countIf(verdict_version = 0 OR data_leakage = '') AS p FROM everyspan.spans"
            )[0]
            if not int(rows["p"]) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert int(rows["p"]) == 0, (rows, up.log())
        assert int(rows["n"]) == int(rows["u"]) == len(sent)
        stored = {
            (row["trace_id"], row["span_id"])
            for row in up.query("SELECT trace_id, span_id FROM everyspan.spans")
        }
        assert stored == sent
