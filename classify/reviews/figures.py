"""How good each classifier is here, for those who tell it: only what answers support."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from classify.reviews import review_store
from classify.reviews.calibration_store import Calibration, Run, history, standing
from classify.reviews.estimate import Estimate, Quality
from classify.reviews.queue import how_good

#: Answers drawn at random without which an interval is told, and no figure in it: of five answers
#: that all say right the likeliest share is 100 %, which flatters.
ENOUGH = 10
TITLES = {
    "fail_rate": "really fails",
    "precision": "of its fails right",
    "recall": "finds of what fails",
}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """``calibration``: what its answers made of its threshold, None where that is its own."""

    classifier: str
    answers: int
    quality: Quality
    calibration: Calibration | None

    def estimate(self, name: str) -> Estimate:
        """One of TITLES; its value is NaN where too few answers speak of it."""
        found: Estimate = getattr(self.quality, name)
        if found.reviews >= ENOUGH or not found.is_known:
            return found
        return Estimate(nan, found.low, found.high, found.reviews)


def reviewed(run: Run, database: str) -> list[Reviewed]:
    """Of the classifiers that somebody has answered on, by name."""
    reviews = [
        review_store.review(list(row.values())) for row in run(review_store.statement(database))
    ]
    moved = standing(history(run, database))
    found = []
    for name in sorted({each.classifier for each in reviews}):
        mine = [each for each in reviews if each.classifier == name]
        state = moved.get(name)
        found.append(
            Reviewed(
                name,
                len(mine),
                how_good(run, name, mine),
                state if state is not None and state.moves else None,
            )
        )
    return found


def percent(estimate: Estimate) -> str:
    """'12 % (6-21 %)', '6-100 %' where there are too few answers for one figure, '–' for none."""
    if not estimate.reviews:
        return "–"
    between = f"{100 * estimate.low:.0f}-{100 * estimate.high:.0f} %"
    return f"{100 * estimate.value:.0f} % ({between})" if estimate.is_known else between
