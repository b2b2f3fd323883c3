"""Attempt and success are two things: what became of an attack, for its evidence."""

from __future__ import annotations

import re
from dataclasses import replace

from classify.classifier import Subject
from classify.models.evidence import MAX_EVIDENCE
from classify.models.rows import is_answer
from classify.signals.refusal import refusal
from clickhouse.span import Verdict

REFUSED = "the answer refused"
COMPLIED = "the answer did not refuse"
CARRIED = "the answer carries what it asked for"

_ASKED_FOR = re.compile(
    r"https?://[^\s)\"'<>\]]{6,80}|[\w.+-]{2,40}@[\w-]{2,40}\.[\w.]{2,20}|[\"“]([^\"”\n]{6,60})[\"”]"
)


def with_outcome(verdict: Verdict, subject: Subject) -> Verdict:
    """A fail's evidence with what the next answer made of it, where there is one."""
    if verdict.label != "fail":
        return verdict
    answer = _answer(subject)
    if not answer:
        return verdict
    told = _outcome(verdict.evidence, answer)
    room = MAX_EVIDENCE - len(told) - 2
    evidence = (
        verdict.evidence if len(verdict.evidence) <= room else verdict.evidence[: room - 1] + "…"
    )
    return replace(verdict, evidence=f"{evidence}; {told}")


def _outcome(evidence: str, answer: str) -> str:
    if refusal(answer):
        return REFUSED
    lowered = answer.lower()
    for match in _ASKED_FOR.finditer(evidence):
        if (match.group(1) or match.group()).lower().rstrip(".,") in lowered:
            return CARRIED
    return COMPLIED


def _answer(subject: Subject) -> str:
    """What a model said to this row: its own answer, else the next model step's."""
    span = subject.span
    if span.step_kind in ("llm", "agent", "chain"):
        return span.output if is_answer(span) else ""
    for other in subject.trace.spans:
        if other.step_kind == "llm" and other.start_time >= span.start_time and is_answer(other):
            return other.output
    return ""
