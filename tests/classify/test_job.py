"""The classify job on a real ClickHouse: every row judged, in any order of arrival."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest

from classify.coverage import coverage
from classify.job.rows import SchemaError
from clickhouse.span import SPAN_COLUMNS
from tests.classify.job_store import (
    SECOND,
    Recall,
    Store,
    Tree,
    Words,
    now,
    trace,
    trace_id,
)


def labels(db: Store, where: str = "1") -> dict[str, tuple[str, str]]:
    """span_id's last digit to (words, tree)."""
    rows = db.query(f"SELECT span_id, words, tree FROM spans WHERE {where} ORDER BY span_id")
    return {span_id.lstrip("0"): (words, tree) for span_id, words, tree in rows}


def test_every_row_gets_every_verdict(db: Store) -> None:
    spans = trace(1)
    spans[2].output = "a bad answer"
    spans[2].status = "error"
    db.insert(spans)
    db.insert(trace(2))
    assert db.judge() == 6
    assert labels(db, f"trace_id = '{trace_id(1)}'") == {
        "1": ("not_applicable", "fail"),
        "2": ("pass", "not_applicable"),
        "3": ("fail", "not_applicable"),
    }
    rows = db.query(
        "SELECT words_score, tree_score, evidence, verdict_version, verdict_at > ingested_at"
        f" FROM spans WHERE trace_id = '{trace_id(1)}' ORDER BY span_id"
    )
    assert math.isnan(rows[0][0])
    assert rows[0][1:] == (1.0, {"tree": "1 of 3 steps"}, 1, True)
    assert rows[2][0] == pytest.approx(0.9)
    assert math.isnan(rows[2][1])
    assert rows[2][2:] == ({"words": "‘a bad answer’"}, 1, True)
    assert db.judge() == 0


def test_a_row_comes_out_as_it_went_in(db: Store) -> None:
    spans = trace(1, start=now() - 5 * SECOND)
    spans[1].cost_usd = 0.1 + 0.2
    spans[1].output = "line\n\n\ttab \x00 ünïcode 🜁"
    spans[1].events = '[{"name":"x"}]'
    db.insert(spans)
    columns = ", ".join((*SPAN_COLUMNS, "ingested_at"))
    before = db.query(f"SELECT {columns} FROM spans ORDER BY span_id")
    assert before[1][SPAN_COLUMNS.index("start_time")] == spans[1].start_time
    assert db.judge() == 3
    assert db.query(f"SELECT {columns} FROM spans ORDER BY span_id") == before


def test_columns_of_others_survive(db: Store) -> None:
    db.insert(trace(1))
    assert db.judge(Words(), Tree()) == 3
    assert db.judge(Tree()) == 3
    assert labels(db)["2"] == ("pass", "not_applicable")
    assert db.query("SELECT DISTINCT verdict_version FROM spans") == [(2,)]


def test_a_trace_waits_until_it_is_quiet(db: Store) -> None:
    db.insert(trace(1))
    assert db.judge(classify_trace_quiet_seconds=60) == 0
    assert db.judge(classify_trace_quiet_seconds=60, classify_trace_max_wait_seconds=0) == 3


def test_content_keeps_a_trace_from_being_quiet(db: Store) -> None:
    db.insert(trace(1))
    db.insert_content([(trace_id(1), f"{2:016x}", now(), 1, "gen_ai.choice", "{}")])

    def came_earlier(table: str) -> None:
        db.client.command(
            f"ALTER TABLE {db.database}.{table} UPDATE ingested_at = ingested_at - 200 WHERE 1",
            settings={"mutations_sync": 1},
        )

    settings = {"classify_trace_quiet_seconds": 100, "classify_trace_max_wait_seconds": 1000}
    came_earlier("spans_raw")
    assert db.judge(**settings) == 0
    came_earlier("span_content")
    assert db.judge(**settings) == 3


def test_late_span_has_the_root_judged_again(db: Store) -> None:
    spans = trace(1, 4)
    spans[3].status = "error"
    db.insert(spans[:3])
    db.judge()
    assert labels(db)["1"] == ("not_applicable", "pass")
    db.insert(spans[3:])
    # The late span and the root; the other two did not change.
    assert db.judge() == 2
    assert labels(db)["1"] == ("not_applicable", "fail")
    assert db.query("SELECT evidence['tree'] FROM spans WHERE parent_span_id = ''") == [
        ("1 of 4 steps",)
    ]


def test_root_that_comes_last_takes_the_verdict(db: Store) -> None:
    spans = trace(1)
    db.insert(spans[1:])
    db.judge()
    assert labels(db)["2"] == ("pass", "pass")
    db.insert(spans[:1])
    assert db.judge() == 2
    assert labels(db) == {
        "1": ("not_applicable", "pass"),
        "2": ("pass", "not_applicable"),
        "3": ("pass", "not_applicable"),
    }


def test_spans_of_a_trace_in_two_partitions(db: Store) -> None:
    start = (time.time_ns() // (86_400 * SECOND)) * 86_400 * SECOND - 10**6 * 2 - 1
    spans = trace(1, 4, start=start)
    spans[3].status = "error"
    db.insert(spans)
    assert db.judge() == 4
    days = db.query("SELECT uniqExact(toDate(start_time)) FROM spans")
    assert days == [(2,)]
    assert labels(db)["1"] == ("not_applicable", "fail")


def test_retried_batch_undoes_nothing(db: Store) -> None:
    db.insert(trace(1))
    spans = trace(1)
    db.judge()
    before = db.query("SELECT * FROM spans ORDER BY span_id")
    stored = [replace(s, start_time=before[i][10]) for i, s in enumerate(spans)]
    db.insert(stored)
    assert db.judge() == 0
    assert db.query("SELECT count() FROM spans_raw") != [(3,)]
    db.query("OPTIMIZE TABLE spans_raw FINAL")
    assert db.query("SELECT count() FROM spans_raw") == [(3,)]
    assert repr(db.query("SELECT * FROM spans ORDER BY span_id")) == repr(before)


def test_equal_version_last_insert_wins_also_once_merged(db: Store) -> None:
    spans = trace(1, 3)
    db.insert(spans[:2])
    db.judge()
    db.insert(spans[2:])
    db.judge()
    db.insert([replace(spans[1], span_id=f"{9:016x}", status="error")])
    db.judge()
    expected = [("fail", "1 of 4 steps")]
    root = "SELECT tree, evidence['tree'] FROM spans WHERE parent_span_id = ''"
    assert db.query(root) == expected
    db.query("OPTIMIZE TABLE spans_raw FINAL")
    assert db.query(root) == expected
    assert db.query("SELECT count() FROM spans_raw") == [(4,)]


def test_changed_set_judges_everything_again(db: Store) -> None:
    old = now() - 5 * 86_400 * SECOND
    db.insert([*trace(1), *trace(2, start=old)])
    assert db.judge() == 6
    assert db.judge(Words(version=2), Tree(), classify_rejudge_share=1) == 6
    assert db.query("SELECT DISTINCT verdict_version FROM spans") == [(2,)]
    found = coverage(db.client, db.database)
    assert (found.rows, found.judged, found.pending, found.ratio) == (6, 6, 0, 1.0)


def test_a_newer_sets_verdicts_are_left_alone(db: Store) -> None:
    old = db.job(Words(version=1))
    db.judge(Words(version=2))
    spans = trace(1)
    db.insert(spans[:2])
    db.judge(Words(version=2))
    db.insert(spans[2:])
    assert old.run() == 1
    old.close()
    versions = db.query("SELECT span_id, verdict_version FROM spans ORDER BY span_id")
    assert [version for _, version in versions] == [2, 2, 1]


def test_two_shards_split_the_work(db: Store) -> None:
    for number in range(40):
        db.insert(trace(number, 2))
    first = db.judge(classify_shard="0/2")
    left = db.query("SELECT uniqExact(trace_id) FROM spans WHERE verdict_version = 0")[0][0]
    assert 0 < left < 40
    assert first == (40 - left) * 2
    assert db.judge(classify_shard="0/2") == 0
    assert db.judge(classify_shard="1/2") == left * 2
    assert coverage(db.client, db.database).pending == 0


def test_a_session_sees_its_earlier_traces(db: Store) -> None:
    start = now() - 3600 * SECOND
    for i, session in enumerate(["s", "s", "t", "s"]):
        db.insert(trace(i, 1, start=start + i * SECOND, session_id=session))
    db.insert(trace(9, 1, start=start, session_id="s", service_name="another"))
    db.judge(Recall())
    rows = db.query("SELECT name, evidence['recall'] FROM spans ORDER BY name")
    assert rows == [
        ("trace 0", "seen"),
        ("trace 1", "seen trace 0"),
        ("trace 2", "seen"),
        ("trace 3", "seen trace 0 trace 1"),
        ("trace 9", "seen"),
    ]


def test_a_session_shows_twenty_traces_at_most(db: Store) -> None:
    start = now() - 3600 * SECOND
    for i in range(25):
        db.insert(trace(i, 1, start=start + i * SECOND, session_id="s"))
    db.judge(Recall(), classify_batch_rows=1)
    seen = db.query("SELECT evidence['recall'] FROM spans WHERE name = 'trace 24'")[0][0]
    assert seen.split(" trace ")[1:] == [str(i) for i in range(4, 24)]


def test_a_missing_column_names_the_remedy(db: Store) -> None:
    with pytest.raises(SchemaError, match=r"'absent' has no column absent .*migrat"):
        db.job(Words(name="absent"))


def test_coverage_counts_what_is_pending(db: Store) -> None:
    assert coverage(db.client, db.database).ratio is None
    db.insert(trace(1))
    db.judge()
    db.insert(trace(2))
    time.sleep(0.05)
    found = coverage(db.client, db.database)
    assert (found.rows, found.judged, found.pending) == (6, 3, 3)
    assert 0.05 <= found.oldest_pending_seconds < 30
    assert coverage(db.client, db.database, days=2).rows == 6
