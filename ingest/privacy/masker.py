"""Takes out of a request what the rules name, before any reader of ours looks at it.

Every text of the request is looked at: names, attributes and their names, events, links, messages
of errors, resources, bodies of log records. A value that a field's rule takes out is taken out of
the other texts of its span too, where it can't be a word.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache, partial
from typing import Any

from everyspan.masking.pseudonyms import Pseudonyms
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from clickhouse.span import SPAN_COLUMNS, Span
from ingest.attributes import text_of, value_of
from ingest.conventions.registry import RULES
from ingest.privacy.content import without_content
from ingest.privacy.privacy_file import CONTENT, STRICTNESS, Action, PrivacyRules, action_of
from service.pattern import PatternTimeoutError, pattern

log = logging.getLogger(__name__)

#: Attribute that says how many values were taken out of the span, as JSON by kind.
MASKED = "everyspan.masked"
#: What stands for a text in which nobody knows what is to be taken out.
UNREADABLE = "[masked: no rule can read it]"
#: A user's id that is an ordinary word must not take that word out of every text.
_TELLING = re.compile(r"(?=.*[\d@._-]).{5,}", re.DOTALL)
_REMEMBERED = 10_000
_LONGEST_REMEMBERED = 96
_EMPTY = Span("", "")
_Known = dict[str, str]


class Masker:
    """Of one process. ``counts``: kind or field to how many values were taken out."""

    def __init__(self, rules: PrivacyRules) -> None:
        self._pseudonyms = Pseudonyms(
            rules.kinds, rules.key, {name: partial(_values, said) for name, said in rules.patterns}
        )
        self.drops_content = CONTENT in dict((*rules.fields, *rules.own))
        self._layers = [
            tuple((name, action) for name, action in layer if name != CONTENT)
            for layer in (rules.fields, rules.own)
        ]
        names = dict.fromkeys(name for layer in self._layers for name, _ in layer)
        #: Columns that a field names, and what is done with them.
        self._columns = [
            (name, found[1])
            for name in names
            if name in SPAN_COLUMNS and (found := self._action_of([name])) is not None
        ]
        self.counts: Counter[str] = Counter()
        self._field = lru_cache(_REMEMBERED)(self._field_of)
        self._short = lru_cache(_REMEMBERED)(self._looked_at)

    def traces(self, request: ExportTraceServiceRequest) -> None:
        """In place."""
        for resource in request.resource_spans:
            known: _Known = {}
            self._attributes(resource.resource.attributes, known)
            resource.schema_url = self._text(resource.schema_url, known)
            for scope in resource.scope_spans:
                self._attributes(scope.scope.attributes, known)
                scope.scope.name = self._text(scope.scope.name, known)
                scope.scope.version = self._text(scope.scope.version, known)
                for span in scope.spans:
                    before = self._so_far()
                    own = dict(known)
                    # Values that fields take out first: they stand in other texts as well.
                    self._fields(span.attributes, own)
                    for event in span.events:
                        self._fields(event.attributes, own)
                    for link in span.links:
                        self._fields(link.attributes, own)
                    self._texts(span.attributes, own)
                    span.name = self._text(span.name, own)
                    span.trace_state = self._text(span.trace_state, own)
                    if span.status.message:
                        span.status.message = self._text(span.status.message, own)
                    for event in span.events:
                        event.name = self._text(event.name, own)
                        self._texts(event.attributes, own)
                    for link in span.links:
                        link.trace_state = self._text(link.trace_state, own)
                        self._texts(link.attributes, own)
                    if found := self._so_far() - before:
                        said = json.dumps(found, separators=(",", ":"), sort_keys=True)
                        span.attributes.add(key=MASKED).value.string_value = said

    def logs(self, request: ExportLogsServiceRequest) -> None:
        """In place."""
        for resource in request.resource_logs:
            known: _Known = {}
            self._attributes(resource.resource.attributes, known)
            for scope in resource.scope_logs:
                self._attributes(scope.scope.attributes, known)
                for record in scope.log_records:
                    own = dict(known)
                    self._attributes(record.attributes, own)
                    self._value(record.body, own, ())
                    record.event_name = self._text(record.event_name, own)
                    record.severity_text = self._text(record.severity_text, own)

    def rows(self, spans: Sequence[Span]) -> None:
        """What readers made of the request, in place: columns that a field names and that came out
        of an attribute of another name; content where it is dropped."""
        for span in spans:
            for name, action in self._columns:
                value = getattr(span, name, None)
                if not value or action == "keep":
                    continue
                if isinstance(value, str):
                    setattr(span, name, self._instead(name, action, value))
                else:
                    setattr(span, name, getattr(_EMPTY, name))
                    self.counts[name] += 1
            if self.drops_content:
                without_content(span)

    def take_counts(self) -> dict[str, int]:
        """Since it was asked last."""
        found = dict(self._so_far())
        self.counts.clear()
        self._pseudonyms.counts.clear()
        return found

    def _so_far(self) -> Counter[str]:
        return self.counts + self._pseudonyms.counts

    def _attributes(self, pairs: Any, known: _Known) -> None:
        self._fields(pairs, known)
        self._texts(pairs, known)

    def _fields(self, pairs: Any, known: _Known) -> None:
        """What fields' rules say; the values are added to ``known``."""
        dropped = False
        for pair in pairs:
            found = self._field(pair.key)
            if found is None or found[1] == "keep":
                continue
            name, action = found
            value = text_of(value_of(pair.value))
            if not value:
                continue
            instead = self._instead(name, action, value)
            if instead != value and _TELLING.fullmatch(value):
                known[value] = instead or f"[{name}]"
            if action == "drop":
                dropped = True
            else:
                pair.value.Clear()
                pair.value.string_value = instead
        if dropped:
            kept = [pair for pair in pairs if (self._field(pair.key) or ("", ""))[1] != "drop"]
            kept = [KeyValue.FromString(pair.SerializeToString()) for pair in kept]
            del pairs[:]
            pairs.extend(kept)

    def _texts(self, pairs: Iterable[KeyValue], known: _Known) -> None:
        for pair in pairs:
            found = self._field(pair.key)
            if found is not None:
                continue
            key = pair.key
            said = self._text(key, known)
            if said != key:
                pair.key = said
            self._value(pair.value, known, (key,))

    def _value(self, value: AnyValue, known: _Known, names: tuple[str, ...]) -> None:
        kind = value.WhichOneof("value")
        if kind == "string_value":
            text = value.string_value
            said = self._text(text, known)
            if said is not text and said != text:
                value.string_value = said
        elif kind == "array_value":
            for each in value.array_value.values:
                self._value(each, known, names)
        elif kind == "kvlist_value":
            self._attributes(value.kvlist_value.values, known)
        elif kind == "int_value" and names:
            # A telephone number or an account as a number: its name tells.
            said = self._text(f"{names[-1]}: {value.int_value}", {})
            if said != f"{names[-1]}: {value.int_value}":
                value.string_value = said.partition(": ")[2]
        elif kind == "bytes_value":
            try:
                text = value.bytes_value.decode()
            except UnicodeDecodeError:
                return
            said = self._text(text, known)
            if said != text:
                value.bytes_value = said.encode("utf-8", "replace")

    def _text(self, text: str, known: _Known) -> str:
        for value, instead in known.items():
            if value in text:
                text = text.replace(value, instead)
        if len(text) <= _LONGEST_REMEMBERED:
            said, found = self._short(text)
            if found:
                self._pseudonyms.counts.update(dict(found))
            return said
        return self._safely(text)

    def _looked_at(self, text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
        before = Counter(self._pseudonyms.counts)
        said = self._safely(text)
        found = self._pseudonyms.counts - before
        self._pseudonyms.counts = before
        return said, tuple(found.items())

    def _safely(self, text: str) -> str:
        try:
            return self._pseudonyms.text(text)
        except PatternTimeoutError as error:
            log.warning("a text of a span is not stored: %s", error)
        except Exception as error:
            log.error("a text of a span is not stored, masking it failed: %s", type(error).__name__)
        self.counts["unreadable"] += 1
        return UNREADABLE

    def _field_of(self, key: str) -> tuple[str, Action] | None:
        """(name of the field, what is done with it) for an attribute."""
        return self._action_of([key, *(column for column, _ in RULES[key].columns)])

    def _action_of(self, names: list[str]) -> tuple[str, Action] | None:
        """By the stricter of the rules of all projects and of this one."""
        found = [each for layer in self._layers if (each := action_of(layer, names)) is not None]
        return max(found, key=lambda each: STRICTNESS[each[1]], default=None)

    def _instead(self, name: str, action: Action, value: str) -> str:
        word = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:32] or "field"
        if re.fullmatch(rf"\[{word}(?::[a-p]{{10}})?\]", value):
            return value
        self.counts[word] += 1
        if action == "drop":
            return ""
        return self._pseudonyms.mark(word, value) if action == "hash" else f"[{word}]"


@cache
def masker_of(rules: PrivacyRules) -> Masker:
    """The one of this process for these rules: of all projects, or of one that has more."""
    return Masker(rules)


def _values(said: str, text: str) -> list[str]:
    return pattern(said).values(text)
