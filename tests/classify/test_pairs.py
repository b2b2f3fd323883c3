"""Pairs of instrumentations that people have on at once, real libraries: once is once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingest.limits import ContentLimits
from ingest.normalise import normalise
from tests.captures.standin import FINAL_TURN, PLAIN_TURN, TOOL_TURN, Handler
from tests.ingest.otlp_payloads import decode_traces
from tests.ingest.test_captures import settled_rows
from tests.replay.anthropic_model import Messages

AGENT = Path(__file__).with_name("agent_of_two.py")
TOLD = {
    "agent": ((TOOL_TURN.input + FINAL_TURN.input, TOOL_TURN.output + FINAL_TURN.output), 2, 1),
    "model": ((5 * PLAIN_TURN.input, 5 * PLAIN_TURN.output), 5, 5),
    "anthropic": ((80, 24), 2, 2),
}


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("scenario", TOLD)
def test_once(scenario: str, streamed: bool, tmp_path: Path) -> None:
    pytest.importorskip("openinference.instrumentation.langchain")
    pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    pytest.importorskip("opentelemetry.instrumentation.anthropic")
    body = tmp_path / "traces.pb"
    native = scenario == "anthropic"
    with serving(Messages if native else Handler) as address:
        subprocess.run(
            [
                sys.executable,
                AGENT,
                f"{scenario}-streamed" if streamed else scenario,
                address if native else f"{address}/v1",
                body,
            ],
            check=True,
            timeout=120,
        )
    request = decode_traces(body.read_bytes(), "protobuf")
    now = request.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano
    spans = normalise(request, now=now, retention_days=30, limits=ContentLimits()).spans
    rows = settled_rows(spans)
    calls = [row for row in rows if row.step_kind == "llm"]
    (tokens_in, tokens_out), number, traces = TOLD[scenario]
    assert len({row.scope_name for row in calls}) == 2
    assert len(calls) == 2 * number
    assert len([row for row in calls if not row.twin_of]) == number
    assert len({row.twin_of[:32] or row.trace_id for row in rows}) == traces
    assert sum(row.input_tokens or 0 for row in rows) == tokens_in
    if not (native and streamed):  # OpenLLMetry adds up the output tokens of two events
        assert sum(row.output_tokens or 0 for row in rows) == tokens_out
    if scenario == "agent":
        counted = [row for row in rows if not row.twin_of]
        assert {(row.session_id, row.user_id) for row in counted} == {("s-1", "u-1")}
