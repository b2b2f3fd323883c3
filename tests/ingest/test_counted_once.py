"""Sums are right from the moment of storing, while a trace waits to be judged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clickhouse.span import Span
from ingest.conventions.reported import REPORTED_USAGE
from ingest.limits import ContentLimits
from ingest.normalise import normalise
from tests.classify.job_store import Store, engine, store
from tests.ingest.spans import NOW, request_of
from tests.ingest.test_captures import EXPECTED, PAYLOADS, name, normalised, rows_of


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("once") / "clickhouse") as found:
        yield found


@pytest.fixture
def db(dsn: str) -> Iterator[Store]:
    with store(dsn) as opened:
        yield opened


def stored(path: Path) -> list[Span]:
    """The rows as they are inserted, at a time that is kept."""
    now = time.time_ns()
    return [replace(s, start_time=now) for each in normalised(path) for s in each.spans]


#: Set-ups in which one call is reported several times, or its sum on a step around it.
TOLD_TWICE = (
    "pydantic-ai/tool_call_twice",
    "pydantic-ai-anthropic/weather",
    "langchain-anthropic-openinference/weather",
    "langchain-anthropic-traceloop/weather",
    "openinference-instrumentation-langchain/tool_call_twice",
    "opentelemetry-instrumentation-langchain/tool_call_twice_genai",
    "google-adk/weather",
    "js-mastra/shop",
    "js-strands/shop",
    "vercel-ai-7/generate",
    "claude-code/weather",
)


@pytest.mark.parametrize("setup", TOLD_TWICE)
def test_a_backlog_of_unjudged_rows_counts_each_call_once(db: Store, setup: str) -> None:
    """Nothing judges here: the rows stay as they were stored."""
    path = PAYLOADS / setup
    db.insert(stored(path))
    ((tokens_in, waiting),) = db.query(
        "SELECT sum(input_tokens), countIf(verdict_version = 0) FROM spans"
    )
    expected = json.loads((path / "expected.json").read_text())["total"]
    assert waiting > 0
    assert tokens_in == expected["input_tokens"]


def test_no_capture_counts_more_before_it_is_settled_than_after() -> None:
    over = []
    for path in EXPECTED:
        before = sum(s.input_tokens or 0 for each in normalised(path) for s in each.spans)
        after = sum(row.input_tokens or 0 for row in rows_of(path))
        if before > after:
            over.append((name(path), before, after))
    assert {where for where, _, _ in over} <= ONLY_THE_WHOLE_TELLS, over


#: Spring AI 1 adds up its earlier calls in each; two tracers of Anthropic.js tell some calls in two
#: traces, without the answer's id.
ONLY_THE_WHOLE_TELLS = {
    "java-spring-ai-1/shop",
    "js-anthropic-native-and-traceloop/shop",
    "js-anthropic-native-and-traceloop-streamed/shop",
}


CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "own",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}  # fmt: skip


def counted(*calls: tuple[bytes, bytes, dict[str, Any]]) -> list[Span]:
    """Rows of one request; a call: its id, its parent's, attributes beside CALL's."""
    request = ExportTraceServiceRequest()
    for span_id, parent, more in calls:
        sent = request_of({**CALL, **more}, span_id=span_id * 8, parent_span_id=parent * 8)
        request.MergeFrom(sent)
    return normalise(request, now=NOW, retention_days=30, limits=ContentLimits()).spans


def test_the_outer_of_two_calls_keeps_what_only_it_says() -> None:
    """The cost of a framework, where the client's span has none."""
    outer, call = counted((b"\1", b"", {"gen_ai.usage.cost": 0.5}), (b"\2", b"\1", {}))
    assert (outer.input_tokens, outer.output_tokens, outer.cost_usd) == (None, None, 0.5)
    assert json.loads(outer.attributes[REPORTED_USAGE]) == {
        "input_tokens": 100,
        "output_tokens": 10,
    }
    assert (call.input_tokens, call.output_tokens) == (100, 10)


@pytest.mark.parametrize("note", ["[1]", "1", '"x"', "null", "{", ["a"], 7])
def test_a_sender_may_write_anything_into_our_attribute(note: Any) -> None:
    outer, call = counted((b"\1", b"", {REPORTED_USAGE: note}), (b"\2", b"\1", {}))
    assert (outer.input_tokens, call.input_tokens) == (None, 100)
    assert json.loads(outer.attributes[REPORTED_USAGE]) == {
        "input_tokens": 100,
        "output_tokens": 10,
    }


def test_calls_that_are_their_own_parents_count_all_the_same() -> None:
    itself, other = counted((b"\1", b"\1", {}), (b"\3", b"", {}))
    assert (itself.input_tokens, other.input_tokens) == (100, 100)
    assert REPORTED_USAGE not in itself.attributes
    circle = counted((b"\1", b"\2", {}), (b"\2", b"\1", {}))
    assert sum(span.input_tokens or 0 for span in circle) == 100
