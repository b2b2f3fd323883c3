"""Which verdict to ask about next, and what the answers say. Plain SELECTs: they run wherever rows
are read.

Every other case is drawn at random, half of them from rows that fail: from those alone the honest
estimates come. The others are the most informative: nearest to the threshold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from classify.registry import BUILT_IN
from classify.reviews.calibration_store import Run
from classify.reviews.estimate import Quality, Stratum, quality_of
from classify.reviews.fails_from import FailsFrom, cuts
from classify.reviews.review_store import Review, settled
from clickhouse.embedded_http.settings import quote

#: What is asked about.
DAYS = 7
_MOST = 1


@dataclass(slots=True, frozen=True)
class Case:
    """A verdict to look at. ``chosen``: how it came to be. ``project``: whose row it is, '' for the
    default one's."""

    trace_id: str
    span_id: str
    label: str
    score: float
    chosen: str
    project: str = ""


def label_of(classifier: str) -> str:
    """SQL of the label."""
    if classifier in {each.name for each in BUILT_IN}:
        return classifier
    return f"custom[{quote(classifier)}]"


def score_of(classifier: str) -> str:
    """SQL of the score."""
    if classifier in {each.name for each in BUILT_IN}:
        return f"{classifier}_score"
    return f"custom_scores[{quote(classifier)}]"


def own_score_of(classifier: str) -> str:
    """SQL of the score without the head of one's own traffic."""
    name, score = quote(classifier), score_of(classifier)
    return f"if(mapContains(own_scores, {name}), own_scores[{name}], {score})"


def next_case(
    run: Run, classifier: str, reviews: Sequence[Review], fails: FailsFrom, skip: str = ""
) -> Case | None:
    """None where everything of the last days is answered. ``skip``: a span id that is not asked
    again now."""
    answered = {each.span_id for each in reviews} | ({skip} if skip else set())
    drawn = [each for each in reviews if each.chosen == "random"]
    plan: list[tuple[str, str]]
    if len(reviews) % 2 == 0:
        failed = sum(each.label == "fail" for each in drawn)
        wanted = "fail" if 2 * failed <= len(drawn) else "pass"
        other = "pass" if wanted == "fail" else "fail"
        plan = [("random", wanted), ("random", other), ("near", "")]
    else:
        plan = [("near", ""), ("random", "fail"), ("random", "pass")]
    for chosen, label in plan:
        rows = run(_case_sql(classifier, chosen, label, answered, fails))
        if rows:
            row = rows[0]
            return Case(
                row["trace_id"], row["span_id"], row["label"], row["score"], chosen, row["project"]
            )
    return None


def _case_sql(
    classifier: str, chosen: str, label: str, answered: set[str], fails: FailsFrom
) -> str:
    said, score = label_of(classifier), score_of(classifier)
    conditions = [
        f"start_time > now() - INTERVAL {DAYS} DAY",
        "twin_of = ''",
        "replay_of = ''",
        f"{said} = {quote(label)}" if label else f"{said} IN ('pass', 'fail')",
    ]
    if answered:
        listed = ", ".join(quote(each) for each in sorted(answered))
        conditions.append(f"span_id NOT IN ({listed})")
    # A hash of the row and of who asks: at random, and the same when the page is loaded again.
    order = f"cityHash64(trace_id, span_id, {quote(classifier)}, {quote(label)})"
    if chosen == "near":
        order = f"abs({score} - {fails.sql(classifier)}), {order}"
        conditions.append(f"isFinite({score})")
    return (
        f"SELECT trace_id, span_id, toString({said}) AS label, toFloat64({score}) AS score, project"
        f" FROM spans WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {_MOST}"
    )


def _examples(run: Run, classifier: str) -> set[tuple[str, str]]:
    """Rows that a classifier of one's own was taught with: of them it is right, and that says
    nothing."""
    if label_of(classifier) == classifier:
        return set()
    rows = run(
        "SELECT argMax(definition, revision) AS said FROM custom_classifiers"
        f" WHERE name = {quote(classifier)}"
    )
    try:
        examples = json.loads(rows[0]["said"] or "{}").get("examples", ())
        return {(each.get("trace_id", ""), each.get("span_id", "")) for each in examples}
    except (ValueError, IndexError, AttributeError, TypeError):
        return set()


def how_good(run: Run, classifier: str, reviews: Sequence[Review], days: int = DAYS) -> Quality:
    """Of the last days, from the cases that were drawn at random. Where the threshold has moved, or
    a head has joined, rows count by the verdict that they have now, and apart by what they had."""
    said, score = label_of(classifier), score_of(classifier)
    taught = _examples(run, classifier)
    reviews = [each for each in reviews if (each.trace_id, each.span_id) not in taught]
    # A score of NaN says nothing; the label does.
    believed = f"if(isFinite({score}), toFloat64({score}), toFloat64({said} = 'fail'))"
    # Where a head of one's own traffic moved the score, what was drawn went by that before.
    own = f"if(isFinite({score}), toFloat64({own_score_of(classifier)}), {believed})"
    at = ", ".join(f"{each:.9g}" for each in cuts(run).get(classifier, ()))
    between = f"toUInt8(arrayCount(cut -> {own} >= cut, [{at}]))" if at else "toUInt8(0)"
    rows = run(
        f"SELECT toString({said}) AS label, {between} AS part, count() AS n,"
        f" avg({believed}) AS mean, varPop({believed}) AS variance FROM spans"
        f" WHERE start_time > now() - INTERVAL {days} DAY AND twin_of = '' AND replay_of = ''"
        f" AND {said} IN ('pass', 'fail') GROUP BY label, part ORDER BY part"
    )
    drawn = settled([each for each in reviews if each.chosen == "random"])
    now: dict[tuple[str, str], tuple[str, int, float]] = {}
    if at and drawn:
        listed = ", ".join(f"({quote(t)}, {quote(s)})" for t, s in sorted(drawn))
        now = {
            (row["trace_id"], row["span_id"]): (row["label"], int(row["part"]), row["score"])
            for row in run(
                f"SELECT trace_id, span_id, toString({said}) AS label, {between} AS part,"
                f" {believed} AS score FROM spans WHERE (trace_id, span_id) IN ({listed})"
                f" AND {said} IN ('pass', 'fail')"
            )
        }
    reviewed: dict[tuple[str, int], list[tuple[float, bool]]] = {}
    for key, (each, fails) in drawn.items():
        known = each.score if math.isfinite(each.score) else float(each.label == "fail")
        if at and key not in now:
            # It is gone: nobody knows what would be said of it now.
            continue
        label, part, believed_now = now.get(key, (each.label, 0, known))
        reviewed.setdefault((label, part), []).append((believed_now, fails))
    sides: dict[str, list[Stratum]] = {"fail": [], "pass": []}
    by_part = {(row["label"], int(row["part"])): row for row in rows}
    for place in sorted({*by_part, *reviewed}):
        row = by_part.get(place, {"n": 0, "mean": 0.0, "variance": 0.0})
        mine = reviewed.get(place, [])
        sides[place[0]].append(
            Stratum(
                int(row["n"]),
                float(row["mean"]),
                float(row["variance"]),
                [score for score, _ in mine],
                [fails for _, fails in mine],
            )
        )
    return quality_of(sides["fail"], sides["pass"])
