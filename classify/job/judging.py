"""From the stored spans of some traces to the rows that must be written. Runs in worker processes.

Pure: no clock, no network, no database. What goes in and comes out are Native blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

from classify.classifier import Classifier
from classify.custom.member import Members, unpickled
from classify.custom.vectors import Vectors, using
from classify.job import content, text_vectors
from classify.job.after import Columns, Verdicts, after
from classify.job.asking import verdicts_of
from classify.job.differences import to_write, waiting
from classify.job.new_rows import blocks
from classify.job.own_traffic import with_limits
from classify.job.task import Judged, Task
from classify.job.traces import spans_of, traces_of, with_sessions
from classify.settle.runs import told_apart
from classify.settle.trace import settle_all
from clickhouse.native import read_columns
from clickhouse.span import Span


def judge(task: Task, classifiers: Sequence[Classifier]) -> Judged:
    """Never raises for what is in the rows: a classifier that does is counted, and its verdict is
    'abstained' with the error as evidence, so that every row ends up judged. One that works
    for no row is broken: it owes its rows their verdicts, which are named in ``unjudged``."""
    judged = Judged()
    stored = read_columns(task.loaded.rows)
    if not stored:
        return judged
    custom = unpickled(task.custom)
    records = {} if task.custom_only else read_columns(task.loaded.content)
    stored, run_of = told_apart(stored, waiting(stored, records, custom, task))
    spans = spans_of(stored)
    for span, number in zip(spans, run_of, strict=False):
        span.id_reuse = number
    merged = content.put_on_spans(spans, records, judged.errors)
    traces = traces_of(spans)
    if not task.custom_only:
        settle_all(traces, spans, task.twins, judged.errors)

    asked = () if task.custom_only else with_limits(classifiers, task.limits)
    verdicts = _ask(asked, custom, stored, spans, traces, task, judged)
    built_in = {each.name for each in classifiers}
    found = after(stored, spans, traces, verdicts, custom, task, built_in)
    changed, pending = to_write(found, task)
    judged.changed += blocks(found, changed, task, judged)
    judged.pending += blocks(found, pending, task, judged)
    judged.content += content.marks(records, merged, task)
    return judged


def _ask(
    built_in: Sequence[Classifier],
    custom: Members,
    stored: Columns,
    spans: list[Span],
    traces: list[list[int]],
    task: Task,
    judged: Judged,
) -> Verdicts:
    """All classifiers, and the encoder for the vectors that are wanted."""
    subjects = with_sessions(traces, spans, task.loaded)
    ours = {c.name: verdicts_of(c, subjects, spans, task, judged) for c in built_in}
    with using(Vectors(task.loaded.vectors)) as vectors:
        added = {c.name: verdicts_of(c, subjects, spans, task, judged) for c in custom.members}
        due = [i for i, version in enumerate(stored["verdict_version"]) if not version]
        text_vectors.make_ahead(vectors, [spans[i] for i in due], task, judged)
    judged.vectors = text_vectors.to_write(vectors, spans, task)
    return Verdicts(ours, added)
