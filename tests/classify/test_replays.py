"""A replay is no production: it takes nothing from the trace that it repeats, and adds nothing to
what later turns are judged by."""

from __future__ import annotations

from dataclasses import replace

from classify.settle.inherit import inherit
from clickhouse.span import Span
from tests.classify.job_store import SECOND, Recall, Store, now, trace, trace_id


def again(of: list[Span], number: int, *, after: int) -> list[Span]:
    """The same spans as a replay sends them."""
    return [
        replace(
            span,
            trace_id=trace_id(number),
            start_time=span.start_time + after,
            replay_of=of[0].trace_id,
        )
        for span in of
    ]


def test_a_service_that_a_replay_calls_is_part_of_it() -> None:
    of = trace_id(1)
    root = Span(trace_id(2), "a" * 16, start_time=1, replay_of=of)
    beside = Span(trace_id(2), "b" * 16, start_time=1)
    below = Span(trace_id(2), "c" * 16, "a" * 16, start_time=2, service_name="another")
    rows = {span.span_id: span for span in (root, beside, below)}
    rows |= {span.span_id: span for span in inherit(list(rows.values()))}
    assert rows["c" * 16].replay_of == of
    # A job that runs replays is none.
    assert rows["b" * 16].replay_of == ""


def test_recorded_answers_keep_their_cost_where_they_were_given(db: Store) -> None:
    def call(number: int, parent: str, scope: str) -> Span:
        return Span(
            trace_id(number),
            f"{number:015x}c",
            parent,
            name="chat",
            step_kind="llm",
            start_time=began,
            duration_ms=50.0,
            service_name="shop",
            model="gpt-4o-mini",
            input_tokens=80,
            output_tokens=20,
            cost_usd=0.25,
            input="Weather in Paris?",
            output="It is 18 degrees and sunny in Paris.",
            response_id="chatcmpl-1",
            scope_name=scope,
        )

    began = now() - 60 * SECOND
    root = Span(trace_id(1), "a" * 16, name="agent", step_kind="agent", start_time=began)
    db.insert([root, call(1, "a" * 16, "framework")])
    # The record answers the replay's call, whose instrumentation is another one.
    db.insert(again([call(1, "", "client")], 2, after=SECOND))
    db.judge()
    assert db.query("SELECT sum(cost_usd), countIf(twin_of != '') FROM spans") == [(0.5, 0)]
    assert db.query("SELECT sum(cost_usd) FROM spans WHERE replay_of = ''") == [(0.25,)]


def test_a_replayed_turn_is_no_turn_of_the_session(db: Store) -> None:
    began = now() - 600 * SECOND
    first = trace(1, start=began, session_id="s", name="first")
    db.insert(first)
    db.insert(again(first, 2, after=60 * SECOND))
    db.insert(trace(3, start=began + 120 * SECOND, session_id="s", name="second"))
    db.judge(Recall())
    told = dict(
        db.query("SELECT trace_id, evidence['recall'] FROM spans WHERE parent_span_id = ''")
    )
    assert told[trace_id(3)] == "seen first"
    # A replay has the session before it, as its original had.
    assert told[trace_id(2)] == "seen first"
