"""EVERYSPAN_CONTENT_DAYS in a house of its own: what is seen of a trace whose texts are gone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.command import everyspan
from tests.everyspan_up import running
from tests.ingest.otlp_payloads import request, span, trace_id

DAY = 86_400 * 10**9
SAID = "quetzalcoatlus"


@pytest.mark.slow
def test_old_texts_go_and_the_trace_stays(tmp_path: Path) -> None:
    old, young = trace_id(), trace_id()
    with running(tmp_path / "data") as house:
        for trace, start in ((old, time.time_ns() - 3 * DAY), (young, time.time_ns())):
            said = span(
                trace,
                attributes={"input.value": f"about the {SAID}"},
                start_time_unix_nano=start,
                end_time_unix_nano=start + 10**9,
            )
            house.post("/v1/traces", request(said).SerializeToString())
        house.judged([old.hex(), young.hex()])
    with running(tmp_path / "data", CONTENT_DAYS="1") as house:
        until = time.monotonic() + 60
        while not house.spans(old.hex())[0]["text_removed"] and time.monotonic() < until:
            time.sleep(0.2)
        (row,) = house.spans(old.hex())
        assert row["text_removed"]
        assert SAID not in json.dumps(row)
        assert row["duration_ms"] == 1000
        assert SAID in house.spans(young.hex())[0]["input"]
        assert "texts older than EVERYSPAN_CONTENT_DAYS were removed" in house.log()

        page = house.request("GET", f"/traces/{old.hex()}", port="web")
        assert "older than EVERYSPAN_CONTENT_DAYS" in page.body.decode()
        at = {"EVERYSPAN_CLICKHOUSE_DSN": f"http://127.0.0.1:{house.ports['clickhouse']}"}
        shown = everyspan("trace", old.hex(), "--content", **at)
        assert "older than EVERYSPAN_CONTENT_DAYS" in shown.stdout
        replayed = everyspan("replay", old.hex(), **at)
        assert replayed.returncode != 0
        assert "there is nothing to replay from" in replayed.stderr
