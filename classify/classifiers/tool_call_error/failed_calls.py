"""The verdict of ``tool_call_error`` for one step: did a tool call fail, and what says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from everyspan.masking.mask import masked

from classify import messages
from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Trace, Unit
from classify.classifiers.tool_call_error import arguments
from classify.classifiers.tool_call_error.calls import (
    Asked,
    TraceCalls,
    canonical,
    plain_name,
    tool_name,
)
from classify.classifiers.tool_call_error.definitions import all_known, tools
from classify.classifiers.tool_call_error.exit_codes import ran_before
from classify.classifiers.tool_call_error.failure_rules import rules
from classify.classifiers.tool_call_error.failure_text import Failure, failure_in
from classify.classifiers.tool_call_error.made_up import Read, invented
from clickhouse.span import Span, Verdict

ERROR_STATUS = 0.95
EXCEPTION_EVENT = 0.85
UNKNOWN_TOOL = 0.95
NOT_JSON = 0.9
MADE_UP = 0.7
CODE_FAILED = 0.9
#: For each time the same call failed before in the trace.
_EACH_REPEAT = 0.03
_MAX_EVIDENCE = 300


class ToolCallError:
    """Pure and without state between calls, apart from compiled schemas."""

    name = "tool_call_error"
    description = "A tool call failed, or could not work with the name or arguments it was given."
    version = 3
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("tool", "llm"))
    needs: tuple[str, ...] = ()
    threshold = 0.5

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        known: dict[int, _TraceFailures] = {}
        found = []
        for subject in subjects:
            failures = known.get(id(subject.trace))
            if failures is None:
                failures = known[id(subject.trace)] = _TraceFailures(subject.trace)
            found.append(self._judge(subject.span, failures))
        return found

    def _judge(self, span: Span, failures: _TraceFailures) -> Verdict:
        if span.step_kind == "tool":
            reasons = failures.of_run(span)
        elif span.step_kind == "llm":
            asked = failures.only_asked(span)
            ran = failures.of_code(span)
            if not asked and ran is None:
                # No call, or each has a row of its own.
                return NOT_APPLICABLE
            reasons = [reason for each in asked for reason in failures.of_asked(each)] + (ran or [])
        else:
            return NOT_APPLICABLE
        worst = max((reason.score for reason in reasons), default=0.0)
        if worst < self.threshold:
            return Verdict("pass", worst)
        repeats = failures.repeats(span)
        score = round(min(1.0, worst + _EACH_REPEAT * max(0, repeats - 1)), 3)
        reasons.sort(key=lambda reason: -reason.score)
        told = "; ".join(dict.fromkeys(r.reason for r in reasons if r.score >= self.threshold))
        told = masked(told)
        tail = f"; repeated {repeats} times in this trace" if repeats > 1 else ""
        if len(told) + len(tail) > _MAX_EVIDENCE:
            told = f"{told[: _MAX_EVIDENCE - len(tail) - 1]}…"
        return Verdict("fail", score, told + tail)


class _TraceFailures:
    """What went wrong with each call of a trace, found when first asked for."""

    def __init__(self, trace: Trace) -> None:
        self._calls = TraceCalls(trace)
        self._read = Read(trace)
        self._runs: dict[int, list[Failure]] = {}

    def of_run(self, span: Span) -> list[Failure]:
        """Of a tool step."""
        found = self._runs.get(id(span))
        if found is None:
            found = self._runs[id(span)] = list(self._judge_run(span))
        # A copy: the caller sorts it.
        return list(found)

    def only_asked(self, span: Span) -> list[Asked]:
        """The calls of an llm step that have no tool step."""
        return [
            each
            for each in self._calls.asked.get(span.span_id, ())
            if each.span is span and not self._calls.has_run(each.call)
        ]

    def of_code(self, span: Span) -> list[Failure] | None:
        """Of the code that was run between two steps of a model without a step of its own; None
        where none was."""
        stated = ran_before(span.input[:200]) if not self._calls.ran else None
        if stated is None:
            return None
        if stated.code == 0:
            return []
        told = " ".join(span.input[:240].split())
        return [Failure(CODE_FAILED, f"code run before this step: {told}")]

    def repeats(self, span: Span) -> int:
        """How often the span's worst call failed in the trace with the same arguments."""
        if span.step_kind == "tool":
            return self._failing_runs[_key(tool_name(span), span.input)]
        counts = [
            self._failing_asked[_key(each.call.name, each.call.arguments)]
            for each in self.only_asked(span)
        ]
        return max(counts, default=0)

    @cached_property
    def _failing_runs(self) -> Counter[str]:
        return Counter(
            _key(tool_name(span), span.input)
            for span in self._calls.ran
            if any(failure.score >= ToolCallError.threshold for failure in self.of_run(span))
        )

    @cached_property
    def _failing_asked(self) -> Counter[str]:
        return Counter(
            _key(each.call.name, each.call.arguments)
            for calls in self._calls.asked.values()
            for each in calls
            if not self._calls.has_run(each.call)
            and any(failure.score >= ToolCallError.threshold for failure in self.of_asked(each))
        )

    def _judge_run(self, span: Span) -> Iterator[Failure]:
        error = _marked_as_error(span)
        if error is not None:
            yield error
        name = tool_name(span)
        failure = failure_in(span.output, name, span.input)
        if failure is not None and not (error and failure.reason in error.reason):
            yield failure
        request = self._calls.request_for(span)
        if request is not None and _is_unknown(request):
            yield _unknown(request)
        ran_well = error is None
        plain = plain_name(name)
        if failure is None and ran_well:
            yield from self._made_up(span, request)
        definitions = self._calls.definitions_of(plain, request.span if request else span)
        if not definitions:
            return
        recorded = request.call.arguments if request is not None else None
        given = arguments.read(span.input if recorded is None else recorded)
        if given.error:
            # A tool that takes one text is recorded with it.
            if recorded is not None or span.input.lstrip()[:1] == "{":
                yield Failure(NOT_JSON, f"arguments: {given.error}")
            return
        if given.value is None or (recorded is None and not span.input):
            return
        breaches = []
        for tool in definitions:
            value = arguments.unwrapped(given.value, tool) if recorded is None else given.value
            breach = arguments.breach(value, tool, ran=ran_well)
            if breach is None:
                return
            breaches.append(breach)
        yield Failure(*min(breaches))

    def _made_up(self, span: Span, request: Asked | None) -> Iterator[Failure]:
        """Only of what the model wrote: what a framework adds is nobody's invention."""
        if request is None and self._calls.are_written:
            return
        if request is not None and canonical(request.call.arguments) != canonical(span.input):
            # Ids of calls come again in some traces; a framework may have changed the arguments.
            return
        given = arguments.read(span.input if request is None else request.call.arguments)
        if given.value is None:
            return
        writer = request.span.span_id if request is not None else ""
        name = plain_name(tool_name(span))
        found = invented(given.value, name, span.output, self._read, span, writer)
        if found is not None:
            said = f"arguments.{found.field}: {found.value!r} occurs nowhere before this call"
            yield Failure(MADE_UP, said)

    def of_asked(self, asked: Asked) -> list[Failure]:
        """Of a call that no tool step answers to."""
        call = asked.call
        if _is_unknown(asked):
            return [_unknown(asked)]
        found: list[Failure] = []
        result = self._calls.results.get(call.id) if call.id else None
        if result is not None:
            failure = failure_in(messages.encode(result), call.name, call.arguments)
            if failure is not None:
                found.append(failure)
        given = arguments.read(call.arguments)
        label = call.name or "call"
        if given.error:
            found.append(Failure(NOT_JSON, f"{label} arguments: {given.error}"))
        if given.value is not None and not found and result is not None:
            told = messages.encode(result)
            writer = asked.span.span_id
            made = invented(given.value, call.name, told, self._read, asked.span, writer)
            if made is not None:
                said = f"{label} arguments.{made.field}: {made.value!r} occurs nowhere before it"
                found.append(Failure(MADE_UP, said))
        definitions = self._calls.definitions_of(plain_name(call.name), asked.span)
        if given.value is None or not definitions:
            return found
        breaches = [
            arguments.breach(given.value, tool, ran=result is not None and not found)
            for tool in definitions
        ]
        broken = [breach for breach in breaches if breach is not None]
        if len(broken) == len(breaches):
            score, reason = min(broken)
            found.append(Failure(score, f"{label} {reason}"))
        return found


def _key(name: str, given: Any) -> str:
    return f"{plain_name(name)} {canonical(given)}"


def _is_unknown(asked: Asked) -> bool:
    """Whether the model called what it was not given. Says nothing where no tools are recorded."""
    given = tools(asked.span.tool_definitions)
    name = plain_name(asked.call.name)
    if not given or not name or asked.call.name in rules().framework_tools:
        return False
    if not all_known(asked.span.tool_definitions):
        return False
    return name not in {plain_name(known) for known in given}


def _unknown(asked: Asked) -> Failure:
    given = ", ".join(list(tools(asked.span.tool_definitions))[:6])
    return Failure(UNKNOWN_TOOL, f"tool_name: {asked.call.name[:80]!r} is not among {given}"[:280])


def _marked_as_error(span: Span) -> Failure | None:
    """The step's status, or an exception among its events, without deliberate interruptions."""
    kind, said = span.error_type, span.status_message
    failed = span.status == "error"
    exception = _exception_event(span)
    if exception is not None:
        kind, said = kind or exception[0], said or exception[1]
    elif not failed:
        return None
    short = kind.rpartition(".")[2]
    if short in rules().control_flow or said.partition("(")[0].strip() in rules().control_flow:
        return None
    score = ERROR_STATUS if failed else EXCEPTION_EVENT
    field = "status" if failed else "exception"
    # Some instrumentations put the whole traceback there; its last line is the message.
    before, found, after = said.partition("Traceback (most recent call last)")
    if found:
        said = before if before.strip() else after.strip().rpartition("\n")[2]
    text = " ".join(said[:400].split())
    told = f"{short}: {text}" if short and text and short not in text else text or short or "error"
    return Failure(score, f"{field}: {told}")


def _exception_event(span: Span) -> tuple[str, str] | None:
    if "exception" not in span.events:
        return None
    events = messages.decode(span.events)
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and event.get("name") == "exception":
            held = event.get("attributes")
            attributes = held if isinstance(held, dict) else {}
            kind, said = attributes.get("exception.type"), attributes.get("exception.message")
            return str(kind or ""), str(said or "")
    return None


classifier: Classifier = ToolCallError()
