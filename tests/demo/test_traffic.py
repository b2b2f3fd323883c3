"""The demo's traffic against a receiver on a socket: everything arrives, the truth is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.receiver import ReceivedSpan, Receiver, receiving

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run() -> Iterator[tuple[Receiver, dict[str, Any], list[list[int]]]]:
    """What arrived, what the traffic said it sent, and its progress."""
    with receiving() as receiver:
        command = [sys.executable, "-m", "demo.traffic", "--endpoint", receiver.endpoint, "--json"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "EVERYSPAN_INGEST_TOKEN": "demo-token"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        progress = [line["progress"] for line in lines if "progress" in line]
        yield receiver, lines[-1]["traffic"], progress


def _by_trace(receiver: Receiver) -> dict[str, list[ReceivedSpan]]:
    traces: dict[str, list[ReceivedSpan]] = defaultdict(list)
    for span in receiver.spans:
        traces[span.trace_id].append(span)
    return traces


def test_what_was_sent_is_what_arrived(run: Any) -> None:
    receiver, traffic, progress = run
    assert traffic["spans_sent"] == len(receiver.spans) > 400
    assert traffic["spans_failed"] == 0
    assert {turn["trace_id"] for turn in traffic["turns"]} == set(_by_trace(receiver))
    assert progress[0] == [0, len(traffic["turns"])]
    assert progress[-1] == [len(traffic["turns"])] * 2
    assert all(h["authorization"] == "Bearer demo-token" for h in receiver.headers)


def test_every_trace_is_one_whole_tree(run: Any) -> None:
    receiver, _, _ = run
    for spans in _by_trace(receiver).values():
        ids = {span.span_id for span in spans}
        roots = [span for span in spans if not span.parent_span_id]
        assert [root.name for root in roots] == ["invoke_agent support-agent"]
        assert all(span.parent_span_id in ids for span in spans if span.parent_span_id)
        names = Counter(span.name.split(" ")[0] for span in spans)
        assert names["retrieval"] == names["build_prompt"] == names["parse"] == 1
        assert names["chat"] == names["execute_tool"] + 1


def test_planted_failures_are_in_their_traces(run: Any) -> None:
    receiver, traffic, _ = run
    traces = _by_trace(receiver)
    classifiers: Counter[str] = Counter()
    for turn in traffic["turns"]:
        names = {span.name for span in traces[turn["trace_id"]]}
        for plant in turn["plants"]:
            assert plant["step"] in names, (turn, names)
            classifiers[plant["classifier"]] += 1
    assert classifiers["tool_call_error"] >= 6
    assert classifiers["data_leakage"] >= 6
    assert len(classifiers) == 11
    planted = sum(bool(turn["plants"]) for turn in traffic["turns"])
    assert planted * 2 < len(traffic["turns"]), "most traffic is healthy"


def test_tool_failures_look_as_they_do_in_an_agent(run: Any) -> None:
    receiver, traffic, _ = run
    traces = _by_trace(receiver)
    seen = {}
    for turn in traffic["turns"]:
        for plant in turn["plants"]:
            if plant["classifier"] == "tool_call_error":
                spans = [s for s in traces[turn["trace_id"]] if s.name == plant["step"]]
                seen[turn["scenario"]] = spans
    raised = seen["order-lookup-a"][0]
    assert raised.status == 2
    assert raised.attributes["error.type"] == "ConnectionError"
    assert raised.events[0][0] == "exception"
    assert json.loads(seen["parcel-lookup-a"][0].attributes["gen_ai.tool.call.result"])["error"]
    assert json.loads(seen["order-lookup-b"][0].attributes["gen_ai.tool.call.arguments"]) == {
        "order_number": "LF-1005"
    }
    assert seen["order-lookup-b"][0].attributes["error.type"] == "TypeError"
    assert len(seen["order-lookup-b"]) == 2
    assert seen["order-lookup-b"][1].status == 0
    assert len(seen["parcel-lookup-b"]) == 3
    assert "cancel_membership" in seen["club-exit"][0].attributes["gen_ai.tool.call.result"]


def test_the_truth_is_not_in_the_spans(run: Any) -> None:
    receiver, traffic, _ = run
    kinds = {
        text
        for turn in traffic["turns"]
        for plant in turn["plants"]
        for text in (plant["classifier"], plant["kind"])
    } - {"card_number", "iban", "attempted", "succeeded", "complaint", "abandoned"}
    for span in receiver.spans:
        text = json.dumps([span.name, span.attributes, span.resource, span.events])
        assert not {kind for kind in kinds if kind in text}
    carrying = [span for span in receiver.spans if "demo.scenario" in span.attributes]
    assert {span.parent_span_id for span in carrying} == {""}


def test_model_calls_carry_the_current_convention(run: Any) -> None:
    receiver, _, _ = run
    for span in (s for s in receiver.spans if s.name == "chat gpt-4.1-mini"):
        attributes = span.attributes
        assert span.kind == 3  # CLIENT
        assert attributes["gen_ai.provider.name"] == "openai"
        assert attributes["gen_ai.usage.input_tokens"] > 0
        assert attributes["gen_ai.usage.output_tokens"] > 0
        assert json.loads(attributes["gen_ai.system_instructions"])[0]["type"] == "text"
        assert json.loads(attributes["gen_ai.input.messages"])[0]["role"] == "user"
        assert json.loads(attributes["gen_ai.output.messages"])[0]["role"] == "assistant"
        assert json.loads(attributes["gen_ai.tool.definitions"])[0]["type"] == "function"
        assert attributes["gen_ai.prompt.name"] == "support"
        assert attributes["code.file.path"] == "demo/chat.py"
        assert attributes["session.id"] == attributes["gen_ai.conversation.id"]


def test_sessions_hold_several_turns(run: Any) -> None:
    _, traffic, _ = run
    turns = Counter(turn["session_id"] for turn in traffic["turns"])
    assert max(turns.values()) == 5
    assert len(turns) >= 55


def test_the_same_seed_gives_the_same_planted_values() -> None:
    from demo import planted

    assert planted.values(7) == planted.values(7) != planted.values(8)


def test_planted_values_hold_their_checksums() -> None:
    from demo import planted

    for seed in range(50):
        values = planted.values(seed)
        digits = [int(c) for c in reversed(values["card_number"].replace(" ", ""))]
        luhn = sum(d if i % 2 == 0 else sum(divmod(d * 2, 10)) for i, d in enumerate(digits))
        assert luhn % 10 == 0
        iban = values["iban"]
        assert int(iban[4:] + "1314" + iban[2:4]) % 97 == 1
        assert len(values["github_token"]) == 40
        assert len(values["aws_access_key"]) == 20


def test_an_endpoint_that_refuses_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.traffic", "--endpoint", "not-a-url"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "not-a-url" in done.stderr
