"""One trace by its id over HTTP, all its steps with their texts, beside other tracing servers.

    python -m benchmarks.ingest.lookup --phoenix PYTHON --mlflow PYTHON [--batches 4]

Each server gets the same batches (512 spans, 1 KB of text each, eight a trace) from one sender and
is waited for until it has stored them; then some traces are asked for, one after the other, and
each answer must hold the trace's eight spans. Everyspan is `everyspan up` with its defaults, so
that the answer has verdicts too. The median counts.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from benchmarks.ingest import load, servers
from benchmarks.suite import figures
from tests.everyspan_up import Up, free_ports

_ASKED = 40
_PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class House:
    """A running server. ``path``: of a trace, with {id}. ``marks``: what each of its spans has once
    in an answer."""

    name: str
    send: str
    read: str
    path: str
    mark: str
    headers: dict[str, str]
    stored: Callable[[], int]


@contextmanager
def everyspan(folder: Path) -> Iterator[House]:
    """All of it."""
    up = Up(folder / "data", free_ports())
    up.start()

    def stored() -> int:
        # Judged too: meanwhile the classifiers have the processors.
        (row,) = up.query("SELECT countIf(verdict_version > 0) AS n FROM everyspan.spans")
        return int(row["n"])

    try:
        yield House(
            "Everyspan",
            f"http://127.0.0.1:{up.ports['otlp-http']}/v1/traces",
            f"http://127.0.0.1:{up.ports['web']}",
            "/api/traces/{id}",
            '"span_id"',
            {},
            stored,
        )
    finally:
        up.stop()


@contextmanager
def other(started: AbstractContextManager[servers.Server], path: str, mark: str) -> Iterator[House]:
    """Phoenix or MLflow."""
    with started as server:
        parts = urlsplit(server.url)
        base = f"{parts.scheme}://{parts.netloc}"
        yield House(server.name, server.url, base, path, mark, dict(server.headers), server.stored)


def measure(house: House, bodies: list[tuple[bytes, list[str]]]) -> float:
    """Median milliseconds of a look-up. Raises RuntimeError where spans or a trace don't come."""
    before = house.stored()
    sent = {"content-type": "application/x-protobuf", **house.headers}
    for body, _ in bodies:
        until = time.monotonic() + _PATIENCE_SECONDS
        while _call("POST", house.send, body, sent)[0] != 200:
            if time.monotonic() > until:
                raise RuntimeError(f"{house.name} does not take spans")
            time.sleep(1)
    wanted = before + len(bodies) * load.SPANS_A_BATCH
    until = time.monotonic() + _PATIENCE_SECONDS
    while (have := house.stored()) < wanted:
        if time.monotonic() > until:
            raise RuntimeError(f"{house.name} stored {have} of {wanted}")
        time.sleep(0.5)
    traces = [trace for _, ids in bodies for trace in ids]
    chosen = Random(7).sample(traces, _ASKED + 5)
    took = []
    for number, trace in enumerate(chosen):
        began = time.perf_counter()
        status, answer = _call("GET", house.read + house.path.format(id=trace), b"", house.headers)
        took.append(time.perf_counter() - began)
        found = answer.decode().count(house.mark)
        if status != 200 or found < load.SPANS_A_TRACE:
            raise RuntimeError(f"{house.name}: {status}, {found} spans: {answer[:300]!r}")
        if number < 5:
            took.pop()
    return 1000 * statistics.median(took)


def _call(method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--phoenix", type=Path, help="interpreter that has arize-phoenix")
    parser.add_argument("--mlflow", type=Path, help="interpreter that has mlflow")
    parser.add_argument("--batches", type=int, default=4)
    given = parser.parse_args()
    bodies = [load.batch() for _ in range(given.batches)]
    houses: list[Callable[[Path], AbstractContextManager[House]]] = [everyspan]
    if given.phoenix:
        houses.append(
            lambda folder: other(
                servers.phoenix(folder, given.phoenix),
                "/v1/projects/default/spans?limit=100&trace_id={id}",
                '"span_id"',
            )
        )
    if given.mlflow:
        houses.append(
            lambda folder: other(
                servers.mlflow(folder, given.mlflow),
                "/api/3.0/mlflow/traces/get?trace_id=tr-{id}",
                '"span_id"',
            )
        )
    print(
        f"{len(bodies) * load.SPANS_A_BATCH:,} spans stored\n\n| server | ms a trace |\n|---|---:|"
    )
    found: dict[str, float] = {}
    for start in houses:
        with (
            tempfile.TemporaryDirectory(prefix="everyspan-bench-") as name,
            start(Path(name)) as house,
        ):
            try:
                found[house.name] = measure(house, bodies)
            except RuntimeError as error:
                print(f"| {house.name} | {error} |", flush=True)
                continue
        print(f"| {house.name} | {found[house.name]:.1f} |", flush=True)
    ours = found.pop("Everyspan", None)
    if ours is None:
        sys.exit(1)
    best = min(found, key=lambda name: found[name], default=None)
    figures.tell(
        "a trace by id, ms", ours, "ms",
        other=found[best] if best else None, of=best or "", less_is_better=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
