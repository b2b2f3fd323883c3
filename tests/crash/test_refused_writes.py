"""A running house whose files may not grow for a while, as on a full disk or over a quota."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from tests.everyspan_up import Up, running
from tests.ingest.otlp_payloads import request, span, trace_id


def post(up: Up) -> tuple[str, int]:
    """A trace of 20 spans with texts that files do not hold in 20 KB."""
    trace = trace_id()
    spans = (span(trace, attributes={"a": f"{i} {trace.hex()} " * 90}) for i in range(20))
    return trace.hex(), up.post("/v1/traces", request(*spans).SerializeToString()).status


def ask(up: Up, sql: str) -> str:
    return up.request("POST", "/", sql.encode(), port="clickhouse").body.decode().strip()


def test_what_is_acknowledged_meanwhile_is_stored_and_judged(tmp_path: Path) -> None:
    accepted: list[str] = []
    refused = 0
    with running(tmp_path / "data", classify_trace_quiet_seconds="1") as up:
        assert up.process is not None
        # The reader is there, and knows of nothing that was put aside.
        began = time.monotonic() + 120
        while ask(up, "SELECT 1") != "1":
            assert time.monotonic() < began, up.log()
            time.sleep(0.2)
        for length in (resource.RLIM_INFINITY, 3_000, resource.RLIM_INFINITY, 500, 60_000):
            resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, (length, -1))
            until = time.monotonic() + 3
            while time.monotonic() < until:
                trace, status = post(up)
                assert status in (200, 503)
                refused += status == 503
                if status == 200:
                    accepted.append(trace)
                # Some of each phase; more would only be more to judge.
                time.sleep(0.05)
        resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
        assert refused
        deadline = time.monotonic() + 180
        while True:
            trace, status = post(up)
            if status == 200:
                accepted.append(trace)
                break
            assert time.monotonic() < deadline
            time.sleep(0.3)
        wanted = "', '".join(accepted)
        sql = (
            "SELECT count(), uniqExact(span_id), countIf(verdict_version > 0) FROM everyspan.spans"
            f" WHERE trace_id IN ('{wanted}') FORMAT TSV"
        )
        all_of = f"{20 * len(accepted)}\t" * 2 + f"{20 * len(accepted)}"
        while (said := ask(up, sql)) != all_of:
            assert time.monotonic() < deadline, f"{said} of {all_of}\n{up.log()}"
            time.sleep(0.5)
        # Readers let go of the parts that the writer put aside: one that holds any is
        # replaced, where none was for a reason of its own at that moment.
        if "its tables are read anew" in up.log():
            while "; the next one starts in" not in up.log():
                assert time.monotonic() < deadline + 30, up.log()
                time.sleep(0.2)
