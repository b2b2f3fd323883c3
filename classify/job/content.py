"""Content that came as log records: put on its spans, and marked as merged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from classify.job.task import Task
from classify.settle.late_content import merge
from clickhouse.content import ContentRecord
from clickhouse.native import write_columns
from clickhouse.span import Span

logger = logging.getLogger(__name__)

_CONTENT_FIELDS = tuple(f.name for f in fields(ContentRecord))


def put_on_spans(
    spans: list[Span], content: dict[str, Sequence[Any]], errors: Counter[str]
) -> list[int]:
    """Puts content on its spans, in place. Returns the positions of the records that had one."""
    if not content:
        return []
    where: dict[tuple[str, str, str], list[int]] = {}
    for position, span in enumerate(spans):
        where.setdefault((span.project, span.trace_id, span.span_id), []).append(position)
    records: dict[int, list[int]] = {}
    ids = zip(content["project"], content["trace_id"], content["span_id"], strict=True)
    for i, key in enumerate(ids):
        if found := where.get(key):
            records.setdefault(_nearest(spans, found, content["time"][i]), []).append(i)
    done: list[int] = []
    for position, found in records.items():
        span = spans[position]
        done += found
        try:
            spans[position] = merge(
                span,
                [ContentRecord(**{c: content[c][i] for c in _CONTENT_FIELDS}) for i in found],
            )
        except Exception:
            logger.exception("content of span %s/%s", span.trace_id, span.span_id)
            errors["late_content"] += 1
    return sorted(set(done))


def _nearest(spans: Sequence[Span], positions: Sequence[int], time: int) -> int:
    """Of spans with the same ids the one during which a record was written."""
    if len(positions) == 1:
        return positions[0]
    return min(
        positions,
        key=lambda i: max(spans[i].start_time - time, time - spans[i].end_time, 0),
    )


def marks(content: dict[str, Sequence[Any]], records: Sequence[int], task: Task) -> Iterator[bytes]:
    """Blocks of the records at these positions, marked as merged."""
    for start in range(0, len(records), task.batch_rows):
        chunk = records[start : start + task.batch_rows]
        new = {c: [content[c][i] for i in chunk] for c in task.schema.content}
        new["merged"] = [1] * len(chunk)
        yield write_columns(task.schema.content, new)
