"""What the text index costs and brings, and how quickly the list of traces opens.

python -m benchmarks.page.search --rows 1000000

Rows are made in ClickHouse itself: a trace is ten steps, texts of 60 words each out of 20,000 by a
skewed law, so that words are rare and frequent as in language. The same rows go into a database
with the index and one without; figures are ratios of the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from clickhouse_connect.driver.client import Client

from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from web import traces
from web.filters import Filters
from web.reader import Reader

_BATCH = 50_000
_WORDS = 20_000
_TEXT = (
    "arrayStringConcat(arrayMap(i -> concat('w', toString(toUInt32("
    "pow(sipHash64(number, i, {salt}) / 18446744073709551616., 4) * {words}))), range(60)), ' ')"
)


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
        client.command("CREATE DATABASE bare")
        client.command("CREATE TABLE bare.spans_raw AS everyspan.spans_raw")
        for name in ("ix_input", "ix_output"):
            client.command(f"ALTER TABLE bare.spans_raw DROP INDEX {name}")
        client.command("CREATE VIEW bare.spans AS SELECT * FROM bare.spans_raw FINAL")
        seconds = dict.fromkeys(("bare", "everyspan"), 0.0)
        for first in range(0, given.rows, _BATCH):
            # In turn, so that what else the machine does hits both.
            for name in seconds:
                seconds[name] += _timed(partial(_fill, client, name, first))
        print(f"{given.rows:,} rows; insert with the index / without:"
              f" {seconds['everyspan'] / seconds['bare']:.2f}")  # fmt: skip
        size = {
            name: client.query(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database ="
                f" '{name}' AND table = 'spans_raw'"
            ).result_rows[0][0]
            for name in seconds
        }
        print(f"size on disk with / without: {size['everyspan'] / size['bare']:.2f}"
              f" ({size['everyspan'] / 1e6:,.0f} MB)")  # fmt: skip
        print("\n| list of traces | with index, ms | without, ms | ratio |\n|---|---|---|---|")
        for title, parameters in {
            "newest": [],
            "failed": [("failed", "hallucination")],
            "a rare word": [("contains", "w15999")],
            "two words": [("contains", "w900 w4000")],
            "a frequent word": [("contains", "w3")],
            "a part of a word": [("contains", "w159-9%")],
        }.items():
            took = {name: _list(client, name, parameters, given.times) for name in seconds}
            print(
                f"| {title} | {1000 * took['everyspan']:,.0f} | {1000 * took['bare']:,.0f} |"
                f" {took['bare'] / took['everyspan']:.1f} |"
            )
            figures.tell(
                f"{title}, ms", 1000 * took["everyspan"], "ms",
                other=1000 * took["bare"], of="without the index", less_is_better=True,
            )  # fmt: skip
        client.close()


def _fill(client: Client, database: str, first: int) -> None:
    text = {salt: _TEXT.format(salt=salt, words=_WORDS) for salt in (1, 2)}
    client.command(
        f"INSERT INTO {database}.spans_raw (trace_id, span_id, parent_span_id, service_name, name,"
        " step_kind, start_time, duration_ms, status, input, output, hallucination,"
        " verdict_version)"
        " SELECT lower(hex(MD5(toString(intDiv(number, 10))))), lower(hex(sipHash64(number))),"
        " if(number % 10 = 0, '', lower(hex(sipHash64(number - number % 10)))),"
        " concat('service-', toString(intDiv(number, 10) % 20)), 'step', 'llm',"
        " now64(9) - toIntervalMillisecond((number * 7919) % 80000000), 20 + number % 1000, 'ok',"
        f" {text[1]}, {text[2]}, if(number % 100 = 0, 'fail', 'pass'), 1"
        f" FROM numbers({first}, {_BATCH})"
    )


def _list(client: Client, database: str, parameters: list[tuple[str, str]], times: int) -> float:
    client.database = database
    reader = Reader(lambda _: client, database)
    filters = Filters.of(parameters)
    took = []
    for _ in range(times):
        sql = traces.statement(filters, datetime.now(UTC))
        took.append(_timed(partial(reader.rows, sql)))  # type: ignore[misc]
    return statistics.median(took)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
