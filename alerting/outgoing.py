"""The one place that a message passes on its way out: every text of it masked, and text only.

Names, labels, evidence and lines of source come from whoever sends spans or writes rules. What
data_leakage would find is masked (everyspan.masking), control characters are made visible, so
that none begins a line of its own or commands a terminal, and what is left of a rule's template is
not shown. What a channel's own markup would make of a text is for the channel (destinations/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar, cast

from everyspan.masking.mask import masked

from alerting.message import Message
from service import printable

_Any = TypeVar("_Any")
#: Of ours, or checked where they are made: a key, an id or a command must stay what it is.
_OURS = frozenset(
    "event dedup_key trace_id span_id trace_url permalink replay_command step_kind image links"
    " revision commit".split()
)
#: Go's templates, and what they write for a value that is not there.
_TEMPLATE = re.compile(r"\{\{.{0,2000}?\}\}|\[no value\]|<no value>", re.DOTALL)
#: What is more than a page holds; no text is longer.
_MOST = 16_384


def outgoing(message: Message) -> Message:
    """The message as it may leave the house."""
    return cast("Message", _clean(message))


def text(told: str) -> str:
    """One text, which may have lines."""
    return printable.lines(masked(told[:_MOST])) if told else told


def expanded(annotations: Mapping[str, str]) -> dict[str, str]:
    """Those that were rendered: what says "{{ $labels.x }}" says nothing, and a headline that has
    lost its number says less than none."""
    return {name: told for name, told in annotations.items() if not _TEMPLATE.search(told)}


def plain(value: _Any) -> _Any:
    """A JSON document with every text of it masked."""
    if isinstance(value, dict):
        return cast("_Any", {text(k): v if k in _OURS else plain(v) for k, v in value.items()})
    if isinstance(value, list):
        return cast("_Any", [plain(each) for each in value])
    return cast("_Any", text(value)) if isinstance(value, str) else value


def _clean(value: _Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Message):
        value = replace(
            value,
            annotations=expanded(value.annotations),
            labels={name: _TEMPLATE.sub("…", told) for name, told in value.labels.items()},
        )
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: _clean(getattr(value, each.name))
            for each in fields(value)
            if each.init and each.name not in _OURS
        }
        return replace(value, **changed)
    if isinstance(value, Mapping):
        return {_line(str(name)): _clean(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_clean(each) for each in value)
    if isinstance(value, (date, timedelta)):
        return value
    return value


def _line(told: str) -> str:
    return printable.line(masked(told[:_MOST]))
