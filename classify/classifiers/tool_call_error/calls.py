"""The tool calls of one trace: those that ran (tool steps) and those that only the model asked for.

Every call is judged once, on the row where it is repaired fastest: the tool's row if the call has
one, else the llm step that asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from classify import messages
from classify.classifier import Trace
from classify.classifiers.tool_call_error.definitions import Tool, tools
from classify.messages import ToolCall
from clickhouse.span import Span

_CALL_ID_ATTRIBUTES = (
    "gen_ai.tool.call.id",
    "tool_call.id",
    "tool_call_id",
    "ai.toolCall.id",
    "gen_ai.tool_call.id",
)


@dataclass(slots=True, frozen=True)
class Asked:
    """A call in the output of ``span``, an llm step."""

    span: Span
    call: ToolCall


class TraceCalls:
    """Reads the trace once; everything is found by name or id from then on."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @cached_property
    def ran(self) -> tuple[Span, ...]:
        """The tool steps."""
        return tuple(span for span in self._trace.spans if span.step_kind == "tool")

    @cached_property
    def asked(self) -> dict[str, list[Asked]]:
        """llm span_id to the calls in its output."""
        found: dict[str, list[Asked]] = {}
        for span in self._trace.spans:
            # Cheap, and true of every shape of call.
            said = span.output_messages if span.step_kind == "llm" else ""
            if '"tool' in said or '"function_call"' in said:
                found[span.span_id] = asked_by(span)
        return found

    @property
    def are_written(self) -> bool:
        """Whether any llm step of the trace records the calls that it asked for."""
        return any(self.asked.values())

    @cached_property
    def _asked_by_id(self) -> dict[str, Asked]:
        return {each.call.id: each for each in self._all_asked() if each.call.id}

    @cached_property
    def _asked_by_name(self) -> dict[str, list[Asked]]:
        found: dict[str, list[Asked]] = {}
        for each in self._all_asked():
            found.setdefault(plain_name(each.call.name), []).append(each)
        return found

    def _all_asked(self) -> Iterable[Asked]:
        return (each for calls in self.asked.values() for each in calls)

    def request_for(self, span: Span) -> Asked | None:
        """What the model asked for when this tool ran: by call id, else by name and arguments,
        else the one call of that name."""
        by_id = self._asked_by_id.get(call_id(span))
        if by_id is not None:
            return by_id
        named = self._asked_by_name.get(plain_name(tool_name(span)), [])
        if call_id(span):
            named = [each for each in named if not each.call.id]
        given = canonical(span.input)
        same = [each for each in named if canonical(each.call.arguments) == given]
        if same:
            return same[0]
        return named[0] if len(named) == 1 else None

    @cached_property
    def _run_ids(self) -> frozenset[str]:
        return frozenset(filter(None, map(call_id, self.ran)))

    @cached_property
    def _runs_without_id(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for span in self.ran:
            found.setdefault(plain_name(tool_name(span)), []).append(span)
        return found

    def has_run(self, call: ToolCall) -> bool:
        """Whether a tool step exists for the call."""
        if call.id and call.id in self._run_ids:
            return True
        runs = self._runs_without_id.get(plain_name(call.name), [])
        if call.id:
            runs = [span for span in runs if not call_id(span)]
        if not runs:
            return False
        given = canonical(call.arguments)
        return any(not span.input or canonical(span.input) == given for span in runs) or (
            # Frameworks record arguments in their own way; one call and one run are the same.
            len(runs) >= len(self._asked_by_name.get(plain_name(call.name), []))
        )

    @cached_property
    def results(self) -> dict[str, Any]:
        """Call id to the result that was handed back to a model."""
        found: dict[str, Any] = {}
        for span in self._trace.spans:
            if span.step_kind == "llm" and "tool" in span.input_messages:
                for message in messages.messages(span.input_messages):
                    for identity, result in messages.tool_results(message):
                        if identity:
                            found.setdefault(identity, result)
        return found

    @cached_property
    def _definitions(self) -> dict[str, list[Tool]]:
        found: dict[str, list[Tool]] = {}
        for text in dict.fromkeys(s.tool_definitions for s in self._trace.spans):
            for name, tool in tools(text).items():
                found.setdefault(plain_name(name), []).append(tool)
        return found

    def definitions_of(self, name: str, span: Span) -> list[Tool]:
        """The recorded definitions of a tool: the step's own, else all in the trace (agents of one
        trace may have tools of the same name)."""
        own = [t for n, t in tools(span.tool_definitions).items() if plain_name(n) == name]
        return own or self._definitions.get(name, [])


def asked_by(span: Span) -> list[Asked]:
    """The calls in an llm step's output, in order."""
    return [
        Asked(span, call)
        for message in messages.messages(span.output_messages)
        for call in messages.tool_calls(message)
    ]


def call_id(span: Span) -> str:
    """The id that the provider gave the call, '' where the tool step doesn't say."""
    for name in _CALL_ID_ATTRIBUTES:
        found = span.attributes.get(name)
        if found:
            return found
    return ""


def tool_name(span: Span) -> str:
    return span.tool_name or span.name


def plain_name(name: str) -> str:
    """Without the namespace that some models write before it."""
    return name.removeprefix("functions.").removeprefix("execute_tool ").strip()


def canonical(arguments: Any) -> str:
    """The same text for the same arguments, however they were written."""
    if isinstance(arguments, str):
        if arguments[:1] in ("{", "[", " ", "\n", '"'):
            value = messages.decode(arguments)
            if value is not None:
                return canonical(value) if isinstance(value, str) else messages.encode(value)
        return arguments.strip() or "{}"
    return "{}" if arguments is None else messages.encode(arguments)
