"""The course of a trace: what was asked, what was called and came of it, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from classify import messages
from classify.classifier import Trace
from classify.classifiers.tool_call_error.calls import canonical, plain_name, tool_name
from classify.classifiers.tool_call_error.definitions import tools
from classify.classifiers.tool_call_error.failure_rules import rules
from classify.classifiers.tool_call_error.failure_text import failure_in
from classify.models.rows import exchange_of, is_answer, turns_of
from classify.signals import tool_names
from clickhouse.span import Span

#: From here up a sign in a result counts as failure (tool_call_error's threshold).
_FAILS = 0.5
_FINISH = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "llm.finish_reason",
    "llm.response.finish_reason",
    "ai.response.finishReason",
)


@dataclass(slots=True, frozen=True)
class Call:
    """``failed``: what says so, '' where it went well. ``same``: name and arguments as one text."""

    name: str
    result: str
    failed: str
    same: str

    @property
    def may_write(self) -> bool:
        """Whether it may have changed something: all but what only reads by its name."""
        return not tool_names.reads(self.name)


class Course:
    """One trace, read once."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.asked, self.answer = exchange_of(trace)

    @cached_property
    def calls(self) -> list[Call]:
        """In order: tool steps, or where there are none, the calls in the models' messages."""
        found = [_call_of(span) for span in self.trace.spans if span.step_kind == "tool"]
        return found or list(self._in_messages())

    def _in_messages(self) -> Iterator[Call]:
        results: dict[str, Any] = {}
        asked: dict[str, messages.ToolCall] = {}
        for span in self.trace.spans:
            if span.step_kind != "llm" or "tool" not in span.input_messages + span.output_messages:
                continue
            turns = messages.messages(span.input_messages)
            own = [i for i, m in enumerate(turns) if messages.role(m) == "user"]
            # Calls before the last thing that the user said are of earlier turns.
            for message in turns[own[-1] if own else 0 :] + messages.messages(span.output_messages):
                for call in messages.tool_calls(message):
                    asked.setdefault(call.id or f"{call.name} {canonical(call.arguments)}", call)
                for identity, result in messages.tool_results(message):
                    results.setdefault(identity, result)
        for identity, call in asked.items():
            result = messages.encode(results[identity]) if identity in results else ""
            failure = failure_in(result, call.name, call.arguments)
            failed = failure.reason if failure is not None and failure.score >= _FAILS else ""
            same = f"{plain_name(call.name)} {canonical(call.arguments)}"
            yield Call(plain_name(call.name), result, failed, same)

    @cached_property
    def tools(self) -> frozenset[str]:
        """Names of the tools that the models had, as far as recorded, here and earlier in the
        session."""
        spans = [span for each in (*self.trace.session, self.trace) for span in each.spans]
        texts = dict.fromkeys(span.tool_definitions for span in spans if span.tool_definitions)
        found = {plain_name(name) for text in texts for name in tools(text)}
        found |= {plain_name(tool_name(span)) for span in spans if span.step_kind == "tool"}
        return frozenset(found | {call.name for call in self.calls})

    @cached_property
    def earlier(self) -> list[tuple[str, str]]:
        """(request, answer) of what was said before in the session."""
        turns = turns_of(self.trace)
        for role in ("assistant", "user"):
            if turns and turns[-1][0] == role:
                turns.pop()
        return [
            (text, turns[at + 1][1])
            for at, (role, text) in enumerate(turns[:-1])
            if role == "user" and turns[at + 1][0] == "assistant"
        ]

    @cached_property
    def went_on(self) -> bool:
        """Whether the user said more within the trace: what it began with may no longer be
        wanted."""
        span = self.last_model
        if span is None:
            return False
        found = [m for m in messages.messages(span.input_messages) if messages.role(m) == "user"]
        said = [" ".join(messages.texts(message)).strip() for message in found]
        asked = self.asked.strip()
        return asked in said and said[-1] != asked

    @cached_property
    def wrote_before(self) -> bool:
        """Whether a call of an earlier trace of the session may have changed something."""
        return any(
            span.step_kind == "tool"
            and not tool_names.reads(plain_name(tool_name(span)))
            and span.status != "error"
            for each in self.trace.session
            for span in each.spans
        )

    @cached_property
    def last_model(self) -> Span | None:
        """The last step of a model."""
        return next((s for s in reversed(self.trace.spans) if s.step_kind == "llm"), None)

    @cached_property
    def finish(self) -> str:
        """Why the last model stopped, lower case, '' where it doesn't say."""
        span = self.last_model
        if span is None:
            return ""
        for message in reversed(messages.messages(span.output_messages)):
            reason = message.get("finish_reason")
            if isinstance(reason, str) and reason:
                return reason.lower()
        for name in _FINISH:
            told = span.attributes.get(name, "")
            value = messages.decode(told) if told[:1] in '["' else told
            if isinstance(value, list):
                value = value[-1] if value else ""
            if isinstance(value, str) and value:
                return value.lower()
        return ""

    @property
    def is_recorded(self) -> bool:
        """Whether any model's or the agent's words were recorded at all."""
        return any(
            span.output or span.output_messages
            for span in self.trace.spans
            if span.step_kind in ("llm", "agent", "chain")
        )

    @property
    def said_nothing(self) -> bool:
        """Whether the last model's message is recorded and is empty. One that stopped to call a
        tool did not end, though the call itself may not be recorded."""
        span = self.last_model
        if span is None or is_answer(span) or not span.output_messages:
            return False
        if "tool" in self.finish or "function" in self.finish:
            return False
        found = messages.messages(span.output_messages)
        return (
            bool(found)
            and not any(text.strip() for message in found for text in messages.texts(message))
            and not any(True for message in found for _ in messages.tool_calls(message))
        )


def _call_of(span: Span) -> Call:
    name = plain_name(tool_name(span))
    failed = ""
    if span.status == "error" and span.error_type.rpartition(".")[2] not in rules().control_flow:
        failed = span.status_message.strip() or span.error_type or "error"
    else:
        failure = failure_in(span.output, name, span.input)
        if failure is not None and failure.score >= _FAILS:
            failed = failure.reason
    return Call(name, span.output, " ".join(failed.split()), f"{name} {canonical(span.input)}")
