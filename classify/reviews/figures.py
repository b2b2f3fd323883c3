"""How good each classifier is here, for those who tell it: only what answers support."""

from __future__ import annotations

from dataclasses import dataclass

from classify.reviews import review_store
from classify.reviews.calibration_store import Calibration, Run, history, standing
from classify.reviews.estimate import Estimate, Quality
from classify.reviews.queue import how_good

#: What is told of a classifier, in words.
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


def reviewed(run: Run, database: str, project: str = "") -> list[Reviewed]:
    """Of the classifiers that somebody has answered on, by name. ``project``: whose thresholds are
    told of."""
    reviews = [
        review_store.review(list(row.values())) for row in run(review_store.statement(database))
    ]
    moved = standing(history(run, database), project)
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
    if not estimate.is_known:
        return "–"
    between = f"{100 * estimate.low:.0f}-{100 * estimate.high:.0f} %"
    return f"{100 * estimate.value:.0f} % ({between})" if estimate.has_figure else between
