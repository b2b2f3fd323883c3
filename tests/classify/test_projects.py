"""What one project sent is no part of what another's rows are judged by, whatever ids both use."""

from __future__ import annotations

from collections import Counter

from classify.settle.trace import settle_all
from classify.settle.twins import Twin, match
from clickhouse.span import Span
from tests.classify.job_store import SECOND, Recall, Store, Tree, now, trace


def test_sessions_and_traces_are_of_one_project(db: Store) -> None:
    """The same session, service and trace ids in two projects."""
    start = now() - 3600 * SECOND
    for project in ("", "a", "b"):
        for number in range(2):
            spans = trace(number, 2, start=start + number * SECOND, session_id="s")
            for span in spans:
                span.project = project
                span.name = f"{project}{number}"
            if project == "b":
                spans[0].status = "error"
            db.insert(spans)
    db.judge(Recall(), Tree())
    rows = db.query(
        "SELECT project, name, evidence['recall'], evidence['tree'], id_reuse FROM spans"
        " WHERE parent_span_id = '' ORDER BY project, name"
    )
    assert rows == [
        ("", "0", "seen", "2 steps", 0),
        ("", "1", "seen 0", "2 steps", 0),
        ("a", "a0", "seen", "2 steps", 0),
        ("a", "a1", "seen a0", "2 steps", 0),
        ("b", "b0", "seen", "1 of 2 steps", 0),
        ("b", "b1", "seen b0", "1 of 2 steps", 0),
    ]


def test_a_call_is_no_twin_of_another_projects() -> None:
    def call(number: int, project: str, scope: str) -> Span:
        return Span(
            f"{number:032x}",
            f"{number:016x}",
            step_kind="llm",
            start_time=SECOND,
            duration_ms=10.0,
            model="m",
            response_id="one",
            scope_name=scope,
            project=project,
        )

    one, same, other = call(1, "a", "x"), call(2, "a", "y"), call(2, "b", "y")
    pairs = [((one.trace_id, one.span_id), (same.trace_id, same.span_id))]
    orphans = {one.trace_id, same.trace_id}
    found = match([one, same], orphans, pairs)
    assert {twin.of for twin in found.values()} == {"", f"{one.trace_id}/{one.span_id}"}
    assert {twin.of for twin in match([one, other], orphans, pairs).values()} <= {""}
    # What was found out about a trace says nothing of one of another project with its id.
    spans = [same, other]
    settle_all([[0], [1]], spans, {same.trace_id: found[same.trace_id]}, Counter())
    assert [bool(span.twin_of) for span in spans] == [bool(found[same.trace_id].of), False]
    assert Twin(project="a") == Twin(project="b"), "as marks tell it, which name no project"
