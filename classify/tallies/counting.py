"""How verdicts are counted, as SQL: in one pass over the rows, by boards that are looked at and for
the tallies of an hour alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: A trace, by its topmost span; a call that counts in another trace is none.
ROOT = "parent_span_id = '' AND twin_of = ''"
#: A row has the verdicts of all classifiers that it should have them of; one that was broken owes
#: the row its verdict.
JUDGED = "(verdict_version > 0 AND empty(unjudged))"
#: Among the names of verdict columns, what stands for all classifiers that users have added: their
#: verdicts are in maps by name.
CUSTOM = "custom"
#: What a failed and what a judged row add to a sum of both: 2^42 rows are four million million.
_FAILED, _JUDGED = 2**84, 2**42
#: Stands before the names of those in tallies.
OWN = f"{CUSTOM}."
#: Seconds of a row of ``hour_tallies``.
STEP = 300


def columns(names: Iterable[str]) -> list[str]:
    """The names without CUSTOM."""
    return [name for name in names if name != CUSTOM]


def counts(names: Sequence[str], condition: str = "") -> str:
    """Array of (classifier, failed, judged, abstained), an aggregate; ``condition``: of rows that
    count."""
    also = f" AND {condition}" if condition else ""
    tuples = ",\n    ".join(
        f"('{n}', countIf({n} = 'fail'{also}), countIf({n} IN ('pass', 'fail'){also}),"
        f" countIf({n} = 'abstained'{also}))"
        for n in columns(names)
    )
    return (
        f"arrayConcat([{tuples}], {custom_counts(condition)})" if CUSTOM in names else f"[{tuples}]"
    )


def custom_counts(condition: str = "", *, news: bool = False, alias: str = "sums") -> str:
    """Array of (classifier, failed, judged, abstained) of the custom ones, an aggregate. ``news``:
    without verdicts that are none. ``alias``: one of its own for each of several of one SELECT."""
    combinator, also = ("If", f", {condition}") if condition else ("", "")
    none = "has(old_verdicts, k), toUInt128(0), " if news else ""
    # The three counts as one number: three maps take three times as long, arrays of plain strings
    # four times.
    weight = (
        f"multiIf({none}l = 'fail', toUInt128('{_FAILED + _JUDGED}'),"
        f" l = 'pass', toUInt128('{_JUDGED}'), toUInt128(l = 'abstained'))"
    )
    summed = f"sumMap{combinator}(mapApply((k, l) -> (k, {weight}), custom){also}) AS {alias}"
    parts = (f"toUInt64(bitAnd(bitShiftRight(n, {bits}), {_JUDGED - 1}))" for bits in (84, 42, 0))
    return (
        f"arrayMap((k, n) -> (toString(k), {', '.join(parts)}), mapKeys({summed}),"
        f" mapValues({alias}))"
    )


def scored(names: Sequence[str]) -> str:
    """Array of (classifier, sum of scores, sum of their squares) of judged rows, an aggregate."""
    each = (
        f"('{n}', sumIf(toFloat64({n}_score), {n} IN ('pass', 'fail')),"
        f" sumIf(toFloat64({n}_score) * {n}_score, {n} IN ('pass', 'fail')))"
        for n in columns(names)
    )
    return f"[{', '.join(each)}]"


def tallies(names: Sequence[str], source: str, condition: str) -> str:
    """SELECT of the rows of ``hour_tallies`` that the spans of ``condition`` make: its columns from
    ``at`` on, and ``project``. ``names``: of verdict columns; those of users' own come besides."""

    def of(array: str, number: int, more: str) -> str:
        kept = f"arrayFilter(c -> {more}, {array})"
        return f"mapFromArrays(arrayMap(c -> c.1, {kept}), arrayMap(c -> c.{number}, {kept}))"

    own = f"arrayMap(c -> (concat('{OWN}', c.1), c.2, c.3, c.4), {custom_counts()})"
    return f"""SELECT project, at, service_name, environment, replayed, twin, spans, whole, traces,
  errors, durations, users, cost_usd, {of("counts", 2, "c.2 > 0")} AS failed,
  {of("counts", 3, "c.3 > 0")} AS judged, {of("counts", 4, "c.4 > 0")} AS abstained,
  {of("scored", 2, "judged[c.1] > 0")} AS scores, {of("scored", 3, "judged[c.1] > 0")} AS squares
FROM (
  SELECT project, toStartOfInterval(start_time, INTERVAL {STEP} SECOND) AS at, service_name,
    environment, replay_of != '' AS replayed, twin_of != '' AS twin, count() AS spans,
    countIf({JUDGED}) AS whole, countIf({ROOT}) AS traces,
    countIf({ROOT} AND status = 'error') AS errors,
    groupArrayIf(duration_ms, {ROOT}) AS durations,
    groupUniqArrayIf(cityHash64(user_id), user_id != '') AS users, sum(cost_usd) AS cost_usd,
    arrayConcat({counts(columns(names))}, {own}) AS counts, {scored(names)} AS scored
  FROM {source}
  WHERE {condition}
  GROUP BY project, at, service_name, environment, replayed, twin
)"""
