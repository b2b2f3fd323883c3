"""The demo agent's hallucination, planted at step 4 of 7: reproduced, counted, forked, compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from demo.llm_standin import StandIn
from demo.scenarios import scenarios
from tests.replay.running import Replays

TOLD = "documents[0]=The guarantee of Ridge tents is 5 years from the day of the order."
ENTRY = ("--entry", "tests.replay.agents.demo_turn:answer")


@pytest.fixture(scope="module")
def traces(replays: Replays) -> dict[tuple[str, int], str]:
    """By scenario and turn; stored and judged."""
    endpoint = f"http://127.0.0.1:{replays.up.ports['otlp-http']}"
    lines = replays.record("demo_turn", endpoint, "tent-guarantee", "long-chat")
    found = {(name, int(turn)): trace for name, turn, trace in map(str.split, lines)}
    replays.up.judged(list(found.values()))
    return found


@pytest.fixture(scope="module")
def trace(traces: dict[tuple[str, int], str]) -> str:
    return traces["tent-guarantee", 0]


def _failing(replays: Replays, trace_id: str) -> list[str]:
    rows = replays.up.spans(trace_id)
    return [row["name"] for row in rows if row["hallucination"] == "fail"]


def test_the_failure_is_step_4_of_7(replays: Replays, trace: str) -> None:
    rows = replays.up.spans(trace)
    assert len(rows) == 7
    assert rows[3]["name"] == "chat gpt-4.1-mini"
    assert "10 years" in rows[3]["output"]
    assert [row["hallucination"] for row in rows].index("fail") == 3


def test_step_4_on_runs_again_and_fails_again(replays: Replays, trace: str) -> None:
    done = replays.replay(trace, "--from-step", "4", *ENTRY)
    assert done.status == 0, done.err
    run = done.run
    assert run["recorded"] == [2, 3]
    assert [(e["number"], e["action"]) for e in run["log"]] == [
        (1, "entered"),
        (2, "record"),
        (3, "record"),
        (4, "live"),
        (5, "live"),
        (6, "live"),
        (7, "live"),
    ]
    assert run["warnings"] == []
    assert run["live_model_calls"] == 2
    assert "2036" in run["value"]
    # The help pages were not searched, the tool past the step was called.
    assert replays.calls == ["get_order"]
    assert "hallucination" in run["failures"]
    assert _failing(replays, run["trace_id"]) == ["chat gpt-4.1-mini"]
    same = replays.everyspan("diff", trace, run["trace_id"], "--json")
    assert same.status == 0, same.out
    assert not any(step["changed"] for step in same.json["steps"])
    assert [step["source"] for step in same.json["steps"]] == ["live", "record", "record"] + [
        "live"
    ] * 4


def test_a_run_is_a_linked_trace_of_its_own(replays: Replays, trace: str) -> None:
    run = replays.replay(trace, "--from-step", "4", "--no-judge").run
    rows = replays.up.spans(run["trace_id"])
    recorded = replays.up.spans(trace)
    assert len(rows) == 7
    for row in rows:
        assert row["attributes"]["replay.of"] == trace
        assert row["replay_of"] == trace, "no production: boards, rules and cost leave it out"
        assert row["attributes"]["replay.step"] == "4"
        assert row["service_name"] == "larkfield-support"
    (link,) = json.loads(rows[0]["links"])
    assert link["trace_id"] == trace
    assert link["span_id"] == recorded[3]["span_id"]
    sources = [row["attributes"].get("replay.source") for row in rows]
    assert sources == [None, "record", "record", None, None, None, None]


def test_the_corrected_document_makes_it_pass(replays: Replays, trace: str) -> None:
    done = replays.replay(trace, "--from-step", "4", "--set", TOLD, *ENTRY)
    run = done.run
    assert "2031" in run["value"]
    assert replays.calls == ["get_order"]
    assert "hallucination" not in run["failures"]
    assert _failing(replays, run["trace_id"]) == []
    assert run["warnings"] == []
    differing = replays.everyspan("diff", trace, run["trace_id"], "--json")
    assert differing.status == 1
    steps = {step["a"]: step for step in differing.json["steps"]}
    # All but the order, which is the same whatever the guarantee is.
    assert [number for number, step in steps.items() if step["changed"]] == [1, 2, 3, 4, 6, 7]
    assert set(steps[2]["changes"]) == {"documents"}
    assert set(steps[1]["changes"]) >= {"output"}
    assert "fail →" in steps[4]["changes"]["hallucination"]
    shown = replays.everyspan("diff", trace, run["trace_id"])
    assert "6 of 7 steps differ" in shown.out
    assert re.search(r"^~ +4 +4  live +chat gpt-4.1-mini", shown.out, re.MULTILINE)


def test_a_late_step_saves_time_and_tokens(replays: Replays, trace: str) -> None:
    done = replays.python("-m", "everyspan", "replay", trace, "--from-step", "6", *ENTRY)
    assert replays.calls == []
    assert "answered from the record: 4 steps, 2 of them tools and retrievals" in done.out
    found = re.search(r"tokens (\d+) against (\d+) \((\d+)% saved\)", done.out)
    assert found is not None, done.out
    assert 0 < int(found[1]) < int(found[2])
    assert re.search(r"wall clock [\d.]+ s against [\d.]+ s of the full run", done.out)


def test_how_often_it_fails(replays: Replays, trace: str) -> None:
    arguments = (trace, "--from-step", "4", "--times", "4", *ENTRY)
    done = replays.everyspan("replay", *arguments, "--fail-on", "hallucination")
    assert "4 of 4 judged runs failed (hallucination): 100%" in done.out, done.out
    assert "95 % interval 51% to 100%" in done.out
    assert replays.calls == ["get_order"] * 4


def test_only_the_model_call(replays: Replays, trace: str) -> None:
    played = [s for s in scenarios() if s.id == "tent-guarantee"]
    with StandIn(played) as standin:
        arguments = (
            *("--step", "4", "--only", "--base-url", standin.base_url),
            *("--header", "X-Demo-Scenario=tent-guarantee", "--header", "X-Demo-Turn=0"),
        )
        invented = replays.replay(trace, *arguments, "--times", "2").json["runs"]
        told = replays.replay(trace, *arguments, "--set", TOLD, "--set", "model=gpt-4.1").run
    assert len({run["trace_id"] for run in invented}) == 2
    for run in invented:
        assert "10 years" in run["answer"]
        assert "get_order" in run["answer"]
        assert "instruction_following" in run["failures"]
    assert "5 years" in told["answer"]
    assert "instruction_following" not in told["failures"]
    rows = {row["name"]: row for row in replays.up.spans(told["trace_id"])}
    assert rows["chat gpt-4.1"]["attributes"]["replay.of"] == trace
    assert "5 years" in rows["retrieval help_pages"]["documents"][0]
    assert replays.calls == []


def test_every_turn_of_a_conversation(replays: Replays, traces: Any) -> None:
    trace = traces["long-chat", 3]
    done = replays.replay(trace, "--from-step", "4", "--no-judge")
    assert done.run["warnings"] == []
    assert done.run["recorded"] == [2, 3]
    # Nobody called its entry by name: the trace names it, and pyproject.toml what declares it.
    assert done.status == 0


def test_the_demos_own_command_works_in_any_folder(
    replays: Replays, trace: str, tmp_path: Path
) -> None:
    given = ("-m", "everyspan", "replay", trace, "--from-step", "4", "--no-judge")
    bare = replays.python(*given, folder=tmp_path)
    assert bare.status == 1
    assert "names the entry demo.replay:answer, which nothing loaded here declares" in bare.err
    done = replays.python(*given, "--entry", "demo.replay:answer", folder=tmp_path)
    assert done.status == 0, done.err
    assert "live    chat gpt-4.1-mini" in done.out


def test_the_servers_command_is_the_same(replays: Replays, trace: str) -> None:
    done = replays.python("-m", "cli.main", "diff", trace, trace)
    assert done.status == 0, done.err
    assert "0 of 7 steps differ" in done.out
    helped = replays.python("-m", "cli.main", "replay", "--help")
    assert "--from-step" in helped.out
    assert helped.status == 0


def test_what_is_wrong_is_said(replays: Replays, trace: str) -> None:
    expected = {
        ("0" * 32, "--from-step", "4"): "no trace 0000",
        (trace,): "which step? Give --from-step with a number from this list",
        (trace, "--from-step", "8"): "the trace has steps 1 to 7",
        (trace, "--from-step", "4", "--entry", "demo"): "is no module:function",
        (trace, "--from-step", "4", "--entry", "nowhere:run"): "there is no module nowhere",
        (trace, "--from-step", "4", "--set", "colour=red"): "nothing is named 'colour'",
        (trace, "--from-step", "4", "--set", "documents[9]=x"): "documents",
        (trace, "--from-step", "4", "--patch", "gone.py"): "there is no such file",
        (trace, "--step", "5", "--only"): "its model calls are: 4 (chat gpt-4.1-mini), 6",
    }
    for arguments, text in expected.items():
        done = replays.everyspan("replay", *arguments)
        assert done.status == 1
        assert text in done.err, (text, done.err)


def test_a_stack_that_is_not_there(replays: Replays, trace: str) -> None:
    away = replays.everyspan("replay", trace, EVERYSPAN_CLICKHOUSE_PORT="9")
    assert away.status == 1
    assert "no ClickHouse answers at http://127.0.0.1:9" in away.err
    assert "Traceback" not in away.err
