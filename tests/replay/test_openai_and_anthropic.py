"""Agents on the OpenAI and Anthropic SDKs with no decorator: the record answers over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.captures import standin
from tests.replay.anthropic_model import Messages
from tests.replay.model import CORRECTED, INVENTED, KNOWN
from tests.replay.responses_model import Responses
from tests.replay.running import Replays
from tests.serving import serving

pytest.importorskip("openai")
pytest.importorskip("opentelemetry.instrumentation.genai.openai")

ENTRY = "tests.replay.agents.plain"


@pytest.fixture(scope="module")
def trace(replays: Replays, model: str) -> str:
    (found,) = replays.record("plain", "chat")
    replays.up.judged([found])
    return found


def test_the_first_calls_are_answered_from_the_record(replays: Replays, trace: str) -> None:
    rows = replays.up.spans(trace, "name")
    assert [row["name"] for row in rows] == ["handle request"] + ["chat gpt-4.1-mini"] * 2
    done = replays.replay(trace, "--from-step", "3", "--entry", f"{ENTRY}:chat")
    run = done.run
    assert run["recorded"] == [2]
    assert run["live_model_calls"] == 1
    assert run["value"] == INVENTED
    assert "instruction_following" in run["failures"]
    # Its tool is no step, so nobody could answer it.
    assert replays.calls == ["get_order LF-1001"]
    assert replays.everyspan("diff", trace, run["trace_id"]).status == 0
    sources = [row["attributes"].get("replay.source") for row in replays.up.spans(run["trace_id"])]
    assert sources == [None, "record", None]


def test_the_prompt_is_changed_at_the_step(replays: Replays, trace: str) -> None:
    changed = ("--set", f"input.messages[1].content={CORRECTED}")
    given = ("--from-step", "3", "--entry", f"{ENTRY}:chat", *changed, "--set", "model=gpt-4.1")
    run = replays.replay(trace, *given).run
    assert run["value"] == KNOWN
    assert run["recorded"] == [2]
    assert "instruction_following" not in run["failures"]
    compared = replays.everyspan("diff", trace, run["trace_id"], "--json").json["steps"]
    # The span is the instrumentation's, made before the request is changed on its way.
    assert [step["changed"] for step in compared] == [False, False, True]
    patch = replays.folder / "request.py"
    patch.write_text(
        "def request(body):\n"
        f"    body['messages'][1]['content'] = {CORRECTED!r}\n"
        "    return body\n",
        encoding="utf-8",
    )
    patched = ("--from-step", "3", "--entry", f"{ENTRY}:chat", "--patch", str(patch))
    assert replays.replay(trace, *patched, "--no-judge").run["value"] == KNOWN


def test_streams_and_errors(replays: Replays) -> None:
    with serving(standin.Handler) as base:
        at = {"OPENAI_BASE_URL": f"{base}/v1"}
        (streamed,) = replays.record("plain", "stream", **at)
        (broken,) = replays.record("plain", "broken", **at)
        replays.up.judged([streamed, broken])
        given = ("--from-step", "3", "--no-judge")
        run = replays.replay(streamed, *given, "--entry", f"{ENTRY}:stream", **at).run
        assert run["recorded"] == [2]
        assert run["live_model_calls"] == 1
        assert run["value"] == standin.FINAL_TEXT
        assert run["warnings"] == []
        run = replays.replay(broken, *given, "--entry", f"{ENTRY}:broken", **at).run
        assert run["recorded"] == [2]
        assert replays.calls == ["not found: 404"]
        assert run["value"] == standin.PLAIN_TEXT


@pytest.fixture
def anthropic(replays: Replays) -> Iterator[dict[str, str]]:
    pytest.importorskip("anthropic")
    pytest.importorskip("opentelemetry.instrumentation.anthropic")
    with serving(Messages) as base:
        yield {"ANTHROPIC_BASE_URL": base}


def test_anthropic(replays: Replays, anthropic: dict[str, str]) -> None:
    (trace,) = replays.record("plain", "anthropic", **anthropic)
    replays.up.judged([trace])
    given = ("--from-step", "3", "--entry", f"{ENTRY}:anthropic", "--no-judge")
    run = replays.replay(trace, *given, **anthropic).run
    assert run["recorded"] == [2]
    assert run["live_model_calls"] == 1
    assert run["value"].strip() == INVENTED
    told = ("--set", f"input.messages[0].content={CORRECTED}")
    assert replays.replay(trace, *given, *told, **anthropic).run["value"].strip() == KNOWN
    only = ("--step", "2", "--only", "--no-judge")
    answer = replays.replay(trace, *only, **anthropic).run["answer"]
    assert answer == 'get_order({"order_id": "LF-1001"})'


@pytest.mark.parametrize("agent", ["responses", "responses_chained"])
def test_responses_of_a_model_that_reasons(replays: Replays, agent: str) -> None:
    """The recorded answer's items go back to the provider, which never gave their ids."""
    with serving(Responses) as base:
        at = {"OPENAI_BASE_URL": f"{base}/v1"}
        (trace,) = replays.record("plain", agent, **at)
        replays.up.judged([trace])
        given = ("--from-step", "3", "--entry", f"{ENTRY}:{agent}", "--no-judge")
        run = replays.replay(trace, *given, **at).run
        assert run["error"] is None
        assert run["recorded"] == [2]
        assert run["live_model_calls"] == 1
        assert run["value"] == INVENTED
        assert run["warnings"] == []
        assert replays.everyspan("diff", trace, run["trace_id"]).status == 0
        only = ("--step", "2", "--only", "--no-judge", "--api", "responses")
        answer = replays.replay(trace, *only, **at).run["answer"]
        assert answer == 'get_order({"order_id": "LF-1001"})'


def test_a_model_that_is_away(replays: Replays, trace: str) -> None:
    given = ("--from-step", "3", "--entry", f"{ENTRY}:chat", "--no-judge")
    run = replays.replay(trace, *given, OPENAI_BASE_URL="http://127.0.0.1:9/v1").run
    assert "http://127.0.0.1:9/v1/chat/completions does not answer" in run["error"]
