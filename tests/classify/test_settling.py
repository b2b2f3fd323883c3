"""Numbers count once though nothing is judged: what rows say waits for no classifier."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from classify.classifier import Subject
from classify.job.settling import Settling
from classify.service import ClassifyService
from classify.settle.early import counted_early
from classify.settle.running_totals import without_earlier
from classify.settle.trace import settled, with_changes
from clickhouse.connection import connect
from clickhouse.span import Span, Verdict
from tests.classify.job_store import Store, Tree, Words, engine, now, store, trace_id

MS = 10**6


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("settling") / "clickhouse") as found:
        yield found


@pytest.fixture
def db(dsn: str) -> Iterator[Store]:
    with store(dsn) as found:
        yield found


@pytest.fixture
def settling(db: Store) -> Iterator[Settling]:
    found = another(db)
    yield found
    found.close()


def another(db: Store, **settings: object) -> Settling:
    changed = db.settings.model_copy(update=settings)
    return Settling(changed, lambda: connect(db.settings.dsn))


def run(settling: Settling) -> int:
    """One pass, whatever the last one took."""
    settling._next_at = settling._twins_at = 0.0
    return settling.run()


def step(number: int, span: int, parent: int = 0, **columns: object) -> Span:
    """A span of the trace of that number, a millisecond after the one before."""
    defaults: dict[str, object] = {
        "name": "chat",
        "step_kind": "llm",
        "start_time": now() - 1000 * MS + span * MS,
        "duration_ms": 50.0,
        "service_name": "shop",
        "scope_name": "framework",
        "input": "Weather in Paris?",
        "output": "Sunny.",
    }
    return Span(
        trace_id(number),
        f"{span:016x}",
        f"{parent:016x}" if parent else "",
        **(defaults | columns),  # type: ignore[arg-type]
    )


def spent(db: Store) -> tuple[int, int]:
    """Input tokens, and rows that have no verdict."""
    ((tokens, waiting),) = db.query(
        "SELECT sum(input_tokens), countIf(verdict_version = 0) FROM spans"
    )
    return tokens or 0, waiting


def test_a_call_within_a_call_that_came_in_another_request(db: Store, settling: Settling) -> None:
    outer = step(1, 2, 1, input_tokens=412, output_tokens=30, cost_usd=0.5, documents=["one"])
    inner = step(1, 3, 2, scope_name="client", input_tokens=412, output_tokens=30, cost_usd=0.5)
    db.insert([inner])
    assert run(settling) == 0
    db.insert([outer, step(1, 1, step_kind="chain")])
    assert spent(db) == (824, 3)
    assert run(settling) == 1
    assert spent(db) == (412, 3)
    assert db.query(
        "SELECT input_tokens, attributes['everyspan.reported_usage'], input, documents FROM spans"
        f" WHERE span_id = '{outer.span_id}'"
    ) == [
        (
            None,
            '{"input_tokens":412,"output_tokens":30,"cost_usd":0.5}',
            "Weather in Paris?",
            ["one"],
        )
    ]
    assert run(settling) == 0
    # After a stop all is looked at again, and stays.
    afterwards = another(db)
    assert run(afterwards) == 0
    afterwards.close()
    # A sender that didn't hear of the answer sends its batch again.
    db.insert([outer])
    assert spent(db) == (824, 3)
    assert run(settling) == 1
    assert spent(db) == (412, 3)
    db.judge()
    assert spent(db) == (412, 0)
    assert db.judge() == 0


def test_a_sum_comes_back_where_nothing_below_reports_it_once_the_trace_is_quiet(
    db: Store,
) -> None:
    settling = another(db, classify_trace_quiet_seconds=3600)
    apart = {"everyspan.reported_usage": '{"input_tokens":412}'}
    db.insert([step(1, 1, step_kind="agent", attributes=apart)])
    assert run(settling) == 0
    for waiting in settling._waiting.values():  # an hour later
        waiting.at = waiting.quiet_at = 0.0
    assert run(settling) == 1
    assert spent(db) == (412, 1)
    # And goes again with what it was the sum of.
    db.insert([step(1, 2, 1, input_tokens=200), step(1, 3, 1, input_tokens=212)])
    assert run(settling) == 1
    assert spent(db) == (412, 3)
    settling.close()


def test_a_running_total_is_what_each_call_used_in_whatever_order_they_come(
    db: Store, settling: Settling
) -> None:
    calls = [
        step(
            1,
            span,
            1,
            scope_name="org.springframework.boot",
            input_tokens=said,
            output_tokens=10 * span,
        )
        for span, said in ((2, 100), (3, 220), (4, 480))
    ]
    db.insert([step(1, 1, step_kind="chain"), calls[0], calls[2]])
    run(settling)
    assert spent(db) == (480, 3)
    db.insert([calls[1]])
    run(settling)
    assert spent(db) == (480, 4)
    assert db.query("SELECT input_tokens FROM spans WHERE step_kind = 'llm' ORDER BY span_id") == [
        (100,),
        (120,),
        (260,),
    ]
    db.judge()
    assert spent(db) == (480, 0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_call_in_two_traces(db: Store, settling: Settling, order: tuple[int, int]) -> None:
    same = {"input_tokens": 412, "output_tokens": 30, "response_id": "r-1", "start_time": now()}
    reports = (
        [step(1, 1, step_kind="agent", duration_ms=100.0), step(1, 2, 1, **same)],
        [step(2, 3, scope_name="client", duration_ms=40.0, **same)],
    )
    for place in order:
        db.insert(reports[place])
        run(settling)
    assert spent(db) == (412, 3)
    assert db.query("SELECT count() FROM spans WHERE twin_of != ''") == [(1,)]
    db.judge()
    assert spent(db) == (412, 0)


def test_a_call_that_comes_late_below_one_that_has_its_verdicts(
    db: Store, settling: Settling
) -> None:
    db.insert([step(1, 1, step_kind="chain"), step(1, 2, 1, input_tokens=412, output_tokens=3)])
    db.judge()
    late = {"scope_name": "client", "output_tokens": 3}
    db.insert([step(1, 3, 2, input_tokens=412, **late), step(1, 4, 1, input_tokens=7, **late)])
    assert spent(db) == (831, 2)
    run(settling)
    # The judged row is the job's; the new one does without.
    assert spent(db) == (419, 2)
    db.judge()
    assert spent(db) == (419, 0)
    assert db.query("SELECT span_id, input_tokens FROM spans WHERE input_tokens > 0") == [
        (f"{3:016x}", 412),
        (f"{4:016x}", 7),
    ]


def test_each_share_settles_its_own(db: Store) -> None:
    for number in range(1, 9):
        db.insert([step(number, 1, input_tokens=5), step(number, 2, 1, input_tokens=5)])
    settled_rows = 0
    for index in range(2):
        settling = another(db, classify_shard=f"{index}/2")
        settled_rows += run(settling)
        settling.close()
    assert (settled_rows, spent(db)) == (8, (40, 16))


def test_rows_older_than_two_days_are_settled_when_they_come(db: Store, settling: Settling) -> None:
    run(settling)
    old = now() - 5 * 86_400 * 10**9
    db.insert([step(1, 1, input_tokens=5, start_time=old)])
    db.insert([step(1, 2, 1, input_tokens=5, start_time=old + MS)])
    assert run(settling) == 1
    assert spent(db) == (5, 2)


def test_traces_that_do_not_fit_into_memory_are_taken_in_parts(db: Store) -> None:
    text = "x" * 30_000
    for number in range(1, 6):
        db.insert(
            [
                step(number, 1, input_tokens=5, input=text),
                step(number, 2, 1, input_tokens=5, input=text),
            ]
        )
    settling = another(db, classify_batch_bytes=1 << 16)
    assert run(settling) == 5
    assert spent(db) == (25, 10)
    settling.close()


class Slow(Words):
    """Judges nothing until it may."""

    may = threading.Event()
    asked = threading.Event()

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        Slow.asked.set()
        Slow.may.wait(60)
        return super().judge(subjects)


def test_a_service_whose_classifiers_have_a_backlog_settles_all_the_same(db: Store) -> None:
    settings = db.settings.model_copy(update={"classify_interval_seconds": 0.1})
    running = ClassifyService(settings, lambda: connect(db.settings.dsn), (Slow(), Tree()))
    running.start()
    try:
        db.insert([step(number, 1, input_tokens=1) for number in range(1, 200)])
        assert Slow.asked.wait(90)
        db.insert([step(300, 3, 2, scope_name="client", input_tokens=412)])
        db.insert([step(300, 2, input_tokens=412)])
        _wait_until(lambda: spent(db)[0] == 199 + 412)
        assert spent(db)[1] == 201
        # It is counted once it is stored.
        _wait_until(lambda: running.telemetry.settled_rows._value.get() == 1)
    finally:
        Slow.may.set()
        running.stop()


def _wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too long"
        time.sleep(0.05)


def test_what_is_settled_early_ends_as_what_is_settled_when_judged() -> None:
    outer = step(1, 2, 1, input_tokens=412, output_tokens=30, cost_usd=0.5)
    inner = step(1, 3, 2, scope_name="client", input_tokens=412, output_tokens=30)
    spans = [step(1, 1, step_kind="agent", session_id="s-1"), outer, inner]
    early = counted_early(spans, [False] * 3, quiet=False)
    assert [s.input_tokens for s in early] == [None, None, 412]
    assert [s.cost_usd for s in early] == [None, 0.5, None]
    assert settled(early) == settled(spans)
    assert counted_early(early, [False] * 3, quiet=True) == early


def test_a_running_total_is_reckoned_again_when_a_call_in_between_comes() -> None:
    spring = {"scope_name": "org.springframework.boot"}
    one, two, three = (
        step(1, span, 1, input_tokens=said, output_tokens=span, **spring)
        for span, said in ((2, 100), (3, 220), (4, 480))
    )
    first = with_changes([one, three], without_earlier([one, three]))
    assert [s.input_tokens for s in first] == [100, 380]
    both = [first[0], two, first[1]]
    found = with_changes(both, without_earlier(both))
    assert [s.input_tokens for s in found] == [100, 120, 260]
    assert without_earlier(found) == []
