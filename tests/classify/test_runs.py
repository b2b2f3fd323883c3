"""Programs that use the same ids again: every run is kept, and judged by itself."""

from __future__ import annotations

import random

import pytest

from classify.settle.runs import runs, told_apart
from clickhouse.span import Span
from tests.classify.job_store import SECOND, Store, Tree, Words
from tests.ingest.spans import NOW

TRACE = f"{random.Random(42).getrandbits(128):032x}"


def run(number: int, output: str = "fine", tokens: int = 10) -> list[Span]:
    """An agent and its model call, a minute after the run before it, with the ids of all runs."""
    start = NOW - 30 * 60 * SECOND + number * 60 * SECOND
    agent = Span(TRACE, "a" * 16, name="agent", step_kind="agent", start_time=start)
    call = Span(
        TRACE,
        "b" * 16,
        "a" * 16,
        name="chat",
        step_kind="llm",
        start_time=start + SECOND,
        duration_ms=500.0,
        output=output,
        input_tokens=tokens,
    )
    for span in (agent, call):
        span.fingerprint = span.start_time
    return [agent, call]


def numbers(traces: str, spans: str, starts: list[int], projects: str = "") -> list[int]:
    """A letter a row."""
    whose = list(projects) or [""] * len(starts)
    return runs({"project": whose, "trace_id": traces, "span_id": spans, "start_time": starts})


def test_the_same_ids_in_two_projects_are_no_runs() -> None:
    assert numbers("tttt", "abab", [1, 2, 11, 12], projects="aabb") == []
    assert numbers("tttt", "aaaa", [1, 2, 11, 12], projects="abab") == [0, 0, 1, 1]


def test_runs_are_told_apart_by_ids_that_come_again() -> None:
    assert numbers("tttt", "abab", [1, 2, 11, 12]) == [0, 0, 1, 1]
    # Another trace has no part in it; the order of rows does not matter.
    assert numbers("tuttt", "zbaab", [11, 5, 21, 1, 2]) == [0, 0, 1, 0, 0]
    # A run that used some of the ids only.
    assert numbers("ttttt", "abcac", [1, 2, 3, 11, 12]) == [0, 0, 0, 1, 1]


def test_no_ids_come_again() -> None:
    assert numbers("ttuu", "abab", [1, 2, 1, 2]) == []
    # One span that was sent twice with other content.
    assert numbers("ttt", "abb", [1, 2, 2]) == []


def test_only_runs_with_something_to_do_are_judged() -> None:
    columns = {
        "project": [""] * 4,
        "trace_id": "tttt",
        "span_id": "abab",
        "start_time": [1, 2, 11, 12],
    }
    kept, number = told_apart(columns, lambda row: row == 3)
    assert kept["start_time"] == [11, 12]
    assert number == [1, 1]


def test_every_run_of_a_seeded_program_is_kept_and_judged_by_itself(db: Store) -> None:
    for number, output in enumerate(["fine", "bad", "fine"]):
        db.insert(run(number, output))
        db.insert(run(number, output))  # as a retry does
        db.judge()
    rows = db.query(
        "SELECT id_reuse, words, tree, input_tokens, verdict_version > 0 FROM spans"
        " WHERE step_kind = 'llm' ORDER BY start_time"
    )
    assert [row[:2] for row in rows] == [(0, "pass"), (1, "fail"), (2, "pass")]
    assert all(row[4] for row in rows)
    assert db.query("SELECT sum(input_tokens), count() FROM spans") == [(30, 6)]


def test_runs_that_came_at_once_are_told_apart_too(db: Store) -> None:
    db.insert([span for number in range(5) for span in run(number)])
    assert db.judge() == 10
    assert db.query("SELECT id_reuse, count() FROM spans GROUP BY 1 ORDER BY 1") == [
        (number, 2) for number in range(5)
    ]
    # Nothing is left to do, and a further run leaves the earlier ones as they are.
    assert db.judge() == 0
    db.insert(run(5))
    assert db.judge() == 2


def test_the_job_counts_and_warns(db: Store, caplog: pytest.LogCaptureFixture) -> None:
    db.insert([*run(0), *run(1)])
    job = db.job(Words(), Tree())
    job.run()
    job.close()
    assert job.telemetry.reused_ids._value.get() == 2
    assert "random.seed" in caplog.text
    assert TRACE in caplog.text


def test_one_span_sent_with_other_content_is_kept_and_counts_once(db: Store) -> None:
    (_, call) = run(0)
    (_, other) = run(0, "another text")
    other.fingerprint += 1
    db.insert([call, other])
    db.judge()
    assert db.query("SELECT id_reuse, output FROM spans ORDER BY output") == [
        (0, "another text"),
        (0, "fine"),
    ]
    assert db.query("SELECT sum(input_tokens) FROM spans") == [(10,)]


def test_late_content_goes_to_the_run_during_which_it_was_written(db: Store) -> None:
    first, second = run(0)[1], run(1)[1]
    db.insert([first, second])
    db.insert_content(
        [
            (
                TRACE,
                "b" * 16,
                second.start_time + 1000,
                7,
                "gen_ai.user.message",
                '{"body": {"content": "of the second run"}}',
            )
        ]
    )
    db.judge()
    assert db.query("SELECT id_reuse, input FROM spans ORDER BY id_reuse") == [
        (0, ""),
        (1, "of the second run"),
    ]
