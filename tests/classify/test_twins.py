"""One call that two instrumentations report in two traces counts once, whoever is judged first."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import ClassVar

import pytest

from classify.classifier import Subject
from classify.job.classify_job import ClassifyJob
from classify.job.rows import Rows
from classify.settle.twins import Twin
from classify.settle.twins import match as match_pairs
from clickhouse.span import Span, Verdict
from tests.classify.job_store import Store, Tree, Words, now, trace_id

MS = 10**6
TEXT = "It is 18 degrees and sunny in Paris."
_ids = itertools.count(1)


def call(number: int, parent: str = "", at: int = 0, **columns: object) -> Span:
    """A model call in the trace of that number."""
    defaults: dict[str, object] = {
        "name": "chat",
        "step_kind": "llm",
        "start_time": at,
        "duration_ms": 50.0,
        "service_name": "shop",
        "model": "gpt-4o-mini",
        "input_tokens": 80,
        "output_tokens": 20,
        "cost_usd": 0.25,
        "input": "Weather in Paris?",
        "output": TEXT,
        "response_id": "chatcmpl-1",
        "scope_name": "client",
    }
    return Span(trace_id(number), f"{next(_ids):016x}", parent, **(defaults | columns))  # type: ignore[arg-type]


def run(number: int, at: int, **columns: object) -> list[Span]:
    """An agent's trace with one model call, reported by a framework."""
    root = Span(
        trace_id(number),
        f"{next(_ids):016x}",
        name="agent",
        step_kind="agent",
        start_time=at - 10 * MS,
        duration_ms=100.0,
        service_name="shop",
        session_id="s-1",
    )
    columns = {"scope_name": "framework", "duration_ms": 60.0} | columns
    return [root, call(number, root.span_id, at - 5 * MS, **columns)]


def match(calls: Sequence[Span], orphans: Collection[str]) -> dict[str, Twin]:
    """Each of the calls held against each other."""
    return match_pairs(calls, orphans, combinations([(c.trace_id, c.span_id) for c in calls], 2))


def sums(db: Store) -> tuple[int, int, float]:
    """Input tokens, output tokens, traces."""
    ((tokens_in, tokens_out, cost, traces),) = db.query(
        "SELECT sum(input_tokens), sum(output_tokens), sum(cost_usd),"
        " uniqExact(if(twin_of = '', trace_id, substring(twin_of, 1, 32))) FROM spans"
    )
    assert cost == pytest.approx(tokens_in / 80 * 0.25)
    return tokens_in, tokens_out, traces


@pytest.mark.parametrize("first", ["orphan", "run", "both"])
def test_an_orphan_is_marked_whichever_comes_first(db: Store, first: str) -> None:
    at = now()
    larger, orphan = run(1, at), call(2, at=at)
    for part in {
        "orphan": ([orphan], larger),
        "run": (larger, [orphan]),
        "both": ([orphan, *larger],),
    }[first]:
        db.insert(part)
        db.judge()
    assert sums(db) == (80, 20, 1)
    ((tokens, twin_of, reported, label, evidence),) = db.query(
        "SELECT input_tokens, twin_of, attributes['everyspan.reported_usage'], words,"
        f" evidence['words'] FROM spans WHERE span_id = '{orphan.span_id}'"
    )
    there = larger[1]
    assert tokens is None
    assert twin_of == f"{there.trace_id}/{there.span_id}"
    assert reported == '{"input_tokens":80,"output_tokens":20,"cost_usd":0.25}'
    assert label == "not_applicable"
    assert evidence == f"the same call as span {there.span_id} of trace {there.trace_id}"
    assert db.judge() == 0
    assert sums(db) == (80, 20, 1)


def test_a_running_job_sees_a_second_report_that_comes_later(db: Store) -> None:
    at = now()
    job = db.job()
    try:
        db.insert([call(2, at=at)])
        job.run()
        db.insert(run(1, at))
        job._twins_at = 0  # five seconds later
        job.run()
        job._twins_at = 0
        job.run()
        assert sums(db) == (80, 20, 1)
        job._twins_at = 0
        assert job.run() == 0
    finally:
        job.close()


class Watching(Words):
    """Looks for marks whenever it is asked, and has them due again."""

    db: ClassVar[Store]
    job: ClassVar[ClassifyJob]
    seen: ClassVar[list[int]] = []

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        rows = Watching.db.query("SELECT count() FROM spans WHERE twin_of != ''")
        Watching.seen.append(rows[0][0])
        Watching.job._twins_at = 0
        return super().judge(subjects)


def test_a_second_report_is_seen_before_a_backlog_is_through(db: Store) -> None:
    at = now()
    job = db.job(Watching(), Tree(), classify_batch_rows=1)
    Watching.db, Watching.job = db, job
    try:
        db.insert([call(2, at=at)])
        job.run()
        db.insert(run(1, at))
        others = {"scope_name": "framework", "start_time": at + 10**9}
        db.insert([call(i, at=at, response_id=f"r-{i}", **others) for i in range(100, 110)])
        Watching.seen.clear()
        job.run()
        assert Watching.seen[-1] == 1
        assert sums(db) == (80 * 11, 20 * 11, 11)
    finally:
        job.close()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_shard_of_the_orphan_marks_it(db: Store, order: tuple[int, int]) -> None:
    """Over many traces, so that both sides fall on both shards."""
    at = now()
    for i in range(12):
        one = {"response_id": f"chatcmpl-{i}", "output": f"{TEXT} {i}"}
        db.insert(run(100 + i, at + i * MS, **one))
        db.insert([call(200 + i, at=at + i * MS, **one)])
    for index in (*order, *order):
        db.judge(classify_shard=f"{index}/2")
    assert sums(db) == (80 * 12, 20 * 12, 12)
    assert db.query("SELECT uniqExact(twin_of), countIf(twin_of != '') FROM spans") == [(13, 12)]


def test_of_two_bare_calls_the_one_that_says_more_counts(db: Store) -> None:
    at = now()
    less = call(1, at=at, scope_name="native", output="", input="")
    more = call(2, at=at + MS, duration_ms=40.0)
    db.insert([less])
    db.judge()
    db.insert([more])
    db.judge()
    assert sums(db) == (80, 20, 1)
    assert db.query("SELECT trace_id, words FROM spans WHERE twin_of = ''") == [
        (more.trace_id, "pass")
    ]


def test_an_orphan_keeps_what_the_other_lacks_and_is_judged_where_that_has_no_text(
    db: Store,
) -> None:
    at = now()
    silent = run(1, at, output="", input="", input_tokens=None, cost_usd=None)
    db.insert([*silent, call(2, at=at, reasoning_tokens=7, output=TEXT + " bad")])
    db.judge()
    ((counted, out, reasoning, label),) = db.query(
        "SELECT input_tokens, output_tokens, reasoning_tokens, words FROM spans WHERE twin_of != ''"
    )
    assert (counted, out, reasoning, label) == (80, None, 7, "fail")
    assert db.query("SELECT sum(output_tokens), sum(cost_usd) FROM spans") == [(20, 0.25)]


def test_late_spans_of_a_marked_trace_are_marked(db: Store) -> None:
    at = now()
    orphan = call(2, at=at)
    db.insert([*run(1, at), orphan])
    db.judge()
    late = call(2, orphan.span_id, at + MS, scope_name="third", duration_ms=30.0, response_id="")
    db.insert([late])
    db.judge()
    assert sums(db) == (80, 20, 1)
    assert db.query("SELECT countIf(twin_of != '') FROM spans") == [(2,)]


def test_judging_again_keeps_the_marks(db: Store) -> None:
    at = now()
    db.insert([*run(1, at), call(2, at=at)])
    db.judge()
    assert db.judge(Words(version=2), Tree(), classify_rejudge_share=1.0) == 3
    assert sums(db) == (80, 20, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"response_id": "chatcmpl-2"},
        {"model": "claude-sonnet-4-5"},
        {"start_time": now() + 10**12},
        {"output": "It rains."},
        {"scope_name": "framework"},
        {"step_kind": "embedding"},
        {"parent_span_id": f"{7:016x}"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_in_one_respect_is_another_call(other: dict[str, object]) -> None:
    at = now()
    larger, orphan = run(1, at), call(2, at=at)
    assert match([larger[1], orphan], [orphan.trace_id])[orphan.trace_id].of
    changed = replace(orphan, **other)  # type: ignore[arg-type]
    orphans = [] if changed.parent_span_id else [orphan.trace_id]
    assert match([larger[1], changed], orphans).get(orphan.trace_id, Twin()) == Twin()


@pytest.mark.parametrize(
    "other",
    [
        {"service_name": "another"},
        {"output_tokens": 21},
        {"input_tokens": 81},
        {"output": "It rains."},
        {"input": "Weather in Rome?"},
        {"duration_ms": 70.0},
        {"output": "", "output_tokens": None},
    ],
    ids=str,
)
def test_without_an_id_more_must_agree(other: dict[str, object]) -> None:
    at = now()
    larger, orphan = run(1, at), call(2, at=at, response_id="")
    assert match([larger[1], orphan], [orphan.trace_id])[orphan.trace_id].of
    changed = replace(orphan, **other)  # type: ignore[arg-type]
    assert match([larger[1], changed], [orphan.trace_id]) == {orphan.trace_id: Twin()}


def test_without_an_id_and_tokens_the_texts_say_it() -> None:
    at = now()
    larger = run(1, at, output='[{"id":null,"name":"get","arguments":{"city":"Paris"}}]')
    orphan = call(
        2,
        at=at,
        response_id="",
        input_tokens=None,
        output_tokens=None,
        output='[{"id":"call_1","name":"get","arguments":{"city": "Paris"}}]',
    )
    assert match([larger[1], orphan], [orphan.trace_id])[orphan.trace_id].of
    failed = replace(orphan, output="", status="error")
    broken = replace(larger[1], output="", status="error", input_tokens=None, output_tokens=None)
    assert match([broken, failed], [orphan.trace_id])[orphan.trace_id].of


def test_tokens_that_were_cached_may_be_counted_apart() -> None:
    at = now()
    apart = call(1, at=at, response_id="", input_tokens=50, cached_input_tokens=30)
    together = call(2, at=at + MS, duration_ms=40.0, scope_name="native", output="", input="")
    found = match([apart, together], [apart.trace_id, together.trace_id])
    # The one that counts them in is right; the other has the texts to be judged by.
    assert found[apart.trace_id] == Twin(
        f"{together.trace_id}/{together.span_id}",
        ("input_tokens", "output_tokens", "cost_usd"),
        judged=False,
    )
    assert found[together.trace_id] == Twin()


def test_one_id_and_one_text_for_all_answers(db: Store) -> None:
    """A stand-in under load: twenty calls side by side, half of them through the framework."""
    at = now()
    rows: list[Span] = []
    for i in range(20):
        if i % 2:
            rows += run(100 + i, at + i * MS)
        rows.append(call(200 + i, at=at + i * MS))
    db.insert(rows)
    db.judge()
    assert sums(db) == (80 * 20, 20 * 20, 20)


def test_spans_of_two_larger_traces_both_count(db: Store) -> None:
    at = now()
    db.insert([*run(1, at), *run(2, at, scope_name="client")])
    db.judge()
    assert sums(db) == (160, 40, 2)


def test_a_trace_with_more_than_the_call_is_no_orphan(db: Store) -> None:
    at = now()
    root = call(2, at=at, name="agent as a model call")
    tool = replace(call(2, root.span_id, at), step_kind="tool", cost_usd=None, input_tokens=None)
    db.insert([*run(1, at), root, replace(tool, output_tokens=None)])
    db.judge()
    assert sums(db) == (160, 40, 2)


def test_no_stop_between_the_writes_loses_or_doubles(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process had died right before any of the writes of a pass."""
    at = now()
    db.insert([*run(1, at), call(2, at=at)])
    written = Rows.write_spans
    for stop_at in range(4):
        writes = itertools.count()

        def dying(
            rows: Rows, block: bytes, writes: Iterator[int] = writes, stop_at: int = stop_at
        ) -> None:
            if next(writes) == stop_at:
                raise KeyboardInterrupt
            written(rows, block)

        monkeypatch.setattr(Rows, "write_spans", dying)
        with contextlib.suppress(KeyboardInterrupt):
            db.judge(classify_batch_rows=1)
    monkeypatch.undo()
    db.judge()
    assert sums(db) == (80, 20, 1)


@pytest.mark.parametrize("order", range(6))
def test_three_reports_in_any_order(db: Store, order: int) -> None:
    at = now()
    reports = [
        run(1, at),
        [call(2, at=at, reasoning_tokens=7)],
        [call(3, at=at + MS, duration_ms=40.0, scope_name="third", reasoning_tokens=7)],
    ]
    for part in list(itertools.permutations(reports))[order]:
        db.insert(part)
        db.judge()
    db.judge()
    assert db.judge() == 0
    assert sums(db) == (80, 20, 1)
    assert db.query("SELECT sum(reasoning_tokens), countIf(twin_of != '') FROM spans") == [(7, 2)]


def test_another_call_with_the_same_id_takes_no_twin_away(db: Store) -> None:
    at = now()
    db.insert([*run(1, at), call(2, at=at)])
    db.judge()
    db.insert([call(3, at=at + 30 * MS, scope_name="third", output="It rains.")])
    db.judge()
    assert db.judge() == 0
    assert sums(db) == (160, 40, 2)


def test_thousands_of_bare_calls_are_asked_for_at_once(db: Store) -> None:
    """Two services, each with an instrumentation of its own, and ids as long as they get."""
    at = now()
    db.insert(
        [
            call(
                1_000 + i,
                at=at + i * 1_000,
                service_name=f"shop {i % 2}",
                scope_name=f"client {i % 2}",
                response_id=f"chatcmpl-{i:0119}",
            )
            for i in range(5_000)
        ]
    )
    db.insert([*run(1, at), call(2, at=at)])
    db.judge()
    assert sums(db) == (80 * 5_001, 20 * 5_001, 5_001)
