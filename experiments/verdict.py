"""What to do, from sums over units: ship, stop, keep going, or broken. Pure; SQL does the same in
the views experiment_effects, experiment_verdicts and experiment_status.

For each variant against the control, first that applies:

1. stop: a primary metric is worse, or a guard-rail is worse by more than its margin;
2. ship: a primary metric is better, and each guard-rail with a margin is shown to be within it;
3. stop: no primary metric can gain its ``min_effect`` any more;
4. keep_going.

An experiment is broken where its units are not what the definition says. Else it ships its best
variant that may, stops when all are to stop, and goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from experiments.balance import ALPHA, evidence
from experiments.experiment_definition import HOLD_OUT, Definition, Metric
from experiments.metrics import kind_of
from experiments.sequential import Effect, Sums, effect

State = Literal["too_early", "worse", "better", "safe", "no_gain", "open"]
Verdict = Literal["ship", "stop", "keep_going", "broken"]

#: Units of undefined variants, and units seen with several, that break an experiment: a count and a
#: share of all, both to be exceeded.
_FEW_UNITS = 10
_UNKNOWN_SHARE, _MOVED_SHARE = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class InFull:
    """The figures with every unit as it was, and how many units count with a bound instead."""

    control: float
    variant: float
    control_capped: int
    variant_capped: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of one variant against the control. ``harm_low``, ``harm_high``: the interval
    turned so that more is worse. ``same``: every unit of both has the same figure."""

    metric: Metric
    alpha: float
    effect: Effect
    control_units: int
    variant_units: int
    harm_low: float
    harm_high: float
    state: State
    same: bool
    in_full: InFull


@dataclass(frozen=True, slots=True)
class Decided:
    """``gain``: of the first primary metric, in its own unit, more is better."""

    variant: str
    compared: tuple[Compared, ...]
    verdict: Verdict
    gain: float

    def those(self, state: State, *roles: str) -> list[Compared]:
        """The metrics that are in a state, of these roles or of all."""
        return [
            each
            for each in self.compared
            if each.state == state and (not roles or each.metric.role in roles)
        ]


@dataclass(frozen=True, slots=True)
class Counts:
    """Units that are compared, by variant as recorded; ``moved``: those seen with several."""

    by_variant: Mapping[str, int]
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``evidence``: against the intended split, broken from 1000. ``broken``: why, '' for not.
    ``best``: the variant to ship."""

    verdict: Verdict
    broken: str
    best: str
    decided: tuple[Decided, ...]
    units: int
    evidence: float
    held_out: int
    unknown: int
    moved: int


def decide(definition: Definition, sums: Mapping[tuple[str, str], Sums], counts: Counts) -> Outcome:
    """``sums``: by variant and metric."""
    decided = tuple(_of(definition, variant, sums) for variant in definition.treatments)
    units = sum(counts.by_variant.get(variant, 0) for variant in definition.variants)
    held_out = counts.by_variant.get(HOLD_OUT, 0)
    unknown = sum(counts.by_variant.values()) - units - held_out
    against = evidence(counts.by_variant, definition.variants)
    broken = ""
    if against >= 1 / ALPHA:
        broken = "sample ratio mismatch"
    elif unknown >= _FEW_UNITS and unknown > _UNKNOWN_SHARE * units:
        broken = "variants that are not defined"
    elif counts.moved >= _FEW_UNITS and counts.moved > _MOVED_SHARE * units:
        broken = "units change their variant"
    shipping = [each for each in decided if each.verdict == "ship"]
    verdict: Verdict = "keep_going"
    if broken:
        verdict = "broken"
    elif shipping:
        verdict = "ship"
    elif all(each.verdict == "stop" for each in decided):
        verdict = "stop"
    best = max(shipping, key=lambda each: each.gain).variant if verdict == "ship" else ""
    return Outcome(verdict, broken, best, decided, units, against, held_out, unknown, counts.moved)


def _of(definition: Definition, variant: str, sums: Mapping[tuple[str, str], Sums]) -> Decided:
    compared = tuple(
        _compare(
            definition,
            metric,
            sums.get((definition.control, metric.metric), Sums()),
            sums.get((variant, metric.metric), Sums()),
        )
        for metric in definition.metrics
    )
    primary = [each for each in compared if each.metric.role == "primary"]
    guarded = [each for each in compared if each.metric.role == "guardrail" and each.metric.margin]
    if any(each.state == "worse" for each in compared if each.metric.role != "secondary"):
        verdict: Verdict = "stop"
    elif any(each.state == "better" for each in primary) and all(
        each.state in ("safe", "better") for each in guarded
    ):
        verdict = "ship"
    elif all(each.state == "no_gain" for each in primary):
        verdict = "stop"
    else:
        verdict = "keep_going"
    first = primary[0]
    sign = -1.0 if first.metric.direction == "lower" else 1.0
    return Decided(variant, compared, verdict, sign * float(first.effect.estimate))


def _compare(definition: Definition, metric: Metric, control: Sums, variant: Sums) -> Compared:
    alpha = definition.alpha_of(metric)
    found = effect(
        control,
        variant,
        rate=kind_of(metric.metric).rate,
        planned_units=definition.planned_units,
        alpha=alpha,
    )
    low, high = float(found.low), float(found.high)
    if metric.direction == "higher":
        low, high = -high, -low
    state: State = "open"
    # Units that are all alike say something once as many have come as were planned.
    alike = float(found.standard_error) == 0
    same = alike and float(found.estimate) == 0
    if (
        min(control.units, variant.units) < definition.min_units
        or not math.isfinite(low)
        or (alike and found.units < definition.planned_units)
    ):
        state = "too_early"
    elif low > metric.margin:
        state = "worse"
    elif high < 0:
        state = "better"
    elif metric.role == "guardrail" and (0 < metric.margin > high or same):
        state = "safe"
    elif metric.role == "primary" and (
        (metric.min_effect > 0 and low > -metric.min_effect) or same
    ):
        state = "no_gain"
    in_full = InFull(
        float(control.in_full), float(variant.in_full), int(control.capped), int(variant.capped)
    )
    return Compared(
        metric,
        alpha,
        found,
        int(control.units),
        int(variant.units),
        low,
        high,
        state,
        same,
        in_full,
    )
