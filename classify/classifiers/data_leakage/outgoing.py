"""What a step lets out: the answers of llm, agent and chain steps, the arguments sent to tools.

Results of tools and retrieved documents are what a step takes in: what they hold has not leaked
until a later step repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from classify import messages
from classify.classifier import Subject

#: user: somebody reads it. tool: arguments. inside: state handed from one step to the next.
Audience = Literal["user", "tool", "inside"]


@dataclass(slots=True, frozen=True)
class Outgoing:
    """``place``: the column, and the tool for arguments in an llm step's messages."""

    place: str
    text: str
    audience: Audience


def outgoing(subject: Subject) -> list[Outgoing]:
    """The texts that leave the step, without empty ones."""
    span = subject.span
    if span.step_kind == "tool":
        return [Outgoing("arguments", span.input, "tool")] if span.input else []
    if span.step_kind == "llm":
        return _answer_and_calls(span.output_messages, span.output)
    audience: Audience = "user"
    if span.step_kind == "chain" and subject.trace.root is not span:
        audience = "inside"
    text = _said(span.output)
    return [Outgoing("output", text, audience)] if text else []


def _answer_and_calls(output_messages: str, output: str) -> list[Outgoing]:
    said: list[str] = []
    found: list[Outgoing] = []
    for message in messages.messages(output_messages):
        said.extend(messages.texts(message))
        for call in messages.tool_calls(message):
            if call.arguments:
                place = f"arguments of {call.name}" if call.name else "arguments"
                found.append(Outgoing(place, messages.encode(call.arguments), "tool"))
    text = "\n".join(said)
    if not text and not found:
        text = _said(output)
    if text:
        found.insert(0, Outgoing("output", text, "user"))
    return found


def _said(output: str) -> str:
    """The output; of a recorded state or message list only what the assistant said."""
    said = messages.messages(output)
    if not any(messages.role(message) for message in said):
        return output
    return "\n".join(
        text
        for message in said
        if messages.role(message) == "assistant"
        for text in messages.texts(message)
    )
