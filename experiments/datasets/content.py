"""A step within its trace as a test case: what was asked, what the answer rests on, what came."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classify import messages
from classify.classifier import Subject, Trace
from classify.models.form import excerpt
from classify.models.rows import context_of
from clickhouse.span import Span
from experiments.datasets.masking import Masker

Message = dict[str, Any]

_FEW_WORDS = 4
_ABOUT_CHARACTERS = 1_200
_WORDING_CHARACTERS = 6_000


@dataclass(slots=True, frozen=True)
class Asked:
    """The masked question of a row. ``request``: in the user's own words; ``about``: what its
    vector is made of; ``wording``: all that the user said, for finding near-duplicates."""

    request: str
    about: str
    wording: str
    characters: int


def asked(span: Span, request: str, masker: Masker) -> Asked:
    """``request``: input of the trace's root. A prompt that an application wrapped around it is
    about the request, not about the pages that were pasted in."""
    conversation = masker.value(conversation_of(span))
    last = masker.text(input_of(conversation, span))
    request = masker.text(request.strip())
    own = request if request and len(request) < len(last) and request in last else last
    return asked_again(own, last, conversation)


def asked_again(request: str, last: str, conversation: Sequence[Message]) -> Asked:
    """The same for what is masked already: the user's words, the last message that holds them, and
    what was said up to it."""
    about = request
    turns = [text_of(m) for m in conversation if m["role"] == "user" and text_of(m)]
    for earlier in reversed(turns[:-1]):
        # "Yes, please" is about what was asked before.
        if len(about.split()) > _FEW_WORDS:
            break
        about = f"{earlier}\n{about}"
    # Not what the application put around it: every prompt has those words.
    wording = "\n".join([*turns[:-1], request])
    return Asked(
        request,
        excerpt(about.strip(), _ABOUT_CHARACTERS),
        excerpt(wording, _WORDING_CHARACTERS),
        len(last),
    )


def conversation_of(span: Span) -> list[Message]:
    """OpenAI chat messages that led to the step: instructions first, not its own answer."""
    read = messages.messages(span.input_messages)
    if not read:
        said = messages.messages(span.input)
        read = said if any(messages.role(message) for message in said) else []
    found: list[Message] = []
    for message in read:
        found.extend(_chat(message))
    if span.system_instructions and not any(m["role"] == "system" for m in found):
        text = _instructions(span.system_instructions)
        found.insert(0, {"role": "system", "content": text})
    if not any(m["role"] in ("user", "tool") for m in found) and span.input and not read:
        found.append({"role": "user", "content": span.input})
    return found


def text_of(message: Message) -> str:
    """What a chat message says: its text, else the calls it asks for."""
    text = message.get("content") or ""
    if text:
        return str(text)
    calls = message.get("tool_calls") or []
    return "\n".join(f"{c['function']['name']}({c['function']['arguments']})" for c in calls)


def input_of(conversation: Sequence[Message], span: Span) -> str:
    """The last thing that a user said, else the step's input."""
    for message in reversed(conversation):
        if message["role"] == "user" and message.get("content"):
            return str(message["content"])
    return span.input


def content_of(span: Span, trace: Trace, masker: Masker) -> dict[str, Any]:
    """The fields input, output, messages, context and tool_calls of an item, masked.

    The conversation comes first, so that pseudonyms are numbered as in ``asked``.
    """
    conversation: list[Message] = masker.value(conversation_of(span))
    return {
        "messages": conversation,
        "input": masker.text(input_of(conversation, span)),
        "output": masker.text(span.output),
        "context": [masker.text(text) for _, text in context_of(Subject(span, trace))],
        "tool_calls": masker.value(_tool_calls(span, trace)),
    }


def attributes_of(trace: Trace) -> Mapping[str, str]:
    """All attributes of a trace's spans, for the masker."""
    found: dict[str, str] = {}
    for span in trace.spans:
        found |= span.attributes
    return found


def _tool_calls(span: Span, trace: Trace) -> list[dict[str, Any]]:
    """Of a model step the calls that it asks for; of an agent, chain or other step the tool steps
    below it; of a tool step itself."""
    if span.step_kind == "llm":
        return [
            {"name": call.name, "arguments": messages.encode(call.arguments or {}), "result": "",
             "failed": False}
            for message in messages.messages(span.output_messages)
            for call in messages.tool_calls(message)
        ]  # fmt: skip
    tools = [
        step
        for step in trace.spans
        if step.step_kind == "tool" and (step is span or span in trace.ancestors(step))
    ]
    return [
        {
            "name": step.tool_name or step.name,
            "arguments": step.input,
            "result": step.output,
            "failed": step.status == "error",
        }
        for step in tools
    ]


def _chat(message: dict[str, Any]) -> list[Message]:
    role = messages.role(message) or "user"
    results = list(messages.tool_results(message))
    if results:
        return [
            {"role": "tool", "tool_call_id": call_id, "content": messages.encode(result)}
            for call_id, result in results
        ]
    text = "\n".join(messages.texts(message))
    calls = [
        {
            "id": call.id or f"call_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": messages.encode(call.arguments or {})},
        }
        for number, call in enumerate(messages.tool_calls(message), 1)
    ]
    if role not in ("system", "user", "assistant", "tool"):
        role = "user"
    if calls:
        return [{"role": "assistant", "content": text or None, "tool_calls": calls}]
    return [{"role": role, "content": text}] if text else []


def _instructions(text: str) -> str:
    """Plain text of instructions that may be JSON parts."""
    if not re.match(r"\s*[\[{]", text):
        return text
    value = messages.decode(text)
    parts = value if isinstance(value, list) else [value]
    said = [
        str(part.get("content") or part.get("text") or "")
        for part in parts
        if isinstance(part, dict)
    ]
    return "\n".join(each for each in said if each) or text
