"""What a convention is: a table of attributes, a table of step kinds, at most one small function.

A convention applies to a span that has one of its attributes, whatever the tracer is called.
Several may apply to one span. For each column the first non-empty value counts, in the order of
``registry.CONVENTIONS``; within a convention in the order of its table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Attribute name to Python value, as the span carries them (ingest.attributes).
Attributes = dict[str, Any]

#: Columns that hold the content of a step. An attribute that fills one leaves ``attributes``.
CONTENT = frozenset(
    "input output input_messages output_messages tool_definitions system_instructions documents"
    " tool_arguments tool_result".split()
)


class Draft:
    """A span's columns while conventions fill them: column to raw value, first come first kept.

    Beside the columns of ``clickhouse.span.Span`` there are ``tool_arguments`` and ``tool_result``
    (input and output of a tool step, whatever else is set); ``usage`` (an object of counts),
    ``response_model``, ``total_tokens``, ``cache_write_tokens``, ``uncached_tokens``, tokens of
    audio and images and ``service_tier``, which only other columns are made of; and
    ``time_to_first_token`` (seconds or a moment).
    """

    __slots__ = ("added_up", "made_of", "ranks", "sources", "unclear", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.ranks: dict[str, int] = {}
        #: Column to the attribute it came from, where a table says so.
        self.sources: dict[str, str] = {}
        #: Column to the attributes whose content it holds, where a function put it together.
        self.made_of: dict[str, tuple[str, ...]] = {}
        #: Whether a function has put cached tokens into input_tokens, whoever sent them.
        self.added_up = False
        #: Whether nobody knows if cached tokens are within input_tokens.
        self.unclear = False

    def get(self, column: str) -> Any:
        """The value so far, None for none."""
        return self.values.get(column)

    def set(self, column: str, value: Any, *sources: str) -> bool:
        """Fill a column that is empty yet. ``sources``: the attributes that it was made of."""
        if self.values.get(column) not in (None, "") or value in (None, "", []):
            return False
        self.values[column] = value
        self.sources.pop(column, None)
        if sources:
            self.made_of[column] = sources
        return True


#: Fills what a table can't say.
Content = Callable[[Attributes, Draft], None]


@dataclass(frozen=True)
class Convention:
    """One convention's mapping.

    ``evidence``: attribute names that show that it applies, a trailing ``*`` for a prefix.
    ``columns``: attribute to column. ``kinds``: attribute, then its value in lower case, to a step
    kind. ``content``: for shapes that a table cannot say. ``understood``: attributes without a
    column that are no surprise (they stay in ``attributes`` and aren't counted as unknown).
    """

    name: str
    evidence: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    content: Content | None = None
    understood: tuple[str, ...] = ()
