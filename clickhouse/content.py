"""A row of ``span_content``: GenAI content that came apart from its span, as plain data.

The columns, their types and defaults are stated in migrations/0002_span_content.sql.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class ContentRecord:
    """One log record of OpenTelemetry GenAI that belongs to a span.

    ``time``: nanoseconds since 1970 in UTC. ``record_id``: made of what the record says, the same
    each time it is sent (0 to 2**64 - 1). ``name``: the event name, 'gen_ai.…'. ``attributes``:
    JSON text ``{"attributes": {…}, "body": …}``, ``body`` only where there is one. ``project``: of
    the key that it was sent with, '' for the default one.
    """

    trace_id: str
    span_id: str
    time: int
    record_id: int
    name: str
    attributes: str
    project: str = ""


#: Columns that ingest fills, in the table's order.
CONTENT_COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(ContentRecord))
_values = attrgetter(*CONTENT_COLUMNS)


def columns_of(records: Sequence[ContentRecord]) -> list[Sequence[Any]]:
    """Column-oriented data in the order of CONTENT_COLUMNS, as clickhouse-connect inserts it."""
    return (
        list(zip(*map(_values, records), strict=True)) if records else [[] for _ in CONTENT_COLUMNS]
    )
