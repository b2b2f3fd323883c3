"""kill -9 of every process, at the moments that matter."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from signal import SIGSTOP, SIGTERM

from benchmarks.faults.kinds import kind
from benchmarks.faults.moments import file_changes, part_begins, table, until, works
from benchmarks.faults.processes import tree
from benchmarks.faults.scene import Broken, Scene, Skipped, side_house
from tests.ingest.otlp_payloads import request, span

_JSON = {"content-type": "application/json"}


@kind(weight=3)
def kill_any_time(scene: Scene) -> None:
    """kill -9 at a random moment of the traffic"""
    scene.wait(0.2, 1.5)
    scene.kill_and_start()


@kind(weight=3)
def kill_insert(scene: Scene) -> None:
    """kill -9 while an insert of ingest writes its part"""
    part_begins(scene.house.data, "tmp_insert", 5)
    scene.wait(0, 0.004)
    scene.kill_and_start()


@kind(weight=2)
def kill_merge(scene: Scene) -> None:
    """kill -9 while parts are merged"""
    part_begins(scene.house.data, "tmp_merge", 8)
    scene.wait(0, 0.01)
    scene.kill_and_start()


@kind(weight=3)
def kill_judging(scene: Scene) -> None:
    """kill -9 while the classify worker judges"""
    for worker in scene.house.processes("classify"):
        works(worker.pid, 5)
    scene.wait(0, 0.1)
    scene.kill_and_start()


@kind(weight=3)
def kill_verdicts(scene: Scene) -> None:
    """kill -9 while verdicts are written"""
    scene.wait(0.3, 0.8)
    scene.traffic.pause()
    part_begins(scene.house.data, "tmp_insert", 5)
    scene.wait(0, 0.004)
    scene.kill_and_start()


@kind(weight=3)
def kill_start(scene: Scene) -> None:
    """kill -9 twice within three seconds of a start"""
    scene.kill()
    for _ in range(2):
        scene.house.launch()
        scene.wait(0.2, 3.0)
        scene.kill()
    scene.start()


@kind()
def kill_storm(scene: Scene) -> None:
    """kill -9 five times, a moment after each start"""
    for _ in range(5):
        scene.kill()
        scene.house.launch()
        scene.wait(0.1, 1.5)
    scene.kill()
    scene.start()


@kind(weight=2)
def kill_stop(scene: Scene) -> None:
    """kill -9 while it stops on SIGTERM"""
    scene.wait(0.2, 0.8)
    scene.house.signal(SIGTERM)
    scene.wait(0, 1.5)
    scene.kill_and_start()


@kind(weight=2)
def kill_family(scene: Scene) -> None:
    """kill -9 of all its processes at once"""
    scene.wait(0.2, 0.8)
    others = tree(scene.house.pid)[1:]
    scene.kill()
    for each in others:
        scene.strike(each)
    scene.start()


@kind()
def kill_frozen(scene: Scene) -> None:
    """SIGSTOP, two seconds of requests that nobody reads, kill -9"""
    stopped = time.monotonic()
    scene.house.signal(SIGSTOP)
    scene.wait(1, 2)
    scene.kill(unable=time.monotonic() - stopped)
    scene.start()


@kind()
def kill_migration(scene: Scene) -> None:
    """kill -9 three times while a new directory gets its tables"""
    with side_house(scene) as side:
        folder = side.house.data / "clickhouse" / "data" / "everyspan"
        for _ in range(3):
            wanted = side.random.randint(0, 12)
            side.house.launch()
            until(lambda n=wanted: folder.is_dir() and len(list(folder.iterdir())) >= n, 15, 0.002)
            side.wait(0, 0.05)
            side.kill()
        side.start()
        side.traffic.go()
        side.wait(0.8, 1.2)
        side.settle()


@kind(weight=2)
def kill_alert_in_hand(scene: Scene) -> None:
    """kill -9 while PagerDuty has the event and has not answered"""
    receiver = scene.receiver
    away = receiver.mood != "ok"
    turned = receiver.turned_away
    if not away:
        receiver.in_hand.clear()
        receiver.release.clear()
        receiver.mood = "hold"
    scene.plant()
    try:
        if away:
            until(lambda: receiver.turned_away > turned, 15)
        else:
            receiver.in_hand.wait(15)
        scene.kill()
    finally:
        if not away:
            receiver.mood = "ok"
            receiver.release.set()
    scene.start()


@kind(weight=2)
def kill_alert_spooled(scene: Scene) -> None:
    """kill -9 while a notification is written to the spool"""
    scene.plant()
    spool = scene.house.data / "alerting" / "notifications.sqlite3-wal"
    file_changes(spool, 12)
    scene.wait(0, 0.02)
    scene.kill_and_start()


@kind()
def kill_back_fill(scene: Scene) -> None:
    """kill -9 while a new custom classifier goes over old rows"""
    name = f"shipped_{scene.random.randrange(10**9)}"
    added = {
        "name": name,
        "only": [{"column": "step_kind", "equals": "llm"}],
        "fail_if": [{"column": "output", "contains": "teleported"}],
    }
    house = scene.house
    answer = house.request("POST", "/v1/classifiers", json.dumps(added).encode(), _JSON, "classify")
    if answer.status != 201:
        raise Broken(f"a classifier was refused: {answer.status} {answer.body[:300].decode()}")
    part_begins(house.data, "tmp_insert", 5)
    scene.wait(0, 0.3)
    scene.kill_and_start()

    def left() -> int:
        found = house.request("GET", "/v1/classifiers", port="classify")
        return int(json.loads(found.body)["back_fill"]["left"])

    # New rows come first: without senders there is an end to them.
    scene.settle()
    if not until(lambda: left() == 0, scene.patience.settle, 0.2):
        raise Broken(f"unjudged: {left()} rows by a custom classifier after a kill")
    house.request("DELETE", f"/v1/classifiers/{name}", port="classify")


@kind()
def kill_rejudge(scene: Scene) -> None:
    """kill -9 while old rows are judged again"""
    then = datetime.now(UTC) - timedelta(hours=2)
    start = int(then.timestamp() * 1e9)
    spans = [
        span(
            scene.random.randbytes(16),
            span_id=scene.random.randbytes(8),
            start_time_unix_nano=start,
        )
        for _ in range(150)
    ]
    scene.traffic.send(request(*spans, service="yesterday"))
    scene.settle()
    scene.traffic.go()
    asked = time.time()
    since, until_ = then - timedelta(minutes=30), then + timedelta(minutes=30)
    body = json.dumps({"since": since.isoformat(), "until": until_.isoformat()}).encode()
    answer = scene.house.request("POST", "/v1/rejudge", body, _JSON, "classify")
    if answer.status != 202:
        raise Broken(f"a rejudge was refused: {answer.status} {answer.body[:300].decode()}")
    for worker in scene.house.processes("classify"):
        works(worker.pid, 3)
    scene.wait(0, 0.5)
    scene.kill_and_start()

    def left() -> int:
        (row,) = scene.house.query(
            "SELECT count() AS n FROM everyspan.spans WHERE service_name = 'yesterday'"
            f" AND start_time = fromUnixTimestamp64Nano({start}, 'UTC')"
            f" AND verdict_at < fromUnixTimestamp64Milli({int(asked * 1000)}, 'UTC')"
        )
        return int(row["n"])

    # New rows come first: without senders there is an end to them.
    scene.settle()
    if not until(lambda: left() == 0, scene.patience.settle, 0.3):
        raise Broken(f"unjudged: {left()} rows that were to be judged again")


@kind(weight=3)
def kill_ingest_worker(scene: Scene) -> None:
    """kill -9 of ingest's worker, four times"""
    for _ in range(4):
        if until(lambda: bool(scene.house.processes("ingest")), 5):
            scene.wait(0, 0.4)
            for worker in scene.house.processes("ingest")[:1]:
                scene.strike(worker)


@kind(weight=3)
def kill_classify_worker(scene: Scene) -> None:
    """kill -9 of classify's worker while it judges, three times"""
    for _ in range(3):
        if until(lambda: bool(scene.house.processes("classify")), 8):
            for worker in scene.house.processes("classify")[:1]:
                works(worker.pid, 3)
                scene.strike(worker)


@kind(weight=2)
def kill_tracker(scene: Scene) -> None:
    """kill -9 of multiprocessing's resource tracker, then of the workers that know it"""
    for role in ("tracker", "ingest", "classify"):
        for each in scene.house.processes(role):
            scene.strike(each)
    scene.wait(0.2, 0.8)


@kind()
def kill_reader(scene: Scene) -> None:
    """kill -9 of the process that serves readers, three times"""
    if not scene.house.processes("reader"):
        raise Skipped("readers have no process of their own")
    for _ in range(3):
        if until(lambda: bool(scene.house.processes("reader")), 20):
            for each in scene.house.processes("reader")[:1]:
                scene.wait(0, 0.5)
                scene.strike(each)


@kind()
def kill_content(scene: Scene) -> None:
    """kill -9 while the vectors of texts are written"""
    if table(scene.house.data, "text_vectors").is_dir():
        part_begins(scene.house.data, "tmp_insert", 6, "text_vectors")
    scene.kill_and_start()
