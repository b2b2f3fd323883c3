"""Arguments that the model made up: an identifier or an address that no earlier text of the trace
has.

High precision over recall: only values that nobody can know without having read them (identifiers
with digits, e-mail addresses), in calls that the model wrote, where all is recorded that it could
have read. A lookup that found something under a value shows that it was no invention. File
paths are left out: agents guess README.md, and a wrong guess shows in the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from classify import messages
from classify.classifier import Trace
from classify.signals.tool_names import makes, writes
from clickhouse.span import Span

#: Characters of earlier text beyond which nothing is said: the search would cost too much.
_MOST_TEXT = 600_000
_MOST_VALUES = 12
_MAX_DEPTH = 4
#: Ingest's mark on a text that it cut, and what others write.
_CUT = re.compile(r"bytes cut\]|\[truncated|<truncated|characters truncated|\.\.\.\[")
_ID_FIELD = re.compile(
    r"(?:id|ids|number|no|code|email|mail|address|recipient|recipients|to|cc|iban|account|tracking"
    r"|reference|ref|sku|phone|order|invoice|booking|reservation|ticket|customer|user|payment"
    r"|method)$"
)
#: Numbers that a program or a model gives itself.
_OWN_FIELD = re.compile(
    r"(?:request|session|thread|conversation|run|trace|span|message|msg|call|correlation"
    r"|idempotency|unique|client|uuid|nonce|page|parent|block|model|voice|chat|channel|task|job"
    r"|step|node|tool|agent|plan|todo|zip|postal|country|area|language|currency|status|port|line"
    r"|color|colour|error|http|exit|airport|iata|version|year|week|room|seat|floor|source|question"
    r"|item|index|shell|bash|process|tab|element|cell|row|col|entity|section|chapter)_?(?:id|ids"
    r"|number|no|code|key)$"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_DATE = re.compile(
    r"\d{4}-\d\d?(?:-\d\d?)?(?:[T ].{0,30})?|\d\d?[./]\d\d?[./]\d{2,4}|\d\d?:\d\d.{0,12}"
)
#: 5 figures without letters may be an amount, a year or a code that everybody knows.
_ID_VALUE = re.compile(r"#?(?=[^\d]{0,40}\d)[A-Za-z0-9][\w.#/:-]{3,63}")
_NOTHING = frozenset(("", "[]", "{}", "null", "none", '""', '{"results": []}', '{"results":[]}'))


@dataclass(slots=True, frozen=True)
class Invented:
    """``field``: its name; ``value``: as the model wrote it."""

    field: str
    value: str


class Read:
    """What stands in a trace, by when it could be read."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @cached_property
    def _texts(self) -> list[tuple[int, str, str]]:
        """(nanoseconds from which on it can be read, span_id of the model's or the tool's step
        whose own words it is, text as letters and digits only)."""
        found: list[tuple[int, str, str]] = []
        size = 0
        for each in self._trace.session:
            for span in each.spans:
                found += [(0, "", text) for text in (*_given(span), span.output)]
        for span in self._trace.spans:
            writer = span.span_id if span.step_kind in ("llm", "tool") else ""
            own = writer if span.step_kind == "tool" else ""
            found += [(span.start_time, own, text) for text in _given(span)]
            found += [(span.end_time, writer, text) for text in (span.output, *span.documents)]
        plain = []
        seen: set[str] = set()
        for when, writer, text in sorted(found, key=lambda each: each[0]):
            if not text or text in seen:
                continue
            seen.add(text)
            size += len(text)
            if size > _MOST_TEXT:
                return []
            plain.append((when, writer, _plain(text)))
        return plain

    @cached_property
    def whole(self) -> bool:
        """Whether all is recorded that a model could have read."""
        spans = self._trace.spans
        asked = (s for s in spans if s.step_kind != "tool")
        # Some libraries record what tools did, and nothing of what the model read.
        if not self._texts or not any(s.input or s.input_messages for s in asked):
            return False
        return not any(
            _CUT.search(text)
            for s in spans
            for text in (s.input, s.output, s.input_messages, s.output_messages)
            if text
        )

    def has(self, value: str, before: int, writers: tuple[str, ...]) -> bool:
        """Whether a text that could be read ``before`` has it, however it is written. What
        ``writers`` said with it, the call itself and the step that asked for it, doesn't count."""
        wanted = [_plain(value)]
        digits = max(re.findall(r"\d+", value), key=len, default="")
        if len(digits) >= 3:
            wanted.append(digits)
        for when, by, text in self._texts:
            if when <= before and by not in writers and any(w in text for w in wanted):
                return True
        return False


def invented(
    arguments: dict[str, Any], tool: str, result: str, read: Read, span: Span, writer: str
) -> Invented | None:
    """The first made-up value of a call, None for none. ``span``: the tool step, or the llm step of
    a call without one; ``writer``: span_id of the llm step that asked, '' where it is not known."""
    if makes(tool):
        return None
    if not writes(tool) and result.strip().lower() not in _NOTHING:
        return None
    own = span.span_id if span.step_kind == "tool" else ""
    writers = tuple(each for each in (own, writer) if each)
    for field, value in _values(arguments):
        if not read.whole:
            return None
        if not read.has(value, span.start_time, writers):
            return Invented(field, value)
    return None


def _values(arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    found = 0
    for field, value in _leaves(arguments, "", 0):
        name = field.rpartition(".")[2].lower()
        flat = name.replace("-", "_")
        if _OWN_FIELD.search(flat):
            continue
        email = _EMAIL.fullmatch(value)
        known = _ID_FIELD.search(flat.replace("_", "")) is not None
        if not email and not (known and _is_id(value)):
            continue
        yield field, value
        found += 1
        if found == _MOST_VALUES:
            return


def _is_id(value: str) -> bool:
    if _ID_VALUE.fullmatch(value) is None or _DATE.fullmatch(value):
        return False
    if value.isdigit():
        return len(value) >= 6
    return "://" not in value


def _leaves(value: Any, field: str, depth: int) -> Iterable[tuple[str, str]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, each in list(value.items())[:40]:
            yield from _leaves(each, f"{field}.{name}" if field else str(name), depth + 1)
    elif isinstance(value, list):
        for each in value[:20]:
            yield from _leaves(each, field, depth + 1)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield field, str(value)
    elif isinstance(value, str) and 3 < len(value) <= 100:
        yield field, value.strip()


def _given(span: Span) -> Iterator[str]:
    """What a step was given, without the calls among its messages, which are what is judged."""
    yield from (span.input, span.system_instructions, span.tool_definitions)
    if span.step_kind != "tool":
        for message in messages.messages(span.input_messages):
            yield from messages.texts(message)
            for _, result in messages.tool_results(message):
                yield messages.encode(result)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()
