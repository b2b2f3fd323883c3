"""How long the page's views take to open, and a trace of 10,000 steps.

python -m benchmarks.page.opens --rows 1000000

Rows as benchmarks.page.search makes them, of the last day; the page's own application in this
process, so that what is timed is the server: SQL, rendering, bytes. The median of several, after
one that is not counted; beside it the processor time, which others on the machine stretch less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from fastapi.testclient import TestClient
from pydantic import SecretStr

from benchmarks.layouts import rows
from benchmarks.page.search import _BATCH, _fill, _timed
from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from service.client import Client as Service
from web.app import create_app
from web.settings import WebSettings

_LONG = "f" * 32
_TOLD = {"/": "first page, processor ms", "/traces": "list of traces, processor ms"}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = ClickHouseSettings(data=Path(folder))
        client = connect(settings.dsn)
        migrate(client, settings)
        for first in range(0, given.rows, _BATCH):
            _fill(client, "everyspan", first)
        client.command(
            "INSERT INTO everyspan.spans_raw (trace_id, span_id, parent_span_id, service_name,"
            " name, step_kind, start_time, duration_ms, status, input, output, verdict_version)"
            f" SELECT '{_LONG}', lower(hex(sipHash64(number, 7))),"
            " if(number = 0, '', lower(hex(sipHash64(toUInt64(0), 7)))), 'long',"
            " concat('step ', toString(number)), 'tool', now64(9) - toIntervalMillisecond(20000"
            " - number), 1, 'ok', 'asked', 'said', 1 FROM numbers(10000)"
        )
        rows.tally(client, settings)
        away = Service("classify", "127.0.0.1", 9, SecretStr(""), "")
        app = create_app(
            WebSettings(data=Path(folder)),
            lambda _: connect(settings.dsn),
            away,
            away,
            SecretStr("key"),
        )
        print(f"| {given.rows:,} rows | ms | processor ms | KB |\n|---|---:|---:|---:|")
        with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50_000)) as http:
            for path in (
                "/",
                "/traces",
                "/traces?failed=hallucination",
                "/classifiers",
                "/review/hallucination",
                f"/traces/{_LONG}",
            ):
                answer = http.get(path)
                assert answer.status_code == 200, f"{path}: {answer.text[:300]}"
                began = time.process_time()
                took = [_timed(partial(http.get, path)) for _ in range(given.times)]
                busy = (time.process_time() - began) / given.times
                size = len(answer.content) / 1000
                shown = path.replace(_LONG, "10,000 steps")
                median = statistics.median(took)
                print(f"| `{shown}` | {1000 * median:,.0f} | {1000 * busy:,.0f} | {size:,.0f} |")
                if path in _TOLD:
                    figures.tell(_TOLD[path], 1000 * busy, "ms")
        client.close()


if __name__ == "__main__":
    main()
