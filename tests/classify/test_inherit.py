"""Session, user, experiment, prompt and agent reach every step, and a step's own value wins."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.settle.inherit import COLUMNS, INHERITED, inherit
from clickhouse.span import Span
from ingest.attributes import loads
from tests.classify.job_store import Store, now, trace_id
from tests.ingest.test_captures import PAYLOADS, rows_of


def span(span_id: str, parent: str = "", **columns: Any) -> Span:
    return Span("t" * 32, span_id, parent, start_time=columns.pop("at", 1), **columns)


def handed_down(spans: Iterable[Span]) -> dict[str, Span]:
    rows = {s.span_id: s for s in spans}
    return rows | {s.span_id: s for s in inherit(list(rows.values()))}


def test_all_of_it_from_the_root() -> None:
    said = {column: column.upper() for column in COLUMNS}
    rows = handed_down([span("root", **said), span("a", "root"), span("b", "a")])
    for row in rows.values():
        assert {column: getattr(row, column) for column in COLUMNS} == said
    assert loads(rows["b"].attributes[INHERITED]) == dict.fromkeys(COLUMNS, "root")
    assert INHERITED not in rows["root"].attributes


def test_the_nearest_ancestor_and_what_the_step_says_itself() -> None:
    rows = handed_down(
        [
            span("root", session_id="s", agent_name="outer", prompt_name="p", prompt_version="1"),
            span("agent", "root", session_id="own", agent_name="inner", prompt_name="q"),
            span("call", "agent", user_id="u"),
        ]
    )
    call = rows["call"]
    assert (call.session_id, call.agent_name, call.user_id) == ("own", "inner", "u")
    # A pair comes from one span: version 1 is another prompt's.
    assert (call.prompt_name, call.prompt_version) == ("q", "")


def test_session_and_user_from_anywhere_if_it_is_the_only_one() -> None:
    rows = handed_down(
        [
            span("root"),
            span("agent", "root", session_id="s", user_id="u", agent_name="a", prompt_name="p"),
            span("call", "root", user_id="u"),
            span("lost", "never came"),
        ]
    )
    assert {row.session_id for row in rows.values()} == {"s"}
    assert {row.user_id for row in rows.values()} == {"u"}
    for name in ("root", "call", "lost"):
        assert (rows[name].agent_name, rows[name].prompt_name) == ("", "")


def test_of_two_sessions_the_root_decides_or_nobody() -> None:
    two = [span("a", "root", session_id="1"), span("b", "root", session_id="2"), span("c", "root")]
    assert handed_down([span("root"), *two])["c"].session_id == ""
    assert handed_down([span("root", session_id="3"), *two])["c"].session_id == "3"


def test_a_root_that_changes_or_says_nothing_any_more_reaches_its_steps() -> None:
    first = handed_down([span("root", session_id="1"), span("a", "root"), span("b", "a")])
    changed = handed_down([span("root", session_id="2"), first["a"], first["b"]])
    assert {row.session_id for row in changed.values()} == {"2"}
    gone = handed_down([span("root"), first["a"], first["b"]])
    assert {row.session_id for row in gone.values()} == {""}
    assert all(INHERITED not in row.attributes for row in gone.values())


def test_a_note_that_is_no_note_does_no_harm() -> None:
    for note in ("", "x", "[]", '{"session_id": 7}', '{"nothing": "a"}'):
        rows = handed_down(
            [span("a", session_id="s", attributes={INHERITED: note}), span("b", "a")]
        )
        assert rows["b"].session_id == "s"


def test_circles_and_long_chains_end() -> None:
    rows = handed_down([span("a", "b", session_id="s"), span("b", "a"), span("c", "c")])
    assert {row.session_id for row in rows.values()} == {"s"}
    chain = [span("0", user_id="u")]
    chain += [span(f"{i}", f"{i - 1}", at=i) for i in range(1, 20_000)]
    begin = time.perf_counter()
    assert {row.user_id for row in handed_down(chain).values()} == {"u"}
    assert time.perf_counter() - begin < 5


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    values = st.sampled_from(["", "", "1", "2"])
    spans = []
    for i in range(draw(st.integers(1, 8))):
        parent = draw(st.sampled_from(["", "gone", *(s.span_id for s in spans)]))
        own = {column: draw(values) for column in COLUMNS}
        spans.append(span(f"{i}", parent, at=draw(st.integers(0, 3)), **own))
    return spans


@given(traces(), st.randoms(use_true_random=False), st.integers(0, 8))
def test_when_spans_come_makes_no_difference(
    spans: list[Span], shuffle: random.Random, late: int
) -> None:
    whole = handed_down(spans)
    assert handed_down(whole.values()) == whole
    early = [*spans]
    shuffle.shuffle(early)
    first = handed_down(early[late:])
    assert handed_down([*first.values(), *early[:late]]) == whole
    for row in spans:
        for column in COLUMNS:
            assert getattr(row, column) in ("", getattr(whole[row.span_id], column))


def agent(number: int, **root: Any) -> list[Span]:
    start = now()
    columns = {"service_name": "shop", "duration_ms": 5.0}
    return [
        Span(
            trace_id(number),
            f"{number}0".zfill(16),
            step_kind="agent",
            start_time=start,
            **columns,
            **root,
        ),
        Span(
            trace_id(number),
            f"{number}1".zfill(16),
            f"{number}0".zfill(16),
            step_kind="llm",
            start_time=start + 1,
            model="gpt-4o-mini",
            cost_usd=0.5,
            input_tokens=7,
            **columns,
        ),
    ]


SAID: dict[str, Any] = {
    "session_id": "s",
    "user_id": "u",
    "experiment": "e",
    "variant": "b",
    "attributes": {
        "everyspan.experiments": '{"e":"b","f":"a"}',
        "everyspan.experiment_units": '{"e":"u"}',
    },
}


@pytest.mark.parametrize("late", ["nothing", "root", "step"])
def test_cost_by_session_user_and_variant(db: Store, late: str) -> None:
    root, step = agent(1, **SAID)
    parts = {"nothing": [[root, step]], "root": [[step], [root]], "step": [[root], [step]]}[late]
    for part in parts:
        db.insert(part)
        db.judge()
    for column, value in (("session_id", "s"), ("user_id", "u"), ("variant", "b")):
        assert db.query(
            f"SELECT {column}, sum(cost_usd), count() FROM spans GROUP BY {column}"
        ) == [(value, 0.5, 2)]
    assert db.query("SELECT DISTINCT experiments, experiment_units FROM spans") == [
        ({"e": "b", "f": "a"}, {"e": "u"})
    ]
    assert db.query(
        "SELECT unit, uniqExact(trace_id), sum(cost_usd) FROM experiment_spans"
        " WHERE experiment = 'e' GROUP BY unit"
    ) == [("u", 1, 0.5)]
    assert db.judge() == 0


@pytest.mark.parametrize(
    "capture",
    [
        "openinference-instrumentation-langchain/tool_call",
        "opentelemetry-instrumentation-langchain/tool_call",
        "vercel-ai-7/generate",
        "vercel-ai-5/generate",
        "langsmith/*",
        "pydantic-ai/tool_call",
    ],
)
def test_real_traces_have_one_session_on_all_steps(capture: str) -> None:
    for path in sorted(PAYLOADS.glob(capture)):
        rows = rows_of(path)
        for _, trace in itertools.groupby(
            sorted(rows, key=lambda row: row.trace_id), key=lambda row: row.trace_id
        ):
            assert len({row.session_id for row in trace}) == 1
