"""Records to the signals that a classifier reads off them, by the code of the service."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from classify.classifier import Subject
from classify.models.evidence import BY_RULE
from classify.scoring.record import Record as Scored
from classify.scoring.record import subjects_of
from classify.signals.weighed import Values, Weighed
from training import record

_BATCH = 256


@dataclass(slots=True)
class Row:
    """One record. ``decided``: its score where no weighing was needed (NaN where the classifier
    abstained or had nothing to judge); else None, and ``items`` are weighed, the worst counting.
    ``can_fail``: False where the classifier is unsure of each, whatever its score."""

    id: str
    source: str
    group: str
    kind: str
    label: float
    decided: float | None = None
    items: list[Values] = field(default_factory=list)
    can_fail: bool = True


def rows(classifier: Any, records: Iterable[record.Record]) -> list[Row]:
    """Those with label 0 or 1, in order. ``classifier``: a Weighed one."""
    assert isinstance(classifier, Weighed)
    found: list[Row] = []
    waiting: list[tuple[Row, list[Subject]]] = []
    for each in records:
        if each.label not in (0.0, 1.0):
            continue
        row = Row(each.id, each.source, each.group, each.kind, each.label)
        try:
            scored = Scored.model_validate(asdict(each))
        except ValidationError:
            continue
        found.append(row)
        waiting.append((row, subjects_of(scored, classifier)))  # type: ignore[arg-type]
        if len(waiting) >= _BATCH:
            _fill(classifier, waiting)
            waiting = []
    _fill(classifier, waiting)
    return found


def _fill(classifier: Any, waiting: Sequence[tuple[Row, list[Subject]]]) -> None:
    owners, flat = [], []
    for row, subjects in waiting:
        told = [(subject, classifier.decided(subject)) for subject in subjects]
        weighed = [item for s, verdict in told if verdict is None for item in classifier.items(s)]
        scores = [
            {"fail": BY_RULE, "pass": 0.0}.get(verdict.label, math.nan)
            for _, verdict in told
            if verdict is not None
        ]
        # A failure by rule is one whatever else there is; else what is weighed counts.
        if BY_RULE in scores or not weighed:
            row.decided = max((s for s in scores if s == s), default=math.nan)
            continue
        row.can_fail = not all(map(classifier.unsure, weighed))
        owners += [row] * len(weighed)
        flat += weighed
    for row, values in zip(owners, classifier.values(flat), strict=True):
        row.items.append(values)


def read(path: Path, classifier: Any, limit: int = 0) -> list[Row]:
    """Of one source's JSONL; at most ``limit`` of each label, spread over the file. What was read
    before with the same code lies beside it (``*.signals``), since the encoder takes its time."""
    # The form of a row counts too.
    names = "id,can_fail," + ",".join(signal.name for signal in classifier.signals)
    key = f"{classifier.name} {classifier.code_version} {names} {limit} {path.stat().st_mtime_ns}"
    kept = path.with_suffix(f".{classifier.name}.signals")
    if kept.exists():
        known, stored = pickle.loads(kept.read_bytes())  # noqa: S301  written by this function
        if known == key:
            return list(stored)
    found = rows(classifier, chosen(path, limit))
    kept.write_bytes(pickle.dumps((key, found)))
    return found


def chosen(path: Path, limit: int = 0) -> list[record.Record]:
    """The records of one source, at most ``limit`` of each label, by id: a sample, not the head."""
    found = list(record.read(path))
    if not limit:
        return found
    ordered = sorted(found, key=lambda r: r.id)
    return [one for label in (0.0, 1.0) for one in [r for r in ordered if r.label == label][:limit]]
