"""One rule at one moment: its SQL, and the server-side expressions over what came back.

As pkg/expr of Grafana's sources: a table with one numeric column becomes one number for each row,
labelled by the string columns; reduce and threshold go over each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from grafana.evaluation.provisioning import (
    Evaluator,
    Query,
    ReduceModel,
    Rule,
    SqlModel,
    ThresholdModel,
)
from grafana.macros import TimeRange, expand

Labels = tuple[tuple[str, str], ...]
Run = Callable[[str], tuple[Sequence[str], Sequence[Sequence[Any]]]]
"""SQL to column names and rows."""


class RuleError(Exception):
    """The rule can't be evaluated; the text names its uid and what is wrong."""


@dataclass(frozen=True, slots=True)
class Result:
    """One series of a rule. ``values``: RefID to number, of every query that has one."""

    labels: Labels
    firing: bool
    values: dict[str, float]


def evaluate(rule: Rule, run: Run, now: datetime) -> list[Result]:
    """One result for each series; none where the SQL finds no rows.

    Raises RuleError for what the rule says, and whatever ``run`` raises.
    """
    found: dict[str, dict[Labels, float]] = {}
    for query in rule.data:
        found[query.refId] = _answer(rule, query, found, run, now)
    return [
        Result(
            labels,
            bool(value),
            {ref: series[labels] for ref, series in found.items() if labels in series},
        )
        for labels, value in found[rule.condition].items()
    ]


def _answer(
    rule: Rule, query: Query, found: dict[str, dict[Labels, float]], run: Run, now: datetime
) -> dict[Labels, float]:
    model = query.model
    if isinstance(model, SqlModel):
        times = query.relativeTimeRange
        assert times is not None  # the model demands it of SQL
        end = now - timedelta(seconds=times.to)
        span = TimeRange.last(timedelta(seconds=times.from_ - times.to), end)
        return _numbers(rule, *run(expand(model.rawSql, span, model.intervalMs)))
    if isinstance(model, ReduceModel):
        return _reduced(model, found[model.expression])
    assert isinstance(model, ThresholdModel)
    evaluator = model.conditions[0].evaluator
    return {
        labels: float(crosses(evaluator, value))
        for labels, value in found[model.expression].items()
    }


def _numbers(
    rule: Rule, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> dict[Labels, float]:
    found: dict[Labels, float] = {}
    for row in rows:
        numbers = [
            float(value)
            for value in row
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        ]
        labels = tuple(
            (name, value) for name, value in zip(names, row, strict=True) if isinstance(value, str)
        )
        if len(numbers) != 1 or len(labels) != len(row) - 1:
            raise RuleError(
                f"rule {rule.uid}: its SQL gives {', '.join(names)}; select exactly one number, and"
                " strings for the labels"
            )
        if labels in found:
            raise RuleError(f"rule {rule.uid}: two rows have the labels {dict(labels)}; group them")
        found[labels] = numbers[0]
    return found


def _reduced(model: ReduceModel, series: dict[Labels, float]) -> dict[Labels, float]:
    """Every reducer of one number is that number, but count."""
    found = {}
    for labels, value in series.items():
        if math.isnan(value) or math.isinf(value):
            if model.settings.mode == "dropNN":
                continue
            if model.settings.mode == "replaceNN":
                value = float(model.settings.replaceWithValue or 0.0)
        found[labels] = 1.0 if model.reducer == "count" else value
    return found


def crosses(evaluator: Evaluator, value: float) -> bool:
    """Whether the number meets the condition; NaN meets none."""
    first, last = evaluator.params[0], evaluator.params[-1]
    return {
        "gt": value > first,
        "lt": value < first,
        "gte": value >= first,
        "lte": value <= first,
        "eq": value == first,
        "ne": value != first and not math.isnan(value),
        "within_range": first < value < last,
        "outside_range": value < first or value > last,
        "within_range_included": first <= value <= last,
        "outside_range_included": value <= first or value >= last,
    }[evaluator.type]
