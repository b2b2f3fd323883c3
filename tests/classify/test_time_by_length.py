"""Judging takes time by the length of a text, whatever it holds, and not by its square.

CPU time of this process, and each shape against itself at twice its length: the machine's speed
has no part in it. The encoder's own run, whose cost is by the number of windows, is left out: with
it the rest could not be seen.
"""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable
from math import inf

import numpy as np
import pytest
from everyspan.masking.mask import masked

from classify.classifier import Classifier, Subject, Trace, applies
from classify.models.encoder import Encoder
from classify.registry import BUILT_IN
from classify.signals.disguise import readings
from classify.signals.weighed import Weighed
from clickhouse.span import Span
from experiments.datasets.masking import Masker
from ingest.limits import ContentLimits
from ingest.normalise import normalise
from tests.ingest.otlp_payloads import request, span

_AT_MOST = 2.6
_LENGTH = 12_000
#: Seconds under which a ratio says nothing.
_TOO_FAST = 0.015


def repeated(unit: str) -> Callable[[int], str]:
    return lambda length: (unit * (length // len(unit) + 1))[:length]


def noise(length: int) -> str:
    return base64.b64encode(random.Random(1).randbytes(length)).decode()[:length]


def marks(length: int) -> str:
    chosen = random.Random(1).choices("\u0301\u0323\u0302", k=length - 1)
    return "e" + "".join(chosen)


SHAPES: dict[str, Callable[[int], str]] = {
    "dots": repeated("."),
    "exclamation": repeated("!?"),
    "spaces": repeated(" "),
    "blanks before a line": repeated(" \n"),
    "newlines": repeated("\n"),
    "brackets": repeated("["),
    "parentheses": repeated("("),
    "links": repeated("[a]("),
    "digits": repeated("7"),
    "dashed digits": repeated("1-"),
    "amounts": repeated("$1,"),
    "one long word": repeated("a"),
    "initials": repeated("a."),
    "base64": noise,
    "nested lists": lambda length: "[" * (length // 2) + "]" * (length // 2),
    "nested objects": lambda length: '{"a":' * (length // 6) + "1" + "}" * (length // 6),
    "strings in a list": lambda length: json.dumps(["2 days for $9, please."] * (length // 26)),
    "combining marks": marks,
    "quotation marks": repeated('"'),
    "addresses": repeated("a@a.a."),
    "urls": repeated("http://a.b/c?d=e&"),
    "fences": repeated("```\n"),
    "stars": repeated("**a "),
    "scripts": repeated("aä中あ🙂 "),
    "underscores": repeated("_"),
    "orders": repeated("do not say 'a'. "),
}


def subjects(text: str, classifier: Classifier) -> list[Subject]:
    """A trace in which every step says, gets and asks for the text."""
    part = {"type": "text", "content": text}
    call = {"type": "tool_call", "id": "1", "name": "f", "arguments": {"q": text}}
    result = {"type": "tool_call_response", "id": "1", "response": text}
    asked = [
        {"role": "system", "parts": [part]},
        {"role": "user", "parts": [part]},
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [result]},
        {"role": "user", "parts": [part]},
    ]
    answered = [{"role": "assistant", "parts": [part, call | {"arguments": text}]}]
    tools = [{"name": "f", "description": text, "parameters": {"type": "object"}}]
    start = 10**18
    spans = (
        Span("a" * 32, "1" * 16, name="agent", step_kind="agent", input=text, output=text),
        Span(
            "a" * 32,
            "2" * 16,
            "1" * 16,
            name="chat",
            step_kind="llm",
            input=text,
            output=text,
            input_messages=json.dumps(asked),
            output_messages=json.dumps(answered),
            tool_definitions=json.dumps(tools),
            system_instructions=text,
        ),
        Span(
            "a" * 32,
            "3" * 16,
            "1" * 16,
            name="f",
            step_kind="tool",
            tool_name="f",
            input=text,
            output=text,
            status_message=text,
        ),
        Span("a" * 32, "4" * 16, "1" * 16, name="r", step_kind="retrieval", documents=[text] * 2),
    )
    for number, each in enumerate(spans):
        each.start_time, each.duration_ms = start + number, 1000.0
    before = Span("b" * 32, "5" * 16, name="agent", step_kind="agent", input=text, output=text)
    trace = Trace(spans, (Trace((before,)),))
    of = spans if classifier.unit == "span" else (trace.root,)
    return [Subject(each, trace) for each in of if applies(classifier, each)]


@pytest.fixture
def without_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(self: Encoder, upper: object, piece: object) -> object:
        return np.zeros(16, np.float32)

    monkeypatch.setattr(Encoder, "_forward", answers)
    monkeypatch.setattr(Encoder, "vectors", lambda self, texts: np.zeros((len(texts), 384)))


def seconds(work: Callable[[], object]) -> float:
    readings.cache_clear()  # or only the first time is seen
    start = time.process_time()
    work()
    return time.process_time() - start


def grows(work: Callable[[str], Callable[[], object]], shape: Callable[[int], str]) -> float:
    """How many times as long twice the length takes: the shortest of some tries of each, and 0
    where it is too fast to tell. ``work`` prepares a text, what it returns is timed."""
    ratio, short, long = 0.0, inf, inf
    for _ in range(20):
        short = min(short, seconds(work(shape(_LENGTH))))
        long = min(long, seconds(work(shape(2 * _LENGTH))))
        ratio = long / short if long > _TOO_FAST else 0.0
        if ratio < _AT_MOST:
            break
    return ratio


def held(work: Callable[[str], Callable[[], object]]) -> None:
    work(SHAPES["orders"](500))()
    slow = {
        name: round(ratio, 1)
        for name, shape in SHAPES.items()
        if (ratio := grows(work, shape)) >= _AT_MOST
    }
    assert not slow


@pytest.mark.parametrize("classifier", BUILT_IN, ids=lambda classifier: classifier.name)
@pytest.mark.usefixtures("without_the_run")
def test_classifiers(classifier: Classifier) -> None:
    def work(text: str) -> Callable[[], object]:
        given = subjects(text, classifier)

        def judge() -> None:
            assert len(classifier.judge(given)) == len(given)

        return judge

    held(work)


@pytest.mark.parametrize(
    "classifier",
    [each for each in BUILT_IN if isinstance(each, Weighed)],
    ids=lambda classifier: classifier.name,
)
@pytest.mark.usefixtures("without_the_run")
def test_all_their_signals(classifier: Weighed) -> None:
    """Also those that the cheap ones, or a rule, leave unasked."""

    def work(text: str) -> Callable[[], object]:
        given = subjects(text, classifier)  # type: ignore[arg-type]
        return lambda: classifier.ask_all(given)

    held(work)


def test_masking_of_alerts() -> None:
    held(lambda text: lambda: masked(text))


def test_masking_of_data_sets() -> None:
    held(lambda text: lambda: Masker().text(text))


def test_ingest() -> None:
    columns = (
        "gen_ai.input.messages gen_ai.output.messages gen_ai.tool.call.arguments input.value"
        " llm.input_messages.0.message.content traceloop.entity.input ai.prompt.messages"
        " gcp.vertex.agent.llm_request langfuse.observation.input all_messages_events"
    ).split()

    def work(text: str) -> Callable[[], object]:
        body = request(span(b"\x01" * 16, attributes=dict.fromkeys(columns, text)))
        return lambda: normalise(
            body, now=time.time_ns(), retention_days=30, limits=ContentLimits()
        )

    held(work)
