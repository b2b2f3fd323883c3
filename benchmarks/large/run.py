"""Many spans with texts of real length: size on disk against OTLP, a trace by id, search, the page.

    python -m benchmarks.large.run --rows 10000000 --folder DIR [--days 15]

Fills DIR where it has fewer rows (benchmarks/layouts/rows.py) and leaves them there, for
benchmarks.grafana.run and benchmarks.stack.run with the same --folder. Days that are over are
merged, as the table does by itself. Medians; beside the clock the time of processors, which what
else the machine does stretches less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import SecretStr

from benchmarks.layouts import rows
from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from service.client import Client as Service
from web import trace
from web.app import create_app
from web.reader import Reader
from web.settings import WebSettings

_TIMES = 7
#: Attribute to the column that a GenAI instrumentation sends there.
_SENT = {
    "gen_ai.operation.name": "step_kind",
    "session.id": "session_id",
    "user.id": "user_id",
    "gen_ai.provider.name": "provider",
    "gen_ai.request.model": "model",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.prompt.name": "prompt_name",
    "gen_ai.agent.name": "agent_name",
    "gen_ai.tool.name": "tool_name",
    "code.file.path": "code_file",
    "code.line.number": "code_line",
    "code.function.name": "code_function",
    "gen_ai.system_instructions": "system_instructions",
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
}


def otlp_bytes(client: Client, sample: int = 2000) -> float:
    """Bytes a span of the same rows as OTLP protobuf, uncompressed, in requests of 512."""
    columns = ["trace_id", "span_id", "parent_span_id", "name", "input", "output", "documents"]
    columns += list(_SENT.values())
    found = client.query(
        f"SELECT {', '.join(columns)} FROM spans_raw WHERE start_time > now() - INTERVAL 20 HOUR"
        f" LIMIT {sample}"
    ).result_rows
    total = 0
    for first in range(0, len(found), 512):
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        for values in found[first : first + 512]:
            _add(scope.spans.add(), dict(zip(columns, values, strict=True)))
        total += len(request.SerializeToString())
    return total / len(found)


def _add(span: Any, row: dict[str, Any]) -> None:
    span.trace_id, span.span_id = bytes.fromhex(row["trace_id"]), bytes.fromhex(row["span_id"])
    span.parent_span_id = bytes.fromhex(row["parent_span_id"])
    span.name, span.start_time_unix_nano, span.end_time_unix_nano = row["name"], 1 << 60, 1 << 60
    sent = {attribute: row[column] for attribute, column in _SENT.items()}
    if not row["input_messages"]:
        sent |= {"input.value": row["input"], "output.value": row["output"]}
    if row["documents"]:
        sent["retrieval.documents"] = json.dumps(row["documents"])
    for name, value in sent.items():
        if value in (None, ""):
            continue
        kind = "int_value" if isinstance(value, int) else "string_value"
        span.attributes.append(KeyValue(key=name, value=AnyValue(**{kind: value})))


def timed(work: Callable[[], object], times: int = _TIMES) -> tuple[float, float]:
    """Milliseconds on the clock and of processors, after one that is not counted."""
    took, worked = [], []
    work()
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        work()
        took.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - busy))
    return statistics.median(took), statistics.median(worked)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    settings = ClickHouseSettings(data=given.folder)
    client = connect(settings.dsn)
    migrate(client, settings)
    client.database = settings.database
    stored = client.query("SELECT count() FROM spans_raw").result_rows[0][0]
    if stored < given.rows * 0.9:
        rows.fill(client, settings.database, given.rows, given.days)
    rows.tally(client, settings)
    stored, size = client.query(
        "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active"
        f" AND database = '{settings.database}' AND table = 'spans_raw'"
    ).result_rows[0]
    sent = otlp_bytes(client)
    print(
        f"{stored:,} spans: {size / stored:,.0f} bytes each on disk, {sent:,.0f} as OTLP:", end=""
    )
    print(f" 1/{sent * stored / size:.1f}\n")
    figures.tell(
        "bytes on disk, beside OTLP", size / stored, "bytes", other=sent, of="OTLP",
        less_is_better=True,
    )  # fmt: skip
    print("| | ms | of processors |\n|---|---:|---:|")

    def show(name: str, work: Callable[[], object]) -> None:
        took, worked = timed(work)
        print(f"| {name} | {took:,.0f} | {worked:,.0f} |", flush=True)
        figures.tell(f"{name}, processor ms", worked, "ms")

    reader = Reader(lambda _: connect(settings.dsn), settings.database)
    day = f"start_time > toDateTime('{datetime.now(UTC):%Y-%m-%d %H:%M:%S}', 'UTC') - 86400"
    (one,) = client.query(f"SELECT trace_id FROM spans_raw WHERE {day} LIMIT 1").result_rows[0]
    show("a trace by id", partial(_trace, reader, one))
    (number,) = client.query(
        f"SELECT extract(input, 'Order ([0-9]+)') FROM spans_raw WHERE trace_id = '{one}'"
        " AND step_kind = 'llm' LIMIT 1"
    ).result_rows[0]
    words = {
        "a word that one trace has": number,
        "a rare word": "locomotives",
        "a common word": "the",
    }
    app = create_app(
        WebSettings(data=given.folder),
        lambda _: connect(settings.dsn),
        *(Service("away", "127.0.0.1", 9, SecretStr(""), "") for _ in range(2)),
        SecretStr("key"),
    )
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50_000)) as http:
        for title, path in {
            "first page, 24 h": "/",
            "first page, 7 days": "/?since=7d",
            "list of traces": "/traces",
            "list of traces, failed": "/traces?failed=hallucination",
            **{f"search, 24 h: {name}": f"/traces?contains={word}" for name, word in words.items()},
            **{
                f"search, 7 days: {name}": f"/traces?since=7d&contains={word}"
                for name, word in words.items()
            },
        }.items():
            assert http.get(path).status_code == 200, path
            show(title, partial(http.get, path))
    client.close()


def _trace(reader: Reader, trace_id: str) -> None:
    found = trace.load(reader, trace.find(reader, trace_id))
    trace.contents(reader, found, found.steps)


if __name__ == "__main__":
    main()
