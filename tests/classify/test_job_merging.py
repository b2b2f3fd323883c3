"""What the job puts right on the rows while it judges them: late content, and usage that counts
once."""

from __future__ import annotations

import json

import pytest

from classify.coverage import coverage
from tests.classify.job_store import Store, now, trace, trace_id

EVENT = "gen_ai.client.inference.operation.details"


def content(number: int, text: str, *, span: int = 2) -> tuple[str, str, int, int, str, str]:
    """A log record with what the model answered."""
    messages = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    attributes = {"attributes": {"gen_ai.output.messages": messages}}
    return (trace_id(number), f"{span:016x}", now(), 7, EVENT, json.dumps(attributes))


def silent(number: int) -> list[object]:
    spans = trace(number)
    spans[1].output = ""
    return list(spans)


def answer(db: Store) -> tuple[object, ...]:
    return db.query(f"SELECT output, words FROM spans WHERE span_id = '{2:016x}'")[0]


def unmerged(db: Store) -> int:
    found: int = db.query("SELECT countIf(merged = 0) FROM span_content FINAL")[0][0]
    return found


def test_content_before_its_span(db: Store) -> None:
    record = content(1, "a bad word")
    db.insert_content([record])
    assert db.judge() == 0
    assert unmerged(db) == 1
    db.insert(silent(1))  # type: ignore[arg-type]
    assert db.judge() == 3
    assert answer(db) == ("a bad word", "fail")
    assert unmerged(db) == 0
    # The sender tries again: nothing is due, nothing comes back.
    db.insert_content([record])
    assert db.judge() == 0
    db.query("OPTIMIZE TABLE span_content FINAL")
    assert db.query("SELECT merged, attributes != '' FROM span_content") == [(1, 1)]


def test_content_after_its_span(db: Store) -> None:
    db.insert(silent(1))  # type: ignore[arg-type]
    db.judge()
    assert answer(db) == ("", "pass")
    db.insert_content([content(1, "a bad word")])
    assert db.judge() == 1
    assert answer(db) == ("a bad word", "fail")
    assert unmerged(db) == 0
    assert db.judge() == 0
    db.query("OPTIMIZE TABLE spans_raw FINAL")
    assert answer(db) == ("a bad word", "fail")


def test_content_whose_span_never_comes_waits(db: Store) -> None:
    db.insert_content([content(1, "lost"), content(2, "lost too", span=77)])
    db.insert(silent(2))  # type: ignore[arg-type]
    job = db.job()
    assert job.run() == 3
    assert job.run() == 0
    assert unmerged(db) == 2
    db.insert(silent(1))  # type: ignore[arg-type]
    assert job.run() == 3
    assert unmerged(db) == 1
    job.close()


def test_old_content_is_found_by_the_sweep(db: Store) -> None:
    start = now() - 3 * 86_400 * 10**9
    spans = trace(1, start=start)
    spans[1].output = ""
    db.insert(spans)
    db.judge()
    record = list(content(1, "bad"))
    record[2] = start
    db.insert_content([tuple(record)])  # type: ignore[list-item]
    assert db.judge() == 1
    assert answer(db) == ("bad", "fail")


def test_a_stop_before_the_mark_merges_once(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from clickhouse_connect.driver.exceptions import OperationalError

    from classify.job.rows import Rows

    db.insert(silent(1))  # type: ignore[arg-type]
    db.insert_content([content(1, "once")])

    def stop(rows: Rows, block: bytes) -> None:
        raise OperationalError("stopped")

    monkeypatch.setattr(Rows, "write_content", stop)
    with pytest.raises(OperationalError):
        db.judge()
    assert (unmerged(db), coverage(db.client, db.database).pending) == (1, 0)
    before = db.query("SELECT events FROM spans ORDER BY span_id")
    monkeypatch.undo()
    assert db.judge() == 0
    assert unmerged(db) == 0
    assert db.query("SELECT events FROM spans ORDER BY span_id") == before


def test_usage_counts_once_also_when_the_call_comes_late(db: Store) -> None:
    spans = trace(1, 2, input_tokens=100, output_tokens=10, cost_usd=0.5)
    call = spans[1]
    call.input_tokens, call.output_tokens, call.cost_usd = 100, 10, 0.5
    db.insert(spans[:1])
    db.judge()
    sums = "SELECT sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM spans"
    assert db.query(sums) == [(100, 10, 0.5)]
    db.insert(spans[1:])
    assert db.judge() == 2
    assert db.query(sums) == [(100, 10, 0.5)]
    assert db.query(f"SELECT input_tokens FROM spans WHERE span_id = '{2:016x}'") == [(100,)]
    # What comes twice changes nothing.
    db.insert(spans)
    assert db.judge() == 0
    assert db.query(sums) == [(100, 10, 0.5)]
