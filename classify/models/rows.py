"""What model-based classifiers read of a trace: user turns, answers, context, tool steps."""

from __future__ import annotations

from classify import messages
from classify.classifier import Subject, Trace
from clickhouse.span import Span

#: Characters of context that are looked at; the newest count.
MAX_CONTEXT = 60_000
_CALL = '"arguments"'


def is_answer(span: Span) -> bool:
    """A model's step that says something to a person, not only tool calls."""
    text = span.output.lstrip()
    return bool(text) and not (text[:1] in "[{" and _CALL in text[:2000])


def answers_of(trace: Trace) -> bool:
    """Whether the trace has model steps of its own; agents repeat what those say."""
    return any(span.step_kind == "llm" for span in trace.spans)


def speaks(subject: Subject) -> bool:
    """A model step, or the root where nothing below it is one."""
    span = subject.span
    return span.step_kind == "llm" or (span is subject.trace.root and not answers_of(subject.trace))


def said(subject: Subject) -> str:
    """What the user wrote to this step: of a prompt that was built around the words that the trace
    began with, these words; else all of its input."""
    asked = subject.trace.root.input.strip()
    return asked if asked and asked in subject.span.input else subject.span.input


def context_of(subject: Subject) -> list[tuple[str, str]]:
    """(where it came from, text) that the answer could rest on: documents and tool results of
    steps before it, tool results in its own messages."""
    span, found = subject.span, []
    seen: set[str] = set()
    for other in subject.trace.spans:
        if other.start_time > span.end_time or other.span_id == span.span_id:
            continue
        if other.step_kind in ("retrieval", "reranker"):
            for number, document in enumerate(other.documents, 1):
                found.append((f"document {number} of {other.name}", document))
        elif other.step_kind == "tool" and other.output:
            found.append((f"result of {other.tool_name or other.name}", other.output))
    for message in messages.messages(span.input_messages):
        for _, result in messages.tool_results(message):
            found.append(("tool result", messages.encode(result)))
    unique = []
    size = 0
    for where, text in found:
        if text and text not in seen and size < MAX_CONTEXT:
            seen.add(text)
            size += len(text)
            unique.append((where, text[:MAX_CONTEXT]))
    return unique


def turns_of(trace: Trace) -> list[tuple[str, str]]:
    """(role, text) of the session up to this trace, oldest first."""
    found: list[tuple[str, str]] = []
    for each in (*trace.session, trace):
        asked, answered = exchange_of(each)
        if asked:
            found.append(("user", asked))
        if answered:
            found.append(("assistant", answered))
    if len(found) <= 2:
        # A conversation may also be carried in the messages of one model step.
        for span in reversed(trace.spans):
            history = [
                (role, text)
                for message in messages.messages(span.input_messages)
                if (role := messages.role(message)) in ("user", "assistant")
                and (text := " ".join(messages.texts(message)).strip())
            ]
            if len(history) > 2:
                answer = span.output if is_answer(span) else ""
                return history + ([("assistant", answer)] if answer else [])
    return found


def exchange_of(trace: Trace) -> tuple[str, str]:
    """What the user asked in this trace, and the last answer."""
    root = trace.root
    asked, answered = root.input, root.output
    for span in trace.spans:
        if span.step_kind == "llm":
            asked = asked or span.input
    for span in reversed(trace.spans):
        if span.step_kind == "llm" and is_answer(span):
            answered = answered or span.output
            break
    return asked, answered
