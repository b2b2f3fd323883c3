"""No content makes tool_call_error raise: broken JSON, circles of parents, strange schemas."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classify.classifier import Subject, Trace
from classify.classifiers.tool_call_error import classifier
from classify.classifiers.tool_call_error.definitions import is_time_safe
from clickhouse.span import Span

KEYS = st.sampled_from(
    "error errors isError status success statusCode message content result type text name "
    "parameters function properties required $ref items enum pattern role parts tool_call id "
    "arguments tool_calls exit_code stderr messages attributes".split()
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["tool_call", "text", "error", "object", "lookup", "#", "tool", "assistant"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
TEXTS = VALUES.map(lambda value: json.dumps(value)) | st.text(max_size=60) | st.just("")
IDS = st.sampled_from(["1", "2", "3", ""])


@st.composite
def spans(draw: Any) -> Span:
    return Span(
        "a" * 32,
        draw(IDS),
        draw(IDS),
        name=draw(st.text(max_size=8)),
        step_kind=draw(st.sampled_from(["tool", "llm", "agent"])),
        status=draw(st.sampled_from(["ok", "error", "unset"])),
        error_type=draw(st.text(max_size=8)),
        status_message=draw(st.text(max_size=8)),
        input=draw(TEXTS),
        output=draw(TEXTS),
        input_messages=draw(TEXTS),
        output_messages=draw(TEXTS),
        tool_definitions=draw(TEXTS),
        tool_name=draw(st.sampled_from(["lookup", "", "x"])),
        events=draw(TEXTS | st.just('[{"name": "exception"}]')),
        attributes=draw(st.dictionaries(st.just("gen_ai.tool.call.id"), IDS)),
    )


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans(), min_size=1, max_size=5))
def test_never_raises(rows: list[Span]) -> None:
    trace = Trace(tuple(rows))
    verdicts = classifier.judge([Subject(span, trace) for span in rows])
    assert len(verdicts) == len(rows)
    for verdict in verdicts:
        assert verdict.label in ("pass", "fail", "not_applicable")
        assert (verdict.label == "fail") == (verdict.score >= classifier.threshold)
        assert (verdict.label == "fail") == bool(verdict.evidence)
        assert len(verdict.evidence) <= 300


def one(**columns: Any) -> str:
    span = Span("a" * 32, "1", step_kind="tool", tool_name="lookup", **columns)
    return classifier.judge([Subject(span, Trace((span,)))])[0].label


def test_large_and_deep() -> None:
    started = time.perf_counter()
    deep = "[" * 100_000
    assert one(output=deep) == "pass"
    assert one(output=deep + "]" * 100_000) == "pass"
    assert one(input=deep, tool_definitions=deep, events=deep, output="\ud800") == "pass"
    assert one(output="error " * 500_000) == "pass"
    assert one(output="a: " * 300_000) == "pass"
    assert one(output="Error: " + "x" * 3_000_000) == "fail"
    assert one(output="Error: " + "x" * 1_000_000) == "fail"
    assert one(output=json.dumps({"error": "x" * 1_000_000})) == "fail"
    assert time.perf_counter() - started < 5


def test_many_calls_in_one_trace() -> None:
    rows = tuple(
        Span("a" * 32, str(i), step_kind="tool", tool_name="t", input=f'{{"i": {i % 7}}}',
             output='{"error": "x"}')
        for i in range(2000)
    )  # fmt: skip
    trace = Trace(rows)
    started = time.perf_counter()
    verdicts = classifier.judge([Subject(span, trace) for span in rows])
    assert all("repeated 28" in verdict.evidence for verdict in verdicts)
    assert time.perf_counter() - started < 5


def test_is_time_safe() -> None:
    for pattern in (r"^\d{4}-\d{2}$", "^[a-z]+$", "^(a|b)$", r"^\+?[0-9]{3,9}$", "[+*?]{3}"):
        assert is_time_safe(pattern), pattern
    for pattern in ("(a+)+$", r"(a)\1", "a*b*c*d*", "(a|a)*", "x" * 200, "(a?){30}"):
        assert not is_time_safe(pattern), pattern
