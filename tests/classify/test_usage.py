"""Tokens and cost of a trace count once, whoever reports them and whenever they come."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classify.settle.usage import FIELDS, REPORTED_USAGE, settle
from clickhouse.span import Span
from ingest.attributes import loads
from ingest.limits import ContentLimits
from ingest.normalise import normalise
from tests.ingest.otlp_payloads import decode_traces

MS = 10**6
CAPTURES = Path(__file__).parents[1] / "captures" / "payloads"


def span(span_id: str, parent: str = "", kind: str = "llm", **columns: object) -> Span:
    defaults: dict[str, object] = {"start_time": 1_000, "duration_ms": 10.0, "scope_name": "scope"}
    return Span("t" * 32, span_id, parent, step_kind=kind, **(defaults | columns))  # type: ignore[arg-type]


def settled(spans: Iterable[Span]) -> dict[str, Span]:
    """span_id to span, after settling."""
    rows = {s.span_id: s for s in spans}
    rows.update({s.span_id: s for s in settle(list(rows.values()))})
    return rows


def total(spans: Iterable[Span], column: str = "input_tokens") -> float:
    return sum(getattr(s, column) or 0 for s in spans)


def test_a_framework_around_a_provider_counts_on_the_inner_span() -> None:
    rows = settled(
        [
            span("outer", input_tokens=10, output_tokens=5, cost_usd=0.1),
            span("between", "outer", "chain"),
            span("inner", "between", input_tokens=10, output_tokens=5, cost_usd=0.1),
        ]
    )
    assert rows["outer"].input_tokens is rows["outer"].cost_usd is None
    assert rows["inner"].input_tokens == 10
    assert loads(rows["outer"].attributes[REPORTED_USAGE]) == {
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_usd": 0.1,
    }


def test_the_outer_span_keeps_what_the_inner_one_lacks() -> None:
    rows = settled(
        [
            span("outer", input_tokens=10, output_tokens=5, cost_usd=0.1),
            span("inner", "outer", input_tokens=10, output_tokens=0),
        ]
    )
    assert (rows["outer"].input_tokens, rows["inner"].input_tokens) == (None, 10)
    assert (rows["outer"].output_tokens, rows["outer"].cost_usd) == (5, 0.1)


@pytest.mark.parametrize("kind", ["agent", "chain", "tool", "other", "retrieval"])
def test_a_sum_gives_way_to_its_parts(kind: str) -> None:
    rows = settled(
        [
            span("sum", kind=kind, input_tokens=30),
            span("step", "sum", "agent"),
            span("a", "step", input_tokens=10),
            span("b", "step", input_tokens=20),
        ]
    )
    assert total(rows.values()) == 30
    assert rows["sum"].input_tokens is None


def test_a_sum_without_parts_stays() -> None:
    assert settle([span("sum", kind="agent", input_tokens=30), span("a", "sum")]) == []


def test_a_model_call_in_a_tool_of_a_model_call_is_another_call() -> None:
    spans = [
        span("outer", input_tokens=100),
        span("tool", "outer", "tool"),
        span("inner", "tool", input_tokens=7),
        span("lookup", "outer", "embedding", input_tokens=3),
    ]
    assert settle(spans) == []


def test_a_raw_request_below_a_call_gives_way_to_it() -> None:
    rows = settled(
        [span("call", input_tokens=9), span("raw", "call", "other", input_tokens=9, cost_usd=1.0)]
    )
    assert (rows["call"].input_tokens, rows["raw"].input_tokens) == (9, None)
    assert rows["raw"].cost_usd == 1.0


def test_twins_by_response_id_keep_the_one_with_content() -> None:
    same = {"gen_ai.response.id": "chatcmpl-1"}
    rows = settled(
        [
            span("a", "p1", input_tokens=9, attributes=same),
            span(
                "b", "p2", input_tokens=9, attributes={"ai.response.id": "chatcmpl-1"}, input="hi"
            ),
        ]
    )
    assert (rows["a"].input_tokens, rows["b"].input_tokens) == (None, 9)


def test_one_id_for_every_response_does_not_make_calls_twins() -> None:
    same = {"gen_ai.response.id": "constant"}
    spans = [
        span(f"c{i}", start_time=i * 100 * MS, input_tokens=9, attributes=same) for i in range(5)
    ]
    assert settle(spans) == []


def test_a_wrapper_that_states_its_last_response_loses_no_earlier_call() -> None:
    last = {"gen_ai.response.id": "r2"}
    rows = settled(
        [
            span("all", input_tokens=30, duration_ms=100.0, attributes=last),
            span("one", "all", input_tokens=10, attributes={"gen_ai.response.id": "r1"}),
            span("two", "all", input_tokens=20, start_time=50 * MS, attributes=last),
        ]
    )
    assert [rows[i].input_tokens for i in ("all", "one", "two")] == [None, 10, 20]


def test_a_twin_of_a_wrapper_gives_way_to_the_wrapped_call() -> None:
    rows = settled(
        [
            span("framework", "p", input_tokens=9, duration_ms=20.0, scope_name="a"),
            span("twin", "p", input_tokens=9, scope_name="b"),
            span("call", "framework", input_tokens=9, scope_name="c"),
        ]
    )
    assert [rows[i].input_tokens for i in ("framework", "twin", "call")] == [None, None, 9]


@pytest.mark.parametrize(
    "other",
    [
        {"scope_name": "a"},
        {"model": "claude"},
        {"input_tokens": 8},
        {"parent_span_id": "q"},
        {"start_time": 15 * MS},
    ],
    ids=lambda other: next(iter(other)),
)
def test_side_by_side_in_all_but_one_respect_is_no_twin(other: dict[str, object]) -> None:
    one = span("one", "p", input_tokens=9, model="gpt-4o", scope_name="a")
    two = replace(one, span_id="two", scope_name="b", model="gpt-4o-2024-08-06")
    assert len(settle([one, two])) == 1
    assert settle([one, replace(two, **other)]) == []  # type: ignore[arg-type]


def test_equal_calls_in_parallel_are_told_from_their_twins() -> None:
    spans = []
    for i in range(3):
        spans.append(
            span(f"f{i}", "p", start_time=i * 10, duration_ms=1 - i * 1e-4, input_tokens=9)
        )
        spans.append(
            span(
                f"p{i}",
                "p",
                start_time=i * 10 + 1,
                duration_ms=1 - i * 1e-4 - 1e-5,
                input_tokens=9,
                scope_name="provider",
            )
        )
    spans.append(replace(spans[-1], span_id="direct", start_time=28))
    assert total(settled(spans).values()) == 4 * 9


def test_circles_missing_parents_and_repeated_spans_end() -> None:
    circle = [span("a", "b", input_tokens=9), span("b", "a", input_tokens=9)]
    assert total(settled(circle).values()) == 9
    assert settle([span("a", "a", input_tokens=9)]) == []
    assert settle([span("a", "gone", input_tokens=9)]) == []
    assert settle([span("a", input_tokens=9)] * 2) == []
    twice = settle([span("a", input_tokens=9), span("a", input_tokens=9, start_time=10**13)])
    assert [(s.start_time, s.input_tokens) for s in twice] == [(10**13, None)]


def test_a_note_that_is_no_note_does_no_harm() -> None:
    for note in ("", "x", "[]", '{"input_tokens": "9", "cost_usd": -1}'):
        rows = settled([span("a", attributes={REPORTED_USAGE: note}), span("b", input_tokens=1)])
        assert rows["a"].input_tokens is None


def test_a_long_chain_takes_no_long_time() -> None:
    same = {"gen_ai.response.id": "r"}
    spans = [
        span(f"{i}", f"{i - 1}" if i else "", start_time=i, input_tokens=9, attributes=same)
        for i in range(20_000)
    ]
    start = time.perf_counter()
    assert total(settled(spans).values()) == 9
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("capture", "spent"),
    [
        ("litellm/chat", [24, 82]),
        ("litellm/chat_in_span", [106]),
        ("litellm/chat_with_openai", [106]),
        ("mlflow/tool_call", [206]),
        ("opentelemetry-instrumentation-langchain/tool_call_twice_genai", [206]),
        ("pydantic-ai/tool_call", [206]),
        ("pydantic-ai/tool_call_twice", [206]),
        ("plain-otel/genai", [211]),
        ("vercel-ai-5/embed", [5]),
        ("vercel-ai-5/generate", [206]),
        ("vercel-ai-7/stream_full", [206]),
    ],
)
def test_real_traces_add_up_to_what_the_model_reported(capture: str, spent: list[int]) -> None:
    traces: dict[str, list[Span]] = {}
    for path in sorted((CAPTURES / capture).glob("*_traces.*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        request = decode_traces(data, "json" if ".json" in path.name else "protobuf")
        now = request.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano
        read = normalise(request, now=now, retention_days=30, limits=ContentLimits())
        for row in read.spans:
            traces.setdefault(row.trace_id, []).append(row)
    sums = (total(settled(rows).values()) for rows in traces.values())
    assert sorted(filter(None, sums)) == spent


@dataclass
class _Spent:
    """Spans of a generated trace, and what its calls really cost."""

    spans: list[Span] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0))

    def add(self, parent: str, start: int, end: int, kind: str, **columns: object) -> str:
        span_id = f"{len(self.spans):04}"
        columns = {"duration_ms": (end - start) / MS, "start_time": start} | columns
        self.spans.append(span(span_id, parent, kind, **columns))
        return span_id


@st.composite
def traces(draw: st.DrawFn) -> _Spent:
    """Agents over agents, tools and calls; calls wrapped up to three times, some with a twin."""
    spent = _Spent()
    clock = 0

    def call(parent: str) -> dict[str, float]:
        nonlocal clock
        number = len(spent.spans) + 1
        usage = {"input_tokens": 100 + number, "output_tokens": number, "cost_usd": number / 1024}
        start, end = clock * MS, (clock + 10) * MS
        clock += 20
        kind = draw(st.sampled_from(["llm", "llm", "embedding"]))
        silent = draw(st.sampled_from(["", "", "no usage", "no cost"]))
        inner = dict(usage)
        if silent == "no usage":
            inner = {}
        elif silent == "no cost":
            inner.pop("cost_usd")
        by_id = {"gen_ai.response.id": f"r{number}"} if draw(st.booleans()) else {}
        wrappers = draw(st.integers(0, 3))
        for depth in range(wrappers):
            reported = usage if depth == 0 or draw(st.booleans()) else {}
            scope = f"w{depth}"
            parent = spent.add(
                parent,
                start + depth * 10,
                end - depth * 10,
                kind,
                scope_name=scope,
                attributes=by_id if draw(st.booleans()) else {},
                **reported,
            )
            if draw(st.booleans()):
                parent = spent.add(parent, start + 40, end - 40, "chain", scope_name=scope)
        told = usage if wrappers else inner
        text = "x" * draw(st.integers(0, 3))
        spent.add(
            parent,
            start + 50,
            end - 50,
            kind,
            scope_name="sdk",
            input=text,
            attributes=by_id,
            **inner,
        )
        if inner and draw(st.booleans()):
            spent.add(
                parent,
                start + 45,
                end - 45,
                kind,
                scope_name="twin",
                input="yy",
                attributes=by_id,
                **inner,
            )
        for name, number_ in told.items():
            spent.sums[name] += number_
        return told

    def agent(parent: str, depth: int) -> dict[str, float]:
        nonlocal clock
        place = len(spent.spans)
        kind = draw(st.sampled_from(["agent", "chain", "tool"]))
        start = clock * MS
        me = spent.add(parent, start, start, kind)
        sums: dict[str, float] = {}
        for _ in range(draw(st.integers(1, 3))):
            deeper = depth < 2 and draw(st.booleans())
            for name, number in (agent(me, depth + 1) if deeper else call(me)).items():
                sums[name] = sums.get(name, 0) + number
        changed = replace(spent.spans[place], duration_ms=(clock * MS - start) / MS)
        if draw(st.booleans()):
            changed = replace(changed, **sums)  # type: ignore[arg-type]
        spent.spans[place] = changed
        return sums

    agent("", 0)
    return spent


@settings(max_examples=300, deadline=None)
@given(traces(), st.randoms(use_true_random=False))
def test_the_sum_over_rows_is_what_was_spent(spent: _Spent, shuffle: random.Random) -> None:
    spans = list(spent.spans)
    shuffle.shuffle(spans)
    rows = settled(spans)
    for name in FIELDS:
        assert total(rows.values(), name) == pytest.approx(spent.sums[name])
    assert settle(list(rows.values())) == []
    assert settled(spent.spans) == rows


@settings(max_examples=300, deadline=None)
@given(traces(), st.randoms(use_true_random=False))
def test_spans_may_come_in_any_order(spent: _Spent, shuffle: random.Random) -> None:
    spans = list(spent.spans)
    shuffle.shuffle(spans)
    rows: dict[str, Span] = {}
    while spans:
        for late in (spans.pop() for _ in range(min(len(spans), shuffle.randint(1, 5)))):
            rows[late.span_id] = late
        rows = settled(rows.values())
    assert rows == settled(spent.spans)
