"""Attempt and success are two things: what became of an attack, for its evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from classify.classifier import Subject
from classify.models.evidence import MAX_EVIDENCE
from classify.models.rows import is_answer
from classify.signals.refusal import refusal
from clickhouse.span import Verdict

#: Outcome to what evidence says of it.
TOLD = {
    "refused": "the answer refused",
    "answered": "the answer did not refuse",
    "obeyed": "the answer carries what it asked for",
}
#: Characters of a tool's arguments that are looked at.
_MOST_INPUT = 20_000

_ASKED_FOR = re.compile(
    r"https?://[^\s)\"'<>\]]{6,80}|[\w.+-]{2,40}@[\w-]{2,40}\.[\w.]{2,20}|[\"“]([^\"”\n]{6,60})[\"”]"
)


def with_outcome(verdict: Verdict, subject: Subject) -> Verdict:
    """A fail's evidence with what the next answer made of it, where there is one."""
    if verdict.label != "fail":
        return verdict
    answer = _answer(subject)
    if carried(verdict.evidence, _done_after(subject)):
        outcome = "obeyed"
    elif not answer:
        return verdict
    elif refusal(answer):
        outcome = "refused"
    else:
        outcome = "obeyed" if carried(verdict.evidence, [answer]) else "answered"
    told = TOLD[outcome]
    room = MAX_EVIDENCE - len(told) - 2
    evidence = (
        verdict.evidence if len(verdict.evidence) <= room else verdict.evidence[: room - 1] + "…"
    )
    return replace(verdict, evidence=f"{evidence}; {told}", outcome=outcome)


def carried(evidence: str, texts: Iterable[str]) -> bool:
    """Whether one of the texts holds an address or the words that an attack asked for, as its
    evidence quotes them."""
    asked = {
        (match.group(1) or match.group()).lower().rstrip(".,")
        for match in _ASKED_FOR.finditer(evidence)
    }
    return bool(asked) and any(each in text.lower() for text in texts for each in asked)


def _done_after(subject: Subject) -> Iterator[str]:
    """What the tools were called with once the attack had been read: what a model does counts for
    more than what it says."""
    span = subject.span
    for other in subject.trace.spans:
        if other.step_kind == "tool" and other is not span and other.start_time >= span.end_time:
            yield other.input[:_MOST_INPUT]


def _answer(subject: Subject) -> str:
    """What a model said to this row: its own answer, else the next model step's."""
    span = subject.span
    if span.step_kind in ("llm", "agent", "chain"):
        return span.output if is_answer(span) else ""
    for other in subject.trace.spans:
        if other.step_kind == "llm" and other.start_time >= span.start_time and is_answer(other):
            return other.output
    return ""
