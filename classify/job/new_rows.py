"""The blocks to write: every column of the rows, new where judging has changed it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from classify.job.after import After
from classify.job.lacking import gaps
from classify.job.news import news
from classify.job.task import Judged, Task
from classify.settle.inherit import INHERITED, participation
from clickhouse.native import write_columns
from clickhouse.span import SPAN_COLUMNS

_span_values = attrgetter(*SPAN_COLUMNS)


def blocks(found: After, rows: Sequence[int], task: Task, judged: Judged) -> Iterator[bytes]:
    """Of the rows at these positions, which are counted in ``judged``."""
    for start in range(0, len(rows), task.batch_rows):
        chunk = rows[start : start + task.batch_rows]
        new = _carried_over(found, chunk, task)
        new |= _spans(found, chunk)
        new |= _built_in(found, chunk, task)
        new |= _custom(found, chunk)
        new |= _experiments(found, chunk)
        new |= news(found, chunk, task)
        yield write_columns(task.schema.spans, new)
        _count(found, chunk, task, judged)


def _carried_over(found: After, rows: Sequence[int], task: Task) -> dict[str, Sequence[Any]]:
    """Every column of the table: columns that belong to nobody here stay as they are."""
    return {c: [found.stored[c][i] for i in rows] for c in task.schema.spans}


def _spans(found: After, rows: Sequence[int]) -> dict[str, Sequence[Any]]:
    values = zip(*(_span_values(found.spans[i]) for i in rows), strict=True)
    return dict(zip(SPAN_COLUMNS, values, strict=True))


def _built_in(found: After, rows: Sequence[int], task: Task) -> dict[str, Sequence[Any]]:
    new: dict[str, Sequence[Any]] = {
        "evidence": [found.evidence[i] for i in rows],
        "unjudged": [found.owed[i] for i in rows],
    }
    if found.verdicts.built_in:
        new["outcomes"] = [_outcomes(found, i) for i in rows]
        new["own_scores"] = [_own_scores(found, i) for i in rows]
    for name, verdicts in found.verdicts.built_in.items():
        new[name] = [verdicts[i].label for i in rows]
        new[f"{name}_score"] = [verdicts[i].score for i in rows]
    if not task.custom_only:
        new["verdict_version"] = [task.numbers.of(found.stored["project"][i]) for i in rows]
        new["verdict_at"] = [task.now] * len(rows)
    return new


def _outcomes(found: After, row: int) -> dict[str, str]:
    """Of classifiers that were not asked, as they are."""
    asked = found.verdicts.built_in
    kept = {n: told for n, told in found.stored["outcomes"][row].items() if n not in asked}
    return kept | {n: told for n, each in asked.items() if (told := each[row].outcome)}


def _own_scores(found: After, row: int) -> dict[str, float]:
    """Of classifiers that were not asked, as they are."""
    asked = found.verdicts.built_in
    kept = {n: score for n, score in found.stored["own_scores"][row].items() if n not in asked}
    return kept | {
        name: each[row].own_score
        for name, each in asked.items()
        if not math.isnan(each[row].own_score)
    }


def _custom(found: After, rows: Sequence[int]) -> dict[str, Sequence[Any]]:
    versions, revision = found.stored["custom_version"], found.custom.revision
    return {
        "custom": [found.labels[i] for i in rows],
        "custom_scores": [_custom_scores(found, i) for i in rows],
        "custom_version": [max(revision, versions[i]) for i in rows],
    }


def _custom_scores(found: After, row: int) -> dict[str, float]:
    old = found.stored["custom_scores"][row]
    return {name: score for name, score in old.items() if name in found.custom.kept} | {
        name: verdicts[row].score
        for name, verdicts in found.verdicts.custom.items()
        if not math.isnan(verdicts[row].score)
    }


def _experiments(found: After, rows: Sequence[int]) -> dict[str, Sequence[Any]]:
    """Of rows whose experiment was handed down; others as they are."""
    spans, names = found.spans, ("experiments", "experiment_units")
    wanted = {i for i in rows if spans[i].experiment and INHERITED in spans[i].attributes}
    if not wanted:
        return {}
    new = {
        i: told
        for positions in found.traces
        if wanted.intersection(positions)
        for trace in ({spans[i].span_id: spans[i] for i in positions},)
        for i in positions
        if i in wanted and (told := participation(spans[i], trace))
    }
    return {
        name: [new[i][place] if i in new else found.stored[name][i] for i in rows]
        for place, name in enumerate(names)
    }


def _count(found: After, rows: Sequence[int], task: Task, judged: Judged) -> None:
    judged.rows += len(rows)
    new = (i for i in rows if not found.stored["verdict_version"][i])
    judged.gaps += gaps(found.spans[i] for i in new)
    judged.reused += Counter(found.spans[i].trace_id for i in rows if found.spans[i].id_reuse)
    for name, verdicts in found.verdicts.all():
        if name in judged.broken or name in task.broken:
            continue
        for label, count in Counter(verdicts[i].label for i in rows).items():
            if label:
                judged.verdicts[name, label] += count
