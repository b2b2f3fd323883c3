"""Which step failed, where others pass its failure on, and whose code it is."""

from __future__ import annotations

from typing import Any

import pytest

from grafana.failing_step import failing_step, first_failing, in_order, own_code


def step(number: int, parent: int = 0, **columns: Any) -> dict[str, Any]:
    """A step that is named by its number; ok unless told otherwise."""
    return {
        "span_id": f"{number:016x}",
        "parent_span_id": f"{parent:016x}" if parent else "",
        "name": f"step {number}",
        "start_time": number,
        "status": "ok",
        "error_type": "",
        "status_message": "",
        "code_file": "",
    } | columns


def failed(number: int, parent: int = 0, kind: str = "", message: str = "") -> dict[str, Any]:
    return step(number, parent, status="error", error_type=kind, status_message=message)


def named(rows: list[dict[str, Any]]) -> str:
    return str(failing_step(rows[0], rows)["name"])


def test_the_child_that_got_429_is_it_not_the_root() -> None:
    rows = [
        failed(1, 0, "RuntimeError", "the agent failed: 429 Too Many Requests"),
        step(2, 1),
        failed(3, 1, "RateLimitError", "429 Too Many Requests"),
        step(4, 1),
    ]
    assert named(rows) == "step 3"


def test_through_steps_that_say_nothing_and_as_deep_as_it_goes() -> None:
    rows = [failed(1), step(2, 1, status="unset"), failed(3, 2), failed(4, 3), step(5, 4)]
    assert named(rows) == "step 4"


def test_a_call_that_was_made_again_and_worked_is_passed_on_by_nobody() -> None:
    tried = failed(2, 1, "Timeout", "read timed out") | {"name": "call"}
    rows = [failed(1, 0, "ValueError", "no such order"), tried, step(3, 1, name="call")]
    assert named(rows) == "step 1"


def test_of_two_the_one_that_is_spoken_of_else_the_last() -> None:
    rows = [
        failed(1, 0, "ToolError", "lookup: order 7 not found"),
        failed(2, 1, "ToolError", "lookup: order 7 not found"),
        failed(3, 1, "Cancelled", "another branch failed"),
    ]
    assert named(rows) == "step 2"
    rows[0]["status_message"] = rows[0]["error_type"] = ""
    assert named(rows) == "step 3"


def test_circles_end() -> None:
    rows = [failed(1, 2), failed(2, 1)]
    assert named(rows) == "step 2"


def test_what_to_replay_from() -> None:
    rows = [failed(1), step(2, 1), failed(3, 1)]
    found = first_failing(rows, lambda row: row["status"] == "error")
    assert found is not None
    assert found["name"] == "step 3"
    assert first_failing([step(1)], lambda row: row["status"] == "error") is None


def test_steps_are_numbered_by_start_then_id_however_they_come() -> None:
    rows = [step(3, start_time=5), step(1, start_time=5), step(2, start_time=4)]
    expected = ["step 2", "step 1", "step 3"]
    assert [row["name"] for row in in_order(rows)] == expected
    assert [row["name"] for row in in_order(rows[::-1])] == expected


@pytest.mark.parametrize(
    "file",
    [
        ".venv/bin/everyspan",
        "/work/agent/.venv/lib/python3.11/site-packages/langgraph/pregel/main.py",
        "/usr/lib/python3.12/concurrent/futures/thread.py",
        "/usr/local/bin/everyspan",
        "C:\\agent\\venv\\Scripts\\everyspan.exe",
        "<frozen runpy>",
    ],
)
def test_code_that_is_nobodys_own_is_named_by_nobody(file: str) -> None:
    rows = [step(1, code_file="agent.py"), step(2, 1, code_file=file)]
    found = own_code(rows[1], rows)
    assert found is rows[0]
    assert own_code(rows[1], rows[1:]) is None


@pytest.mark.parametrize("file", ["agent.py", "bin/tool.py", "src/library/x.py", "<stdin>"])
def test_ones_own_code(file: str) -> None:
    row = step(1, code_file=file)
    assert own_code(row, [row]) is row
