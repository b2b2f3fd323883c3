"""The rows of some traces as they are after judging, beside what is stored of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classify.custom.classifier_definition import judges
from classify.custom.member import Members
from classify.job.asking import OWED
from classify.job.task import Task
from clickhouse.span import Span, Verdict

Columns = Mapping[str, Sequence[Any]]


@dataclass(slots=True)
class Verdicts:
    """Name of a classifier that was asked to one verdict for each row."""

    built_in: dict[str, list[Verdict]]
    custom: dict[str, list[Verdict]]

    def all(self) -> Iterator[tuple[str, list[Verdict]]]:
        yield from self.built_in.items()
        yield from self.custom.items()


@dataclass(slots=True)
class After:
    """Lists are one item a row, in the order of ``stored``.

    ``traces``: positions of the rows of each trace. ``owed``: classifiers that owe the row a
    verdict. ``evidence``, ``labels``: the row's maps, by its position; of rows that are this job's
    to write.
    """

    stored: Columns
    spans: Sequence[Span]
    traces: Sequence[Sequence[int]]
    verdicts: Verdicts
    custom: Members
    owed: list[list[str]]
    evidence: dict[int, dict[str, str]]
    labels: dict[int, dict[str, str]]


def after(
    stored: Columns,
    spans: Sequence[Span],
    traces: Sequence[Sequence[int]],
    verdicts: Verdicts,
    custom: Members,
    task: Task,
    built_in: set[str],
) -> After:
    """``built_in``: names of the built-in classifiers, asked or not."""
    not_asked = built_in if task.custom_only else set[str]()
    owed = _settle_debts(stored, verdicts, custom, not_asked)
    ours = [
        i
        for i, version in enumerate(stored["verdict_version"])
        # Newer classifiers have judged it; or the built-in ones come first; or its text is gone,
        # and what was said of it stays.
        if version <= task.numbers.of(stored["project"][i])
        and not (task.custom_only and not version)
        and not (stored["text_removed"][i] and version)
    ]
    evidence = {i: _evidence(stored, verdicts, custom, i) for i in ours}
    labels = {i: _labels(stored, verdicts, custom, i) for i in ours}
    return After(stored, spans, traces, verdicts, custom, owed, evidence, labels)


def _settle_debts(
    stored: Columns, verdicts: Verdicts, custom: Members, not_asked: set[str]
) -> list[list[str]]:
    """For each row the classifiers that owe it a verdict. Where they do, what it has of them stays,
    which is put in the place of OWED. ``not_asked``: names of those whose debts stay."""
    owed = [
        {name for name in custom.aside if judges(name, project)} | not_asked.intersection(old)
        for old, project in zip(stored["unjudged"], stored["project"], strict=True)
    ]
    for name, found in verdicts.all():
        for i, verdict in enumerate(found):
            if verdict is OWED:
                owed[i].add(name)
                found[i] = _stored_verdict(stored, name, i, custom=name in verdicts.custom)
    return [sorted(names) for names in owed]


def _stored_verdict(stored: Columns, name: str, row: int, *, custom: bool) -> Verdict:
    if custom:
        label = stored["custom"][row].get(name, "")
        score = stored["custom_scores"][row].get(name, math.nan)
    else:
        label, score = stored[name][row], stored[f"{name}_score"][row]
    evidence, outcome = (stored[map_][row].get(name, "") for map_ in ("evidence", "outcomes"))
    own = math.nan if custom else stored["own_scores"][row].get(name, math.nan)
    return Verdict(label, score, evidence, outcome, own)


def _labels(stored: Columns, verdicts: Verdicts, custom: Members, row: int) -> dict[str, str]:
    """Of custom classifiers: what disabled ones said stays, what removed ones said goes."""
    old = stored["custom"][row]
    return {name: label for name, label in old.items() if name in custom.kept} | {
        name: found[row].label for name, found in verdicts.custom.items() if found[row].label
    }


def _evidence(stored: Columns, verdicts: Verdicts, custom: Members, row: int) -> dict[str, str]:
    gone = set(verdicts.built_in) | set(verdicts.custom)
    gone |= set(stored["custom"][row]) - custom.kept
    kept = {name: told for name, told in stored["evidence"][row].items() if name not in gone}
    return kept | {
        name: found[row].evidence for name, found in verdicts.all() if found[row].evidence
    }
