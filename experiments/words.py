"""Verdicts in plain sentences, and figures as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments.experiment_definition import Definition, Metric
from experiments.experiment_store import Arrivals, Stored
from experiments.metrics import kind_of
from experiments.plan import Forecast
from experiments.verdict import Compared, Counts, Decided, Outcome

STATES = {
    "too_early": "too early",
    "worse": "worse",
    "better": "better",
    "safe": "within its margin",
    "no_gain": "no gain worth having",
    "open": "open",
}
_MARK = "−"


def value(metric: str, number: float) -> str:
    """A rate in percent, anything else with its unit; a dash for what is not known."""
    if not math.isfinite(number):
        return "–"
    kind = kind_of(metric)
    return f"{number:.1%}".replace("%", " %") if kind.rate else _scaled(number, kind.unit)


def difference(metric: str, number: float) -> str:
    """With its sign; of rates in percentage points."""
    if not math.isfinite(number):
        return "–"
    kind = kind_of(metric)
    sign = "+" if number > 0 else _MARK if number < 0 else "±"
    size = abs(number)
    return sign + (f"{size * 100:.1f} points" if kind.rate else _scaled(size, kind.unit))


def interval(metric: str, low: float, high: float) -> str:
    """'−9.8 to −2.0 points'."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    first, last = difference(metric, low), difference(metric, high)
    unit = " points" if kind_of(metric).rate else f" {kind_of(metric).unit}"
    return f"{first.removesuffix(unit)} to {last}"


def _scaled(number: float, unit: str) -> str:
    text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return f"{text} {unit}".strip()


def title(metric: str) -> str:
    """As it stands in a sentence: what the figure is the share or the mean of."""
    return metric.replace("_", " ")


def reasons(stored: Stored, outcome: Outcome, forecasts: Sequence[Forecast]) -> list[str]:
    """Why, most important first, and the next step last."""
    definition = stored.definition
    if outcome.broken:
        return _broken(definition, outcome)
    found: list[str] = []
    order = {"ship": 0, "stop": 1, "keep_going": 2, "broken": 3}
    for each in sorted(outcome.decided, key=lambda one: (order[one.verdict], -one.gain)):
        found += _variant(definition, each, forecasts, outcome.units)
    name = definition.name
    if not stored.running:
        given = stored.winner or definition.control
        found.append(f"It was stopped; everybody gets {given}.")
    elif outcome.verdict == "ship":
        found.append(
            f"Give {outcome.best} to everybody: everyspan experiment stop {name}"
            f" --ship {outcome.best}"
        )
    elif outcome.verdict == "stop":
        found.append(f"Keep {definition.control}: everyspan experiment stop {name}")
    else:
        for each in outcome.decided:
            if each.verdict == "stop":
                found.append(
                    f"Take {each.variant} out of the definition and start {name} again with the"
                    " rest."
                )
    return found


def _broken(definition: Definition, outcome: Outcome) -> list[str]:
    total = sum(definition.variants.values())
    intended = ", ".join(
        f"{name} {weight / total:.1%}".replace("%", " %")
        for name, weight in definition.variants.items()
    )
    if outcome.broken == "sample ratio mismatch":
        return [
            f"Units are not split as intended ({intended}): evidence {outcome.evidence:,.0f}, and"
            " 1,000 is reached by chance once in 1,000 experiments.",
            "Do not read the effects. Look for a variant whose requests fail before their first"
            " span, a redirect or a cache in front of one of them, a filter or a crash that loses"
            " spans of one, or weights that are not those of the agent.",
        ]
    if outcome.broken == "variants that are not defined":
        return [
            f"{outcome.unknown:,} units have variants that the definition does not name.",
            "The agent reads another definition: start the experiment again from its file, or"
            " point EVERYSPAN_EXPERIMENTS at the same place.",
        ]
    return [
        f"{outcome.moved:,} of {outcome.units:,} units were seen with several variants.",
        f"Is what the agent passes as unit the same on every request ({definition.unit})? Two"
        " services with different salts or weights do this, too.",
    ]


def _variant(
    definition: Definition, decided: Decided, forecasts: Sequence[Forecast], units: int
) -> list[str]:
    found = []
    for each in decided.those("worse", "primary", "guardrail"):
        what = "guard-rail " if each.metric.role == "guardrail" else ""
        beyond = (
            f", more than the {difference(each.metric.metric, each.metric.margin)[1:]} allowed"
            if each.metric.margin
            else ""
        )
        found.append(f"{decided.variant} loses {what}{_said(definition, each)}{beyond}.")
    found += [
        f"{decided.variant} wins {_said(definition, each)}."
        for each in decided.those("better", "primary")
    ]
    waiting = [
        each
        for each in decided.compared
        if each.metric.role == "guardrail"
        and each.metric.margin
        and each.state in ("open", "too_early")
    ]
    if decided.verdict == "keep_going" and decided.those("better", "primary"):
        names = ", ".join(title(each.metric.metric) for each in waiting)
        found.append(
            f"It is not yet shown that {decided.variant} stays within the margin: {names}."
        )
    unseen = [
        title(each.metric.metric)
        for each in decided.compared
        if each.metric.role == "guardrail" and each.state == "too_early"
    ]
    if decided.verdict == "ship" and unseen:
        found.append(f"Too few units to say anything of the guard-rails {', '.join(unseen)}.")
    if decided.verdict == "stop" and not found:
        found += [
            f"{title(each.metric.metric)} is"
            f" {value(each.metric.metric, float(each.effect.control))} in every unit of both:"
            f" {decided.variant} can't gain anything on it."
            if each.same
            else f"{decided.variant} can't gain {_worth(each.metric)} on {_said(definition, each)}."
            for each in decided.those("no_gain", "primary")
        ]
    if decided.verdict == "keep_going" and not found:
        first = next(each for each in decided.compared if each.metric.role == "primary")
        if first.state == "too_early":
            found.append(
                f"Too early for {decided.variant}: {first.control_units:,} and"
                f" {first.variant_units:,} units have {title(first.metric.metric)};"
                f" {definition.min_units:,} of each are the least."
            )
            if units >= 2 * definition.min_units and not first.variant_units:
                found.append(
                    f"{units:,} units have come and none has a figure of"
                    f" {title(first.metric.metric)}: does it apply to these steps, and is every"
                    " span judged (`everyspan status`)?"
                )
        else:
            found.append(f"Open for {decided.variant}: {_said(definition, first)}.")
        found += [_forecast(each) for each in forecasts if each.variant == decided.variant]
    return found + [told for each in decided.compared if (told := _in_full(each))]


def _in_full(each: Compared) -> str:
    """Where the units that are far out say something else than the rest, '' else."""
    counted, whole = each.effect, each.in_full
    difference_in_full = whole.variant - whole.control
    if each.state == "too_early" or not whole.control_capped + whole.variant_capped:
        return ""
    if not (difference_in_full < counted.low or difference_in_full > counted.high):
        return ""
    metric = each.metric.metric
    return (
        f"{title(metric)}: {whole.control_capped + whole.variant_capped:,} units are so far out"
        f" that they count with a bound; counted in full, the difference is"
        f" {difference(metric, difference_in_full)}, which a few units decide: look at the largest."
    )


def _said(definition: Definition, each: Compared) -> str:
    """'goal completion: 12.1 % against 18.0 % of a, −5.9 points (−9.8 to −2.0 points)'."""
    metric, effect = each.metric.metric, each.effect
    failing = " failing" if kind_of(metric).meaning.startswith("failed") else ""
    return (
        f"{title(metric)}: {value(metric, float(effect.variant))}{failing} against"
        f" {value(metric, float(effect.control))} with {definition.control},"
        f" {difference(metric, float(effect.estimate))}"
        f" ({interval(metric, float(effect.low), float(effect.high))})"
    )


def _worth(metric: Metric) -> str:
    return difference(metric.metric, metric.min_effect)[1:]


def _forecast(each: Forecast) -> str:
    wanted = difference(each.metric, each.effect)[1:]
    if not math.isfinite(each.units):
        return "How long it takes can't be said yet."
    took = (
        f"in about {duration(each.days)}" if math.isfinite(each.days) else "once units come again"
    )
    return (
        f"A difference of {wanted} is decided {took}, {each.units:,.0f} units from now (in 8 of 10"
        f" cases). By now {difference(each.metric, each.detectable)[1:]} would be found."
    )


def duration(days: float) -> str:
    """'40 minutes', '5 hours', '3.2 days', '2 years'."""
    if days < 1 / 24:
        return f"{max(1, round(days * 1440))} minutes"
    if days < 2:
        return f"{days * 24:.0f} hours"
    return f"{days:.1f} days" if days < 730 else f"{days / 365:.0f} years"


def footing(stored: Stored, outcome: Outcome, counts: Counts, arrivals: Arrivals) -> list[str]:
    """What the figures stand on: since when, how many units, how they are split."""
    definition = stored.definition
    total = sum(definition.variants.values())
    split = ", ".join(
        f"{name} {counts.by_variant.get(name, 0):,} (intended {weight / total:.1%})".replace(
            "%", " %"
        )
        for name, weight in definition.variants.items()
    )
    when = f"since {stored.counted_from:%Y-%m-%d %H:%M} UTC"
    if stored.stopped_at is not None:
        when += f" until {stored.stopped_at:%Y-%m-%d %H:%M} UTC"
    found = [
        f"{outcome.units:,} units ({definition.unit}) {when}: {split};"
        f" evidence against this split {outcome.evidence:,.2g} of 1,000",
    ]
    more = [
        text
        for count, text in (
            (outcome.held_out, f"{outcome.held_out:,} held out"),
            (outcome.moved, f"{outcome.moved:,} seen with several variants"),
            (outcome.unknown, f"{outcome.unknown:,} with variants that are not defined"),
        )
        if count
    ]
    # The rate of a few minutes is none of a day.
    if stored.stopped_at is None and arrivals.hours >= 1:
        more.append(f"{arrivals.per_day:,.0f} units a day")
    if more:
        found.append("; ".join(more))
    found.append(
        f"All intervals hold together, at every look, in {100 * (1 - definition.alpha):g} % of"
        " experiments."
    )
    return found
