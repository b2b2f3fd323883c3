"""Takes secrets and personal data out of what leaves the process, by `init(mask=…)`.

It happens where batches are sent, in the background: a step takes no longer. What stays in the
process, such as other exporters, keeps the texts as they are.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status

from everyspan import _notices

#: What `init` takes: every kind, some of them, or a function from a text to what may be sent.
Mask = bool | Sequence[str] | Callable[[str], str]
#: What is sent for a text that the caller's function could not take.
UNREADABLE = "[masked: the function of everyspan.init raised]"


class Masking:
    """`text`: from a text to what may be sent of it. Every text is given to it: values of
    attributes, their names, names of spans and events, messages of errors."""

    def __init__(self, text: Callable[[str], str]) -> None:
        self._given = text
        self._told = False
        self._resources: dict[int, tuple[Resource, Resource]] = {}

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """A copy."""
        status = span.status
        return ReadableSpan(
            self._text(span.name),
            span.context,
            span.parent,
            self._resource(span.resource),
            self._attributes(span.attributes),
            [
                Event(self._text(event.name), self._attributes(event.attributes), event.timestamp)
                for event in span.events
            ],
            [Link(link.context, self._attributes(link.attributes)) for link in span.links],
            span.kind,
            None,
            Status(status.status_code, self._text(status.description))
            if status.description
            else status,
            span.start_time,
            span.end_time,
            span.instrumentation_scope,
        )

    def record(self, record: ReadableLogRecord) -> ReadableLogRecord:
        """A copy."""
        said = _copied(record.log_record)
        said.body = self._value(said.body)
        said.attributes = self._attributes(said.attributes)
        return dataclasses.replace(
            record, log_record=said, resource=self._resource(record.resource)
        )

    def _resource(self, resource: Resource) -> Resource:
        known = self._resources.get(id(resource))
        if known is None or known[0] is not resource:
            masked = Resource(self._attributes(resource.attributes) or {}, resource.schema_url)
            known = self._resources[id(resource)] = (resource, masked)
        return known[1]

    def _attributes(self, attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if attributes is None:
            return None
        return {self._text(name): self._value(value) for name, value in attributes.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._attributes(value)
        if isinstance(value, (list, tuple)):
            return [self._value(each) for each in value]
        return value

    def _text(self, text: str) -> str:
        try:
            said = self._given(text)
        except Exception as error:  # the caller's function may raise anything
            if not self._told:
                self._told = True
                _notices.say(
                    f"the function given as mask raised {type(error).__name__}; texts that it"
                    " can't take are sent as a mark"
                )
            return UNREADABLE
        return said if isinstance(said, str) else UNREADABLE


def of_init(mask: Mask | None) -> Masking | None:
    """From the argument, else EVERYSPAN_MASK. Raises ValueError for a kind that is none."""
    if mask is None:
        said = os.environ.get("EVERYSPAN_MASK", "").strip()
        if said.lower() in ("", "0", "false", "no"):
            return None
        mask = (
            True
            if said.lower() in ("1", "true", "yes", "all")
            else [kind.strip() for kind in said.split(",") if kind.strip()]
        )
    if mask is False:
        return None
    if callable(mask):
        return Masking(mask)
    if isinstance(mask, str):
        mask = [mask]
    # Its expressions take a while to compile, and most programs don't need them.
    from everyspan.masking.pseudonyms import KINDS, Pseudonyms

    kinds = KINDS if mask is True else tuple(mask)
    try:
        return Masking(Pseudonyms(kinds, os.environ.get("EVERYSPAN_PRIVACY_KEY", "")).text)
    except ValueError as error:
        raise ValueError(f"everyspan.init: mask: {error}") from error


def _copied(record: Any) -> Any:
    found = object.__new__(type(record))
    found.__dict__.update(record.__dict__)
    return found
