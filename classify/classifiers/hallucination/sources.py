"""What the answer of a step can rest on: documents, tool results, pages pasted into the prompt; and
what was said to the model besides."""

from __future__ import annotations

import re

from classify import messages
from classify.classifier import Subject
from classify.models.rows import context_of
from classify.signals.grounds import Grounds, grounds

#: Characters of a prompt that are looked at; the newest count.
_MOST = 60_000
#: A prompt that was built around pages says so.
_PASTED = re.compile(
    r"^[#*\s]{0,6}(?:(?:(?:the|relevant|retrieved|following|given|provided|search|help|use|here|is|are"
    r"|some) ){0,6}(?:context|documents?|passages?|sources?|articles?|pages|search results|results"
    r"|references?|excerpts?|knowledge(?: base)?|transcript|snippets?|facts)"
    r"\b[^\n:]{0,60}:|<(?:context|documents?|passages?|sources?|article|knowledge|transcript)\b"
    r"|\[(?:1|doc(?:ument)? ?1|source ?1)\]\s)",
    re.I | re.M,
)
#: What is pasted is longer than a question.
_SHORTEST = 120


def grounds_of(subject: Subject) -> Grounds:
    """Without sources where nothing was found and nothing pasted."""
    said = _said(subject)
    sources = context_of(subject)
    if not sources:
        sources = [
            ("the prompt", text) for text in said if len(text) >= _SHORTEST and _PASTED.search(text)
        ]
    return grounds(sources, [text for text in said if text not in dict(sources).values()])


def asked_of(subject: Subject) -> str:
    """What the user wants to know."""
    return subject.trace.root.input.strip() or subject.span.input


def _said(subject: Subject) -> list[str]:
    """Instructions, the user's words, arguments of tools, and answers to earlier questions. What
    the model said since the last question is what is judged, and holds nothing up."""
    span, trace = subject.span, subject.trace
    found = [span.system_instructions, trace.root.input, span.input]
    for earlier in trace.session:
        found += [earlier.root.input, earlier.root.output]
    held = messages.messages(span.input_messages)
    last = max((i for i, m in enumerate(held) if messages.role(m) == "user"), default=-1)
    for number, message in enumerate(held):
        if messages.role(message) != "assistant" or number < last:
            found += messages.texts(message)
        found += [messages.encode(call.arguments) for call in messages.tool_calls(message)]
    for other in trace.spans:
        if other.step_kind in ("tool", "retrieval") and other.start_time <= span.end_time:
            found += [other.input, other.tool_name]
    unique: dict[str, None] = {}
    size = 0
    for text in reversed(found):
        if text and text.strip() and text not in unique and size < _MOST:
            size += len(text)
            unique[text[:_MOST]] = None
    return list(reversed(unique))
