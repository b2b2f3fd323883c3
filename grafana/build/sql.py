"""Pieces of SQL that several panels and rules share. Macros are the ClickHouse plugin's.

Verdicts are counted in one pass over the columns and turned into one row per classifier afterwards:
over a million spans that takes a quarter of the time that the long view ``verdicts`` takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

from classify.classifier import Layer
from classify.registry import BUILT_IN
from classify.tallies.counting import CUSTOM as CUSTOM
from classify.tallies.counting import JUDGED as JUDGED
from classify.tallies.counting import columns as columns
from classify.tallies.counting import counts as counts
from classify.tallies.counting import custom_counts as custom_counts
from grafana import conditions
from grafana.build.quoting import one, several
from grafana.thresholds import read

Scope = Literal["step", "trace"]

ROOT = conditions.ROOT
#: The trace that a row counts for.
TRACE = "if(twin_of = '', trace_id, substring(twin_of, 1, 32))"
#: Rows that do not report a call of another trace again.
ONCE = "twin_of = ''"
PRODUCTION = conditions.PRODUCTION
#: The same on a board, unless its variable asks for replays.
UNLESS_ASKED = f"({PRODUCTION} OR {one('replays')} = 'shown')"
#: The same, for rows that are old enough to be expected to.
COVERED = f"({JUDGED} OR ingested_at > now() - INTERVAL 2 MINUTE)"

#: Some classifier has judged it. Not JUDGED: one that is broken may not hide what others found.
SOME_JUDGED = "verdict_version > 0"
#: From the first start to the last end, in ms; NULL of no rows.
LASTED = (
    "if(count() = 0, NULL, max(toUnixTimestamp64Nano(start_time) / 1e6 + duration_ms)"
    " - min(toUnixTimestamp64Nano(start_time) / 1e6))"
)

#: The filters that each dashboard variable stands for.
_STEP_FILTERS = {
    "service": f"service_name IN ({several('service')})",
    "environment": f"environment IN ({several('environment')})",
    "model": f"model IN ({several('model')})",
    "prompt_version": f"prompt_version IN ({several('prompt_version')})",
    "user": f"user_id = {one('user')}",
}
#: Only llm steps have a model and a prompt version: what is said of traces and of verdicts on roots
#: means traces in which some step has it.
_OF_ONE_STEP = ("model", "prompt_version")


def of_service() -> list[str]:
    """The dashboard's filters by which services are told apart."""
    return [f"$__conditionalAll({_STEP_FILTERS[n]}, ${n})" for n in ("service", "environment")]


def where(
    *more: str,
    scope: Scope = "trace",
    time: str = "$__timeFilter(start_time)",
    without: Sequence[str] = (),
) -> str:
    """WHERE with the dashboard's time range and variables, without replays unless they are asked for;
    ``more`` conditions are ANDed."""
    conditions = [time, UNLESS_ASKED, *more]
    for name, condition in _STEP_FILTERS.items():
        if name in without:
            continue
        if scope == "trace" and name in _OF_ONE_STEP:
            condition = f"trace_id IN (SELECT trace_id FROM spans WHERE {time} AND {condition})"
        conditions.append(f"$__conditionalAll({condition}, ${name})")
    return "WHERE " + "\n  AND ".join(conditions)


_LABELS = "CAST(mapValues(custom), 'Array(String)')"
_KEYS = "CAST(mapKeys(custom), 'Array(String)')"


def classifiers(layer: Layer | Literal["all"] = "all") -> list[str]:
    """Names of the verdict columns in the order of thresholds.toml, and CUSTOM, which belongs to the
    quality layer. Raises ValueError where the file has another set of classifiers than classify."""
    layers = layer_of_each()
    names = [name for name in read().classifier if layer in ("all", layers[name])]
    return names if layer == "safety" else [*names, CUSTOM]


@cache
def layer_of_each() -> dict[str, Layer]:
    """Classifier to its layer, which is that of the board that shows it. Raises ValueError."""
    found: dict[str, Layer] = {each.name: each.layer for each in BUILT_IN}
    if odd := sorted(found.keys() ^ read().classifier.keys()):
        raise ValueError(
            f"grafana/thresholds.toml: add [classifier.{odd[0]}]"
            if odd[0] in found
            else f"grafana/thresholds.toml: take out [classifier.{odd[0]}], which classify does not"
            " have"
        )
    return found


def failed(names: Sequence[str]) -> str:
    """Array of the classifiers that failed this row, and that the variable names."""
    ours = (
        "arrayFilter(c -> c != '', ["
        + ", ".join(f"if({n} = 'fail', '{n}', '')" for n in columns(names))
        + "])"
    )
    if CUSTOM not in names:
        return ours
    return f"arrayConcat({ours}, arrayFilter((c, l) -> l = 'fail', {_KEYS}, {_LABELS}))"


def any_failed(names: Sequence[str], *, selected: bool = False) -> str:
    """Whether a row has a failed verdict; ``selected``: of those that $classifier names."""
    each = [
        f"({n} = 'fail' AND {chosen(repr(n))})" if selected else f"{n} = 'fail'"
        for n in columns(names)
    ]
    if CUSTOM in names:
        # Most rows have none at all.
        own = "mapContainsValue(custom, 'fail')"
        also = f"arrayExists((c, l) -> l = 'fail' AND {chosen('c')}, {_KEYS}, {_LABELS})"
        each.append(f"({own} AND {also})" if selected else own)
    return "(" + " OR ".join(each) + ")"


def chosen(expression: str) -> str:
    """Whether $classifier names it."""
    return f"$__conditionalAll({expression} IN ({several('classifier')}), $classifier)"


def verdicts(names: Sequence[str]) -> str:
    """Array of (classifier, label, score) of one row."""
    ours = "[" + ", ".join(f"('{n}', toString({n}), {n}_score)" for n in columns(names)) + "]"
    if CUSTOM not in names:
        return ours
    theirs = f"arrayMap((c, l) -> (c, l, custom_scores[c]), {_KEYS}, {_LABELS})"
    return f"arrayConcat({ours}, {theirs})"


def newest_failures(
    names: Sequence[str],
    columns: Sequence[str],
    reads: str,
    *,
    evidence: str = "evidence",
    limit: int = 100,
) -> str:
    """The newest failed verdicts: the rows are cut to ``limit`` before verdicts become rows.

    ``reads``: the columns of spans that ``columns`` are made of.
    """
    return f"""SELECT start_time AS time, v.1 AS classifier, evidences[v.1] AS {evidence},
  {", ".join(columns)}
FROM (
  SELECT start_time, {reads}, evidence AS evidences, {verdicts(names)} AS verdicts
  FROM spans
  {where(any_failed(names, selected=True))}
  ORDER BY start_time DESC
  LIMIT {limit}
)
ARRAY JOIN verdicts AS v
WHERE v.2 = 'fail' AND {chosen("v.1")}
ORDER BY time DESC
LIMIT {limit}"""


def fail_rate_by(
    names: Sequence[str], expression: str, alias: str, *conditions: str, limit: int = 30
) -> str:
    """Table: failed and judged for each value of an expression, worst first."""
    return f"""SELECT {alias}, classifier, fail_rate, interval, failed, judged
FROM (
SELECT {alias}, v.1 AS classifier, v.3 AS judged, v.2 AS failed,
  v.2 / v.3 AS fail_rate, {wilson_low("v.2", "v.3")} AS at_least,
  {interval("v.2", "v.3")} AS interval
FROM (
  SELECT {expression} AS {alias}, {counts(names)} AS counts
  FROM spans
  {where(*conditions)}
  GROUP BY {alias}
)
ARRAY JOIN counts AS v
WHERE v.2 > 0 AND {chosen("v.1")}
ORDER BY at_least DESC
LIMIT {limit}
)"""


def wilson_low(failed_count: str, judged: str) -> str:
    """Lower end of Wilson's 95 % score interval of failed / judged (Wilson 1927)."""
    return _wilson(failed_count, judged, "-")


def wilson_high(failed_count: str, judged: str) -> str:
    """Upper end of the same."""
    return _wilson(failed_count, judged, "+")


def between(low: str, high: str) -> str:
    """Text of an interval of shares: '4–12 %'; with a decimal where it is narrow and low."""
    digits = f"if({high} < 0.1, 1, 0)"
    return (
        f"concat(toString(round(100 * {low}, {digits})), '–',"
        f" toString(round(100 * {high}, {digits})), ' %')"
    )


def interval(failed_count: str, judged: str) -> str:
    """Text of Wilson's 95 % interval, '' where nothing was judged."""
    low, high = wilson_low(failed_count, judged), wilson_high(failed_count, judged)
    return f"if({judged} = 0, '', {between(low, high)})"


def _wilson(k: str, n: str, sign: str) -> str:
    # z = 1.96, z² = 3.8416; never outside 0 to 1, where rounding would put it.
    return (
        f"least(1, greatest(0, ({k} + 1.9208 {sign}"
        f" 1.96 * sqrt({k} * ({n} - {k}) / {n} + 0.9604)) / ({n} + 3.8416)))"
    )


def measured(view: str) -> str:
    """What a view of experiments said when classify looked last: asked by itself, it reads every
    span that takes part."""
    table = f"{view}_measured"
    return f"(SELECT * FROM {table} WHERE measured_at = (SELECT max(measured_at) FROM {table}))"
