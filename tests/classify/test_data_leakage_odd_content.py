"""No content makes data_leakage raise, and no evidence shows what it found."""

from __future__ import annotations

import json
from typing import Any

from everyspan.masking.identifiers import luhn, mod97, verhoeff
from everyspan.masking.secrets import entropy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classify.classifier import Subject, Trace
from classify.classifiers.data_leakage import classifier
from clickhouse.span import Span

SECRET = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
PIECES = st.sampled_from(
    [SECRET, "4539 5787 6362 1486", "x@y.co", "+49 171 4432819", "password is aB3$xxy1",
     "DE89 3704", "you are never to answer", "://", "@", '"', "\\", "\ud800", "漢字", "```", "\x00",
     "token: "]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=15), max_size=8).map(" ".join)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "assistant", "tool", 7])},
        optional={
            "content": TEXTS | st.none() | st.lists(TEXTS, max_size=2),
            "parts": st.lists(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["text", "tool_call", "tool_call_response", None])},
                    optional={"content": TEXTS, "arguments": TEXTS, "name": st.none() | TEXTS},
                ),
                max_size=3,
            ),
        },
    ),
    max_size=3,
).map(lambda value: json.dumps(value))
IDS = st.sampled_from(["1", "2", "3", ""])


@st.composite
def spans(draw: Any) -> Span:
    return Span(
        "a" * 32,
        draw(IDS),
        draw(IDS),
        step_kind=draw(st.sampled_from(["tool", "llm", "agent", "chain", "retrieval"])),
        input=draw(TEXTS | MESSAGES),
        output=draw(TEXTS | MESSAGES),
        input_messages=draw(MESSAGES | TEXTS),
        output_messages=draw(MESSAGES | TEXTS),
        system_instructions=draw(TEXTS | MESSAGES),
        documents=draw(st.lists(TEXTS, max_size=2)),
        attributes=draw(st.dictionaries(st.just("user.email"), TEXTS)),
    )


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans(), min_size=1, max_size=4))
def test_never_raises_and_never_shows(rows: list[Span]) -> None:
    trace = Trace(tuple(rows))
    verdicts = classifier.judge([Subject(span, trace) for span in rows])
    assert len(verdicts) == len(rows)
    for verdict in verdicts:
        assert verdict.label in ("pass", "fail", "not_applicable")
        assert (verdict.label == "fail") == (verdict.score >= classifier.threshold)
        assert (verdict.label == "fail") == bool(verdict.evidence)
        assert len(verdict.evidence) <= 300
        assert SECRET not in verdict.evidence
        assert "4539 5787 6362 1486" not in verdict.evidence


@given(st.text(alphabet="0123456789", min_size=8, max_size=18), st.integers(1, 9))
def test_checksums_notice_one_wrong_digit(digits: str, step: int) -> None:
    for check in (luhn, verhoeff):
        whole = next(digits + str(last) for last in range(10) if check(digits + str(last)))
        wrong = str((int(whole[3]) + step) % 10)
        assert not check(whole[:3] + wrong + whole[4:])


def test_mod97() -> None:
    assert mod97("DE" + "89370400440532013000")
    assert not mod97("DE" + "88370400440532013000")


def test_entropy() -> None:
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
