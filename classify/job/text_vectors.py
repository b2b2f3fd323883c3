"""Vectors of texts: which are made before a custom classifier asks, and which are kept."""

from __future__ import annotations

from collections.abc import Sequence

from classify.custom.vectors import Vectors
from classify.job.task import VECTORS, Judged, Task
from classify.job.working import told
from clickhouse.span import Span

_HOUR_NS = 3600 * 10**9
#: Kinds of step whose texts custom classifiers are mostly about.
_EMBEDDED_KINDS = frozenset(("llm", "agent", "chain", "tool"))


def make_ahead(vectors: Vectors, spans: Sequence[Span], task: Task, judged: Judged) -> None:
    """Have the vectors of a share of the texts made, chosen by their hash: what a new custom
    classifier is held against at once, without waiting for the encoder."""
    if not task.embed_share or VECTORS in task.broken:
        return
    texts = dict.fromkeys(
        text
        for span in spans
        if span.step_kind in _EMBEDDED_KINDS
        for text in (span.input, span.output)
        if text.strip()
    )
    limit = int(task.embed_share * 256)
    chosen = [text for text in texts if vectors.hash(text)[0] < limit]
    try:
        vectors.of(chosen)
    except Exception as error:
        judged.errors[VECTORS] += 1
        judged.broken[VECTORS] = told(error)


def to_write(vectors: Vectors, spans: Sequence[Span], task: Task) -> bytes:
    if not vectors.fresh or not task.vectors_expire:
        return b""
    hours: dict[bytes, set[int]] = {}
    for span in spans:
        for text in (span.input, span.output):
            if text and (key := vectors.hash(text)) in vectors.fresh:
                hours.setdefault(key, set()).add(span.start_time // _HOUR_NS * 3600)
    return vectors.block(hours, task.vectors_expire)
