"""What the user and the developer put into a trace, and what tools and documents brought in."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from everyspan.masking.contacts import digits_of
from everyspan.masking.finding import Finding

from classify import messages
from classify.classifier import Trace
from classify.classifiers.data_leakage.whose import is_persons

#: Characters around a value that must be equal for a text to be a copy of a document.
_COPY_CONTEXT = 12
_OWN_ATTRIBUTES = ("user.", "enduser.", "customer.")


class Given:
    """Texts of one trace by where they came from, read when first asked for."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @cached_property
    def user_texts(self) -> tuple[str, ...]:
        """The request (the root's input) and the user's messages of each llm step, each once."""
        found: dict[str, None] = {}
        root = self._trace.root
        if root.step_kind != "tool" and root.input:
            said = messages.messages(root.input)
            if any(messages.role(message) for message in said):
                found.update(dict.fromkeys(_of_role(said, "user")))
            else:
                found[root.input] = None
        for span in self._trace.spans:
            if span.input_messages:
                for text in _of_role(messages.messages(span.input_messages), "user"):
                    found[text] = None
            elif span.step_kind == "llm" and span.input:
                found[span.input] = None
            for name, value in span.attributes.items():
                if name.startswith(_OWN_ATTRIBUTES) and value:
                    found[value] = None
            if span.user_id:
                found[span.user_id] = None
        return tuple(found)

    @cached_property
    def instructions(self) -> tuple[str, ...]:
        """The system instructions in the trace, each once."""
        found: dict[str, None] = {}
        for span in self._trace.spans:
            found.update(dict.fromkeys(instructions_of(span.system_instructions)))
            if span.input_messages:
                read = messages.messages(span.input_messages)
                found.update(dict.fromkeys(_of_role(read, "system")))
        return tuple(found)

    @cached_property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """(where, text): retrieved documents, results of tools."""
        found: list[tuple[str, str]] = []
        for span in self._trace.spans:
            if span.documents:
                where = f"documents of {span.name or 'retrieval'}"
                found.extend((where, document) for document in span.documents)
            elif span.step_kind == "retrieval" and span.output:
                found.append((f"documents of {span.name or 'retrieval'}", span.output))
            if span.step_kind == "tool" and span.output:
                found.append((f"result of {span.tool_name or span.name or 'tool'}", span.output))
        return tuple(found)

    def source_of(self, value: str) -> str:
        """Where ``value`` came in, '' where it is in no document, result or instruction."""
        for where, text in self.sources:
            if value in text:
                return where
        if any(value in text for text in self.instructions):
            return "system instructions"
        return ""

    def is_persons_in_source(self, finding: Finding) -> bool:
        """Whether a document or result that has the address or number says it is a person's."""
        for _, text in self.sources:
            at = text.find(finding.value)
            if at >= 0 and is_persons(text, replace(finding, start=at)):
                return True
        return False

    def is_users_own(self, value: str) -> bool:
        """Whether the user wrote ``value``. A user message into which the application pasted a
        document does not count: there the words around the value are the document's."""
        lowered = value.lower()
        return any(
            lowered in text.lower() and not self._is_pasted(lowered, text.lower())
            for text in self.user_texts
        )

    def in_instructions(self, value: str) -> bool:
        """Whether the developer wrote it: a company's own address, for example."""
        lowered = value.lower()
        return any(
            lowered in text.lower() and not self._is_pasted(lowered, text.lower())
            for text in self.instructions
        )

    def is_given_number(self, number: str) -> bool:
        """The same for a telephone number, however it is written."""
        tail = digits_of(number)[-9:]
        for text in (*self.user_texts, *self.instructions):
            if tail in digits_of(text) and not self._is_pasted(number.lower(), text.lower()):
                return True
        return False

    def _is_pasted(self, value: str, text: str) -> bool:
        """Whether every place of ``value`` in ``text`` is the copy of a source."""
        contexts = [
            source[max(0, at - _COPY_CONTEXT) : at + len(value) + _COPY_CONTEXT]
            for source in (text.lower() for _, text in self.sources)
            if (at := source.find(value)) >= 0
        ]
        longer = [context for context in contexts if len(context) > len(value) + 2]
        if not longer:
            return False
        return text.count(value) <= sum(text.count(context) for context in set(longer))


def instructions_of(text: str) -> list[str]:
    """System instructions, which are text or JSON parts ({"type": "text", "content": …})."""
    if not text:
        return []
    if text[:1] in "[{":
        value = messages.decode(text)
        parts = value if isinstance(value, list) else [value]
        found = [
            said
            for part in parts
            if isinstance(part, dict)
            for said in (part.get("content"), part.get("text"))
            if isinstance(said, str) and said
        ]
        if found:
            return found
    return [text]


def _of_role(read: list[dict[str, object]], wanted: str) -> list[str]:
    return [
        text
        for message in read
        if messages.role(message) == wanted
        for text in messages.texts(message)
    ]
