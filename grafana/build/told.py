"""How much each classifier can tell, and how much fails as far as its scores tell.

A verdict fails from a strict threshold up, so that it may page; what lies below is not lost. The mean
score of a population, between what healthy and what failing rows have on sources that nothing was
trained on, estimates the share that fails (Forman 2008; Bella et al. 2010, "probabilistic adjusted
count"). Its interval joins the sampling of the rows and the spread between these sources, so that a
weak classifier shows a wide one. Compared with itself, as drift is, that spread drops out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from classify.registry import BUILT_IN
from classify.signals.combiner import Rate, combiner
from classify.signals.weighed import Weighed
from grafana.build.columns import count, interval, rate, share, text
from grafana.build.panels import FAIL_RATE_STEPS, GREEN, RED, YELLOW, Json, table
from grafana.build.sql import (
    CUSTOM,
    between,
    chosen,
    columns,
    counts,
    where,
    wilson_high,
    wilson_low,
)
from grafana.build.tallied import Either, on_board, verdicts_of

#: Share of the rows that a classifier looks at and that it judges.
TOLD_STEPS: list[tuple[float | None, str]] = [(None, RED), (0.8, YELLOW), (0.95, GREEN)]


@cache
def rates() -> dict[str, Rate]:
    """Of the classifiers whose scores are probabilities. Raises ModelError."""
    found = {}
    for each in BUILT_IN:
        if isinstance(each, Weighed) and (rate := combiner(each.name).rate) is not None:
            found[each.name] = rate
    return found


def shares(names: Sequence[str]) -> str:
    """Array of (classifier, sum, judged, sum of squares) of what each judged row says of the share
    that fails, an aggregate: sum / judged estimates it. Of scores that are no probabilities and of
    custom classifiers, 1 for a row that failed and 0 for one that passed."""
    each = []
    for name in columns(names):
        judged = f"{name} IN ('pass', 'fail')"
        if rate := rates().get(name):
            says = f"({name}_score - {rate.healthy:.4g}) / {rate.failing - rate.healthy:.4g}"
            # Not pow(), which takes longer than all the rest.
            squares = f"sumIf({says} * ({says}), {judged})"
            each.append(f"('{name}', sumIf({says}, {judged}), countIf({judged}), {squares})")
        else:
            failed = f"toFloat64(countIf({name} = 'fail'))"
            each.append(f"('{name}', {failed}, countIf({judged}), {failed})")
    return _with_custom(each, names, counts([CUSTOM]))


def shares_of(names: Sequence[str]) -> Either:
    """``shares``, of rows and of the sums of their tallies."""
    each = []
    for name in columns(names):
        judged = f"judged_['{name}']"
        if rate := rates().get(name):
            low, apart = f"{rate.healthy:.4g}", f"{rate.failing - rate.healthy:.4g}"
            total, square = f"scores_['{name}']", f"squares_['{name}']"
            says = f"({total} - {low} * {judged}) / {apart}"
            squares = f"({square} - 2 * {low} * {total} + {low} * {low} * {judged})"
            each.append(f"('{name}', {says}, {judged}, {squares} / ({apart} * {apart}))")
        else:
            failed = f"toFloat64(failed_['{name}'])"
            each.append(f"('{name}', {failed}, {judged}, {failed})")
    return shares(names), _with_custom(each, names, verdicts_of([CUSTOM])[1])


def _with_custom(each: Sequence[str], names: Sequence[str], own: str) -> str:
    """``each``: tuples of the columns' shares; ``own``: array of counts of the custom ones."""
    joined = ",\n    ".join(each)
    if CUSTOM not in names:
        return f"[{joined}]"
    theirs = f"arrayMap(c -> (c.1, toFloat64(c.2), c.3, toFloat64(c.2)), {own})"
    return f"arrayConcat([{joined}], {theirs})"


def estimated_sql(names: Sequence[str]) -> str:
    """As ``told_sql``, without why not more, which only rows say."""
    source = on_board({}, {"counts": verdicts_of(names), "shares": shares_of(names)})
    return _told(
        names,
        f"""  SELECT groupArray((name, failed, judged, abstained)) AS counts,
    groupArray((name, total, judged, squares)) AS shares, [('', '')] AS reasons
  FROM (
    SELECT c.1 AS name, sum(c.2) AS failed, sum(c.3) AS judged, sum(c.4) AS abstained,
      sum(s.2) AS total, sum(s.4) AS squares
    FROM (
      SELECT c, arrayFirst(s -> s.1 = c.1, shares) AS s
      FROM (
{source}
      )
      ARRAY JOIN counts AS c
    )
    GROUP BY name
  )""",
    )


def told_sql(names: Sequence[str]) -> str:
    """Of each classifier: how much it judged, what failed, what is estimated to fail, and why not more."""
    reasons = ",\n    ".join(
        f"('{n}', anyHeavyIf(evidence['{n}'], {n} = 'abstained'))" for n in columns(names)
    )
    return _told(
        names,
        f"""  SELECT {counts(names)} AS counts,
    {shares(names)} AS shares,
    [{reasons}] AS reasons
  FROM spans
  {where()}""",
    )


def _told(names: Sequence[str], source: str) -> str:
    """``source``: a row of counts, shares and reasons."""
    spreads = {
        name: rate.healthy_spread / (rate.failing - rate.healthy)
        for name, rate in rates().items()
        if name in names
    }
    spread = "0"
    if spreads:
        values = ", ".join(f"{each:.4g}" for each in spreads.values())
        spread = f"transform(v.1, {list(spreads)}, [{values}], 0)"
    sql = f"""SELECT v.1 AS classifier, v.3 AS judged, v.4 AS abstained,
  judged / (judged + abstained) AS told, v.2 AS failed, failed / nullIf(judged, 0) AS fail_rate,
  arrayFirst(s -> s.1 = v.1, shares) AS share, share.2 / nullIf(judged, 0) AS mean,
  sqrt(greatest(0, share.4 / judged - mean * mean) / judged + pow({spread}, 2)) AS error,
  -- What has failed for certain fails, whatever the scores of the others say.
  least(1, greatest(0, if(v.2 = 0, 0, {wilson_low("v.2", "v.3")}), mean - 1.96 * error)) AS at_least,
  least(1, greatest(at_least, mean)) AS estimated,
  -- Where that says more than the scores do, the interval is its own.
  least(1, greatest(estimated, mean + 1.96 * error,
    if(v.2 > 0 AND at_least > mean, {wilson_high("v.2", "v.3")}, 0))) AS at_most,
  arrayFirst(r -> r.1 = v.1, reasons).2 AS why_not
FROM (
{source}
)
ARRAY JOIN counts AS v
WHERE v.3 + v.4 > 0 AND {chosen("v.1")}
ORDER BY told, classifier"""
    return (
        "SELECT classifier, fail_rate, estimated,"
        f" if(judged = 0, '', {between('at_least', 'at_most')}) AS interval, told, judged, abstained,"
        f" failed, why_not\nFROM (\n  {sql.replace(chr(10), chr(10) + '  ')}\n)"
    )


def told_table(
    panel_id: int,
    names: Sequence[str],
    steps: Sequence[tuple[float | None, str]] = FAIL_RATE_STEPS,
) -> Json:
    """For a board of these classifiers. ``steps``: colours of their fail rates."""
    return table(
        panel_id,
        "How much can each classifier tell, and how much fails?",
        "Of the spans that a classifier looks at: judged (pass or fail), abstained (it can't tell), "
        "the share that is judged, and why most of the others are not. fail_rate counts what is "
        "certain enough to page; estimated is the share that fails as far as all scores tell, with "
        "its 95 % interval.",
        told_sql(names),
        [
            text("classifier", 190),
            rate(steps=steps),
            share("estimated", 95),
            interval(),
            share("told", 130, "judged of all", steps=TOLD_STEPS, decimals=0),
            count("judged", 80),
            count("abstained", 95),
            count("failed", 75),
            text("why_not", title="why not the others", wrap=True),
        ],
        size=(24, 9),
        empty="No span was judged in this time range.",
    )
