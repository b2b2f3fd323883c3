"""The texts that scores of answered rows are of, read again of the stored traces."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from classify.classifier import Subject
from classify.custom.classifier_definition import ALL
from classify.custom.traffic import traces
from classify.signals.weighed import Weighed

#: Traces that are loaded at once.
_AT_ONCE = 50


def deciding_texts(
    client: Client,
    database: str,
    classifier: Weighed,
    rows: Sequence[tuple[str, str]],
    project: str = ALL,
) -> dict[tuple[str, str], str]:
    """(trace, span) to the text of it that decided; '' where a rule did, none where it is gone.
    Raises ModelError and clickhouse-connect's errors."""
    wanted = set(rows)
    ids = sorted({trace_id for trace_id, _ in rows})
    found = {}
    for start in range(0, len(ids), _AT_ONCE):
        subjects = [
            Subject(span, trace)
            for trace in traces(client, database, ids[start : start + _AT_ONCE], project)
            for span in trace.spans
            if (span.trace_id, span.span_id) in wanted
        ]
        texts = classifier.deciding_texts(subjects)
        for subject, text in zip(subjects, texts, strict=True):
            found[subject.span.trace_id, subject.span.span_id] = text
    return found
