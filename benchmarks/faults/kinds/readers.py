"""Readers of the ClickHouse port that want more than their share."""

from __future__ import annotations

import http.client
import threading
from urllib.parse import quote

from benchmarks.faults.kinds import kind
from benchmarks.faults.scene import Scene, in_threads

_SLOW = (
    "SELECT arrayLevenshteinDistance(range(3000000), range(3000000))",
    "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1",
    "SELECT uniqExact(number, sipHash64(number)) FROM numbers(3000000000)",
    "SELECT max(length(repeat(toString(number), 1000))) FROM numbers(10000000000)",
)
_LARGE = (
    "SELECT count() FROM (SELECT number AS a FROM numbers(300000000)) AS x"
    " INNER JOIN (SELECT number AS a FROM numbers(300000000)) AS y USING (a)",
    "SELECT groupArray(number) FROM numbers(3000000000)",
    "SELECT number, groupUniqArray(toString(sipHash64(number))) FROM numbers(1000000000)"
    " GROUP BY number ORDER BY number",
)


def _read(scene: Scene, statements: tuple[str, ...], readers: int) -> None:
    ended = threading.Event()
    port = scene.house.ports["clickhouse"]

    def ask(number: int) -> None:
        while not ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=8)
            try:
                connection.request("GET", f"/?query={quote(statements[number % len(statements)])}")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                # The reader has gone; the statement should have, too.
                pass
            finally:
                connection.close()
            ended.wait(0.3)

    threads = in_threads(ask, readers)
    scene.wait(6, 9)
    ended.set()
    for thread in threads:
        thread.join(20)


@kind()
def readers_slow(scene: Scene) -> None:
    """Twelve readers with statements that never end"""
    _read(scene, _SLOW, 12)


@kind()
def readers_large(scene: Scene) -> None:
    """Eight readers with joins and groups larger than the memory"""
    _read(scene, _LARGE, 8)


@kind()
def readers_at_the_end(scene: Scene) -> None:
    """SIGTERM while readers hold every place"""
    threads = in_threads(lambda _: _read(scene, _SLOW, 9), 1)
    scene.wait(2, 4)
    try:
        scene.terminate()
    finally:
        for thread in threads:
            thread.join(40)
    scene.start()
