"""Asks a classifier for verdicts on rows. Where it gives none, finds out whether they are at fault
or the classifier."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from struct import Struct

from everyspan.masking.mask import masked

from classify.classifier import (
    NOT_APPLICABLE,
    Classifier,
    Subject,
    Trace,
    abstained,
    applies,
    as_of,
)
from classify.custom.classifier_definition import judges
from classify.job.task import Judged, Task
from classify.job.working import MANY, BrokenError, is_installation, is_machine, told, trouble
from classify.settle.twins import judged_there
from clickhouse.span import LABELS, Span, Verdict

logger = logging.getLogger(__name__)

#: Stands for the verdict that a broken classifier owes.
OWED = Verdict("")
#: Of a row of another project than the classifier's: not even its name is told there.
NOT_ASKED = Verdict("")
_FLOAT32 = Struct("f")


def verdicts_of(
    classifier: Classifier,
    traces: list[tuple[Trace, list[int]]],
    spans: Sequence[Span],
    task: Task,
    judged: Judged,
) -> list[Verdict]:
    """One verdict for each span; OWED where the classifier is broken."""
    name = classifier.name
    verdicts = [NOT_APPLICABLE if judges(name, s.project) else NOT_ASKED for s in spans]
    subjects: dict[int, Subject] = {}
    for i, span, trace in _candidates(classifier, traces, task.root_id):
        if where := judged_there(span):
            verdicts[i] = Verdict("not_applicable", evidence=f"the same call as {where}")
        else:
            subjects[i] = Subject(span, trace)
    by_project: dict[str, dict[int, Subject]] = {}
    for i, subject in subjects.items():
        by_project.setdefault(subject.span.project, {})[i] = subject
    for project, mine in by_project.items():
        own = as_of(classifier, project)
        found = _answers(own, list(mine.values()), task, judged)
        for i, verdict in zip(mine, found, strict=True):
            verdicts[i] = verdict
    return verdicts


def _candidates(
    classifier: Classifier, traces: list[tuple[Trace, list[int]]], root_id: str
) -> Iterator[tuple[int, Span, Trace]]:
    """What it looks at, by position. ``root_id``: the root, '' where the trace says which it is."""
    for trace, positions in traces:
        root = trace.by_id.get(root_id) if root_id else trace.root
        for i, span in zip(positions, trace.spans, strict=True):
            if not judges(classifier.name, span.project):
                continue
            if (classifier.unit == "span" or span is root) and applies(classifier, span):
                yield i, span, trace


def _answers(
    classifier: Classifier, subjects: list[Subject], task: Task, judged: Judged
) -> list[Verdict]:
    if task.failure:
        judged.errors[classifier.name] += len(subjects)
        return [abstained(task.failure)] * len(subjects)
    if classifier.name in task.broken:
        return [OWED] * len(subjects)
    try:
        return _ask(classifier, subjects, judged)
    except BrokenError as error:
        judged.broken[classifier.name] = str(error)
        judged.errors[classifier.name] += 1
        return [OWED] * len(subjects)


#: Classifiers that have judged a real row in this process.
_worked: set[str] = set()


def _ask(classifier: Classifier, subjects: list[Subject], judged: Judged) -> list[Verdict]:
    """All at once, and one by one where that raises. Raises BrokenError."""
    if not subjects:
        return []
    name = classifier.name
    try:
        found = _checked(classifier.judge(subjects), len(subjects))
    except Exception as error:
        if is_installation(error):
            raise BrokenError(told(error)) from error
    else:
        _worked.add(name)
        judged.worked.add(name)
        return found
    return _ask_each(classifier, subjects, judged)


def _ask_each(classifier: Classifier, subjects: list[Subject], judged: Judged) -> list[Verdict]:
    """One by one: of a row that it can't take it says nothing. Raises BrokenError."""
    name = classifier.name
    found, failed = [], list[Exception]()
    for number, subject in enumerate(subjects, 1):
        try:
            found += _checked(classifier.judge([subject]), 1)
        except Exception as error:
            failed.append(error)
            if len(failed) == number and number in (MANY, len(subjects)):
                _check_works(classifier, failed)
            if is_machine(error):
                found.append(OWED)
                continue
            found.append(abstained(masked(f"classifier error: {told(error)}")))
            # One stack trace of a kind tells it all.
            seen = any(type(each) is type(error) for each in failed[:-1])
            where = (name, subject.span.trace_id, subject.span.span_id, told(error))
            logger.error("%s on span %s/%s: %s", *where, exc_info=None if seen else error)
        else:
            _worked.add(name)
            judged.worked.add(name)
    judged.errors[name] += len(failed)
    return found


def _check_works(classifier: Classifier, failed: Sequence[Exception]) -> None:
    """None of these rows could be judged: is it they? Raises BrokenError where the classifier takes
    no everyday row either, where the machine denies it all, or where it has never judged a row
    and many fail alike."""
    last = failed[-1]
    if reason := trouble(classifier):
        raise BrokenError(reason) from last
    if all(map(is_machine, failed)):
        raise BrokenError(told(last)) from last
    alike = len({type(error) for error in failed}) == 1
    if alike and len(failed) >= MANY and classifier.name not in _worked:
        raise BrokenError(f"the first {len(failed)} rows all fail: {told(last)}") from last


def _checked(verdicts: list[Verdict], expected: int) -> list[Verdict]:
    if len(verdicts) != expected:
        raise ValueError(f"{len(verdicts)} verdicts for {expected} subjects")
    for verdict in verdicts:
        if verdict.label not in LABELS:
            raise ValueError(f"'{verdict.label}' is no label; use one of {', '.join(LABELS)}")
        # What can't be stored is an error of the classifier too, not of its row.
        _FLOAT32.pack(verdict.score)
        verdict.evidence.encode()
    # Whoever wrote it: names of tools, a user's own classifier, a quote of an answer.
    return [
        replace(verdict, evidence=masked(verdict.evidence)) if verdict.evidence else verdict
        for verdict in verdicts
    ]
