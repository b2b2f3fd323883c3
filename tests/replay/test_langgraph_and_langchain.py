"""A real LangGraph agent goes back by its checkpoints, LangChain asks the record."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.replay.model import CORRECTED, INVENTED, KNOWN
from tests.replay.running import Replays

pytest.importorskip("langgraph")
pytest.importorskip("langgraph.checkpoint.sqlite")
pytest.importorskip("langchain_openai")
pytest.importorskip("openinference.instrumentation.langchain")

GRAPH = ("--entry", "tests.replay.agents.graph:graph")
STEPS = (
    "LangGraph retrieve prompt model ChatOpenAI tools_condition tools get_order model ChatOpenAI"
    " tools_condition"
).split()


@pytest.fixture(scope="module")
def checkpoints(replays: Replays) -> Path:
    path = replays.folder / "checkpoints.sqlite"
    replays.environment["CHECKPOINTS"] = str(path)
    return path


@pytest.fixture(scope="module")
def trace(replays: Replays, model: str, checkpoints: Path) -> str:
    lines = replays.record("graph", "thread-1")
    assert lines[-1] == INVENTED
    # The OpenAI instrumentation's own spans are traces beside it: LangChain's are no context.
    found = next(line for line in lines if re.fullmatch("[0-9a-f]{32}", line))
    replays.up.judged([found])
    assert [row["name"] for row in replays.up.spans(found, "name")] == STEPS
    return found


def test_nodes_before_the_step_are_in_the_checkpoint(
    replays: Replays, trace: str, checkpoints: Path
) -> None:
    before = checkpoints.read_bytes()
    run = replays.replay(trace, "--from-step", "10", *GRAPH).run
    assert "LangGraph's checkpoint of thread thread-1 after its step 4" in run["how"]
    assert replays.calls == ["model"]
    assert run["recorded"] == [2, 3, 4, 5, 6, 7, 8]
    assert INVENTED in str(run["value"])
    assert "instruction_following" in run["failures"]
    assert run["warnings"] == []
    assert replays.everyspan("diff", trace, run["trace_id"]).status == 0
    assert checkpoints.read_bytes() == before, "the user's thread is as it was"


def test_the_state_is_changed_at_the_step(replays: Replays, trace: str) -> None:
    told = ("--set", f"input.documents[0]={CORRECTED}")
    run = replays.replay(trace, "--from-step", "3", *GRAPH, *told).run
    assert replays.calls == ["prompt", "model", "get_order LF-1001", "model"]
    assert KNOWN in str(run["value"])
    assert "instruction_following" not in run["failures"]
    steps = replays.everyspan("diff", trace, run["trace_id"], "--json").json["steps"]
    same = [step["a"] for step in steps if not step["changed"]]
    assert same == [2, 8], "what is in the checkpoint, and the tool"
    wrong = replays.replay(trace, "--from-step", "3", *GRAPH, "--set", "input.colour=red")
    assert wrong.status == 1
    assert "has no 'colour'; it has: question" in wrong.err


def test_without_a_checkpointer_the_record_answers(replays: Replays, trace: str) -> None:
    given = ("--from-step", "10", *GRAPH, "--no-judge")
    run = replays.replay(trace, *given, CHECKPOINTS="").run
    assert "the graph is compiled without a checkpointer" in run["how"]
    # Nodes are functions that nobody can answer; the tool and the model's first call are.
    assert replays.calls == ["retrieve", "prompt", "model", "model"]
    assert run["recorded"] == [5, 8]
    assert run["live_model_calls"] == 1
    assert INVENTED in str(run["value"])
    assert replays.everyspan("diff", trace, run["trace_id"], CHECKPOINTS="").status == 0


def test_a_model_without_http(replays: Replays) -> None:
    (trace,) = replays.record("local_model")
    replays.up.judged([trace])
    names = [row["name"] for row in replays.up.spans(trace, "name")]
    assert names == ["invoke_agent run", "Local", "add", "Local"]
    given = ("--from-step", "4", "--load", "tests.replay.agents.local_model", "--no-judge")
    run = replays.replay(trace, *given).run
    assert run["recorded"] == [2, 3]
    assert replays.calls == ["model answer to one and 5"]
    assert run["value"] == "answer to answer to one and 5"
    assert run["warnings"] == []
    changed = replays.replay(trace, *given, "--set", "step[3].output=6").run
    assert changed["value"] == "answer to answer to one and 6"


def test_the_copy_in_memory_makes_no_object_of_what_it_holds() -> None:
    """LangGraph's own serialiser revives what looks like one of LangChain's constructors."""
    from everyspan.replay.langgraph import _memory
    from langgraph.graph import END, START, StateGraph

    held = {
        "lc": 2,
        "type": "constructor",
        "id": ["os", "system"],
        "args": ["exit 1"],
        "text": "\ud800",
        "lock": threading.Lock(),
    }
    builder: Any = StateGraph(dict)
    builder.add_node("same", lambda state: state)
    builder.add_edge(START, "same")
    builder.add_edge("same", END)
    graph = builder.compile(checkpointer=_memory())
    thread: Any = {"configurable": {"thread_id": "1"}}
    assert graph.invoke({"held": held}, thread) == {"held": held}
    assert graph.get_state(thread).values == {"held": held}
