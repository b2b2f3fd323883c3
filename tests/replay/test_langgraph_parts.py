"""Subgraphs, branches side by side, interrupts and asynchronous savers of real LangGraph graphs.

What a replay says was not called is held against the file that every node and tool writes to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.replay.running import Done, Replays

pytest.importorskip("langgraph.checkpoint.sqlite")
pytest.importorskip("openinference.instrumentation.langchain")
pytest.importorskip("aiosqlite")

Record = Callable[..., tuple[str, dict[str, int]]]


@pytest.fixture(scope="module", params=["", "1"], ids=["synchronous", "asynchronous"])
def record(request: pytest.FixtureRequest, replays: Replays) -> Record:
    """Runs the agent; the trace and the numbers of its steps by name and kind."""
    kept = replays.folder / f"approval{request.param}.sqlite"
    environment = {"CHECKPOINTS": str(kept), "ASYNCHRONOUS": request.param}
    replays.environment |= environment

    def recorded(*arguments: str) -> tuple[str, dict[str, int]]:
        lines = replays.record("approval", *arguments)
        trace = next(line for line in lines if len(line) == 32)
        replays.up.judged([trace])
        rows = replays.up.spans(trace, "name, step_kind")
        numbers = {
            f"{row['step_kind']} {row['name']}": n for n, row in reversed([*enumerate(rows, 1)])
        }
        return trace, numbers

    return recorded


@pytest.fixture(scope="module")
def asked(record: Record) -> tuple[str, dict[str, int]]:
    """The run that ends at the interrupt."""
    return record("t1")


@pytest.fixture(scope="module")
def answered(record: Record, asked: object) -> tuple[str, dict[str, int]]:
    """The run of the same thread that begins with the answer."""
    return record("t1", "yes")


def again(replays: Replays, trace: str, step: int, *more: str) -> Done:
    entry = ("--entry", "tests.replay.agents.approval:graph", "--no-judge")
    return replays.replay(trace, "--from-step", str(step), *entry, *more)


def not_called(replays: Replays, run: dict[str, Any]) -> None:
    """Nothing ran of what the report calls answered from the record, or in the checkpoint."""
    told = {e["name"] for e in run["log"] if e["action"] == "record"}
    ran = {line.removeprefix("node ").split()[0] for line in replays.calls if "LF-1" in line}
    assert told.isdisjoint(ran), (told, replays.calls)


def test_a_step_of_a_subgraph_is_not_the_graphs(
    replays: Replays, asked: tuple[str, dict[str, int]]
) -> None:
    trace, numbers = asked
    run = again(replays, trace, numbers["tool pay"]).run
    assert "LangGraph's checkpoint of thread t1 after its step 1" in run["how"]
    assert replays.calls[:3] == ["node get_order", "node pay", "pay LF-1"]
    assert "node look_up" not in replays.calls
    events = {e["number"]: (e["action"], e["note"]) for e in run["log"]}
    assert events[numbers["chain look_up"]] == ("record", "in the checkpoint")
    assert events[numbers["tool get_order"]] == ("record", "")
    assert events[numbers["tool pay"]] == ("live", "")
    not_called(replays, run)
    assert run["warnings"] == []


def test_branches_side_by_side(replays: Replays, asked: tuple[str, dict[str, int]]) -> None:
    trace, numbers = asked
    first, second = sorted(("stock", "mail"), key=lambda name: numbers[f"tool {name}"])
    run = again(replays, trace, numbers[f"tool {second}"]).run
    assert "after its step 2" in run["how"]
    assert f"{second} LF-1" in replays.calls
    assert f"{first} LF-1" not in replays.calls
    assert {"pay LF-1", "get_order LF-1"}.isdisjoint(replays.calls)
    not_called(replays, run)


def test_an_interrupt_is_an_outcome_of_its_own(
    replays: Replays, asked: tuple[str, dict[str, int]]
) -> None:
    trace, numbers = asked
    done = again(replays, trace, numbers["chain gate"], "--times", "2")
    assert done.status == 3
    for run in done.json["runs"]:
        assert run["ended"] == "interrupted"
        assert run["interrupted"] == ['gate: {"send": "LF-1"}']
    entry = ("--entry", "tests.replay.agents.approval:graph")
    step = ("--from-step", str(numbers["chain gate"]))
    told = replays.everyspan("replay", trace, *step, *entry, "--times", "2")
    assert told.status == 3
    assert "no run was judged" in told.out
    assert "2 of 2 runs wait at an interrupt" in told.out
    assert 'waits for a person at an interrupt, gate: {"send": "LF-1"}' in told.out
    assert not re.search(r"\b0%", told.out)


def test_the_answer_may_be_given(replays: Replays, asked: tuple[str, dict[str, int]]) -> None:
    trace, numbers = asked
    done = again(replays, trace, numbers["chain gate"], "--resume", "of course")
    assert done.status == 0
    assert done.run["ended"] == "finished"
    assert "the person says of course" in str(done.run["value"])
    assert replays.calls[-2:] == ["node send", "send LF-1"]


def test_the_recorded_answer_is_given_again(
    replays: Replays, answered: tuple[str, dict[str, int]]
) -> None:
    trace, numbers = answered
    done = again(replays, trace, numbers["chain gate"])
    assert done.status == 0
    assert "with the answer that it was given" in done.run["how"]
    assert "the person says yes" in str(done.run["value"])
    # The branches beside it were done before; the recorded run did not call them.
    assert replays.calls == ["node gate", "node send", "send LF-1"]
    later = again(replays, trace, numbers["tool send"]).run
    assert replays.calls == ["node send", "send LF-1"]
    not_called(replays, later)
    other = again(replays, trace, numbers["chain gate"], "--resume", '"no"')
    assert "the person says no" in str(other.run["value"])


def test_what_was_called_is_counted(
    replays: Replays, answered: tuple[str, dict[str, int]], asked: tuple[str, dict[str, int]]
) -> None:
    """The code has changed since: it calls a tool once more that the checkpoint holds."""
    if replays.environment["ASYNCHRONOUS"]:
        pytest.skip("the same as with the synchronous saver")
    trace, numbers = asked
    entry = ("--entry", "tests.replay.agents.approval:graph", "--no-judge", "--resume", "yes")
    step = ("--from-step", str(numbers["chain gate"]))
    run = replays.replay(trace, *step, *entry, LOOKS_AGAIN="1").run
    assert "get_order LF-1" in replays.calls
    number = numbers["tool get_order"]
    assert number not in run["recorded"]
    assert f"step {number} (get_order): the checkpoint holds it, yet it ran" in run["warnings"]


def test_a_graph_inside_a_function(replays: Replays, record: Record) -> None:
    if replays.environment["ASYNCHRONOUS"]:
        pytest.skip("the function calls the graph as it is")
    trace, numbers = record("serve")
    entry = ("--entry", "tests.replay.agents.approval:serve", "--no-judge")
    done = replays.replay(trace, "--from-step", str(numbers["tool pay"]), *entry)
    assert done.status == 3
    assert done.run["interrupted"] == ['gate: {"send": "LF-9"}']
    assert "pay LF-9" in replays.calls
    assert "get_order LF-9" not in replays.calls
    refused = replays.replay(trace, "--from-step", "2", *entry, "--resume", "yes")
    assert refused.status == 1
    assert "--resume answers the interrupt() of an entry that is a LangGraph graph" in refused.err
