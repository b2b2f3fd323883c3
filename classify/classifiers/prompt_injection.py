"""prompt_injection: instructions for the model in what should only be data, or in user input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from classify import messages
from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.rows import said, speaks
from classify.signals.role_tags import user_turns
from classify.signals.safety import Safety, Text
from classify.signals.wording import LINKS, ORDERS, head, phrase_signals, wording, worst_sentence
from clickhouse.span import Span

_SAYS = "worded as instructions for a model"
_MESSAGE = "input"


class PromptInjection(Safety):
    """Looks at documents, tool results and the user's last message, in windows. Never at the
    developer's own prompt: its instructions are what the model is for."""

    name = "prompt_injection"
    description = "A document, tool result or message holds instructions meant for the model."
    code_version = 5
    learns_here: ClassVar[bool] = True
    unit: Unit = "span"
    layer: Layer = "safety"
    step_kinds = frozenset(("llm", "retrieval", "reranker", "tool", "agent", "chain"))
    needs: tuple[str, ...] = ("input", "output", "documents")
    signals: ClassVar = (
        *phrase_signals("prompt_injection"),
        ORDERS,
        LINKS,
        wording("prompt_injection", _SAYS),
        worst_sentence("prompt_injection", _SAYS),
        head(
            "prompt_injection",
            _SAYS,
            lambda passage: form.prompt_injection(passage.text, passage.fetched),
        ),
    )

    def texts(self, subject: Subject) -> list[Text]:
        span: Span = subject.span
        if span.step_kind in ("retrieval", "reranker"):
            return [
                Text(f"document {i}", text, True)
                for i, text in enumerate(span.documents, 1)
                if text
            ]
        if span.step_kind == "tool":
            where = f"result of {span.tool_name or span.name}"
            return [Text(where, span.output, True)] if span.output else []
        if not speaks(subject):
            return []
        # Documents that were pasted into the prompt are judged with it, unless they have a row.
        retrieved = any(other.step_kind == "retrieval" for other in subject.trace.spans)
        asked = said(subject) if retrieved else span.input
        found = [Text(_MESSAGE, user_turns(asked))] if asked else []
        if not any(other.step_kind == "tool" for other in subject.trace.spans):
            found += [Text("tool result", text, True) for text in _new_results(span)]
        return found


def _new_results(span: Span) -> Iterator[str]:
    """Tool results in the messages of a model step since the model last spoke: those before were
    judged with an earlier step."""
    found: list[str] = []
    for message in messages.messages(span.input_messages):
        if messages.role(message) == "assistant":
            found = []
        found += [messages.encode(result) for _, result in messages.tool_results(message)]
    yield from (text for text in found if text)


classifier: Classifier = PromptInjection()
