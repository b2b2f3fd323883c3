"""How an experiment stands, for a person: the verdict, why, and what to do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from experiments import words
from experiments.experiment_store import Arrivals, Stored, read_counts, read_sums, seen
from experiments.plan import Forecast, detectable, units_needed
from experiments.verdict import Compared, Counts, Decided, Outcome, decide


@dataclass(frozen=True, slots=True)
class Status:
    """All there is to say of an experiment."""

    stored: Stored
    outcome: Outcome
    counts: Counts
    arrivals: Arrivals
    forecasts: tuple[Forecast, ...]

    @property
    def reasons(self) -> list[str]:
        """Why, and what to do next, in sentences."""
        return words.reasons(self.stored, self.outcome, self.forecasts)

    def document(self) -> dict[str, Any]:
        """As JSON; figures that are not known are None."""
        definition, outcome = self.stored.definition, self.outcome
        found: dict[str, Any] = {
            "experiment": self.stored.name,
            "verdict": outcome.verdict,
            "variant": outcome.best,
            "reasons": self.reasons,
            "broken": outcome.broken,
            "running": self.stored.running,
            "winner": self.stored.winner,
            "started_at": self.stored.started_at.isoformat(),
            "counted_from": self.stored.counted_from.isoformat(),
            "stopped_at": self.stored.stopped_at.isoformat() if self.stored.stopped_at else None,
            "control": definition.control,
            "unit": definition.unit,
            "alpha": definition.alpha,
            "units": outcome.units,
            "units_per_day": self.arrivals.per_day,
            "evidence_against_split": outcome.evidence,
            "held_out_units": outcome.held_out,
            "unknown_units": outcome.unknown,
            "moved_units": outcome.moved,
            "variants": [
                {
                    "variant": each.variant,
                    "verdict": each.verdict,
                    "metrics": [_metric(compared) for compared in each.compared],
                }
                for each in outcome.decided
            ],
            "forecasts": [
                {
                    "variant": each.variant,
                    "metric": each.metric,
                    "detectable": each.detectable,
                    "effect": each.effect,
                    "units": each.units,
                    "days": each.days,
                }
                for each in self.forecasts
            ],
        }
        return _finite(found)  # type: ignore[no-any-return]


def status(client: Client, database: str, name: str) -> Status:
    """Raises StateError for an experiment that was never started, or can't be read."""
    found = seen(client, database, name)
    counts, arrivals = read_counts(client, database, found.name)
    outcome = decide(found.definition, read_sums(client, database, found.name), counts)
    forecasts = tuple(_forecast(found, outcome, each, arrivals) for each in outcome.decided)
    return Status(found, outcome, counts, arrivals, forecasts)


def _forecast(found: Stored, outcome: Outcome, decided: Decided, arrivals: Arrivals) -> Forecast:
    definition = found.definition
    first = next(each for each in decided.compared if each.metric.role == "primary")
    effect = first.effect
    units = float(effect.units)
    deviation = float(effect.standard_error) * math.sqrt(units) if units else math.nan
    planned, alpha = definition.planned_units, first.alpha
    smallest = detectable(units, deviation, planned_units=planned, alpha=alpha)
    wanted = first.metric.min_effect or abs(float(effect.estimate))
    needed = units_needed(wanted, deviation, planned_units=planned, alpha=alpha)
    # From units as if evenly split to those that come.
    both = first.control_units + first.variant_units
    more = max(0.0, needed / units * both - both) if units else math.inf
    share = both / outcome.units if outcome.units else 0.0
    per_day = arrivals.per_day * share
    days = more / per_day if per_day else math.inf
    return Forecast(
        decided.variant, first.metric.metric, smallest, wanted, more, 0.0 if more == 0 else days
    )


def _metric(compared: Compared) -> dict[str, Any]:
    effect = compared.effect
    return {
        "metric": compared.metric.metric,
        "role": compared.metric.role,
        "direction": compared.metric.direction,
        "state": compared.state,
        "control_units": compared.control_units,
        "variant_units": compared.variant_units,
        "control": float(effect.control),
        "variant": float(effect.variant),
        "effect": float(effect.estimate),
        "low": float(effect.low),
        "high": float(effect.high),
        "same": compared.same,
        "control_in_full": compared.in_full.control,
        "variant_in_full": compared.in_full.variant,
        "control_capped": compared.in_full.control_capped,
        "variant_capped": compared.in_full.variant_capped,
        "alpha": compared.alpha,
        "min_effect": compared.metric.min_effect,
        "margin": compared.metric.margin,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
