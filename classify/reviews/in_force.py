"""The classifiers as reviews have made them: with the thresholds and heads that hold now."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Mapping, Sequence

from classify.classifier import Classifier
from classify.models.checksums import ModelError
from classify.models.files import heads
from classify.reviews.calibration import Map
from classify.reviews.calibration_store import Calibration, standing
from classify.reviews.local_head import Head
from classify.signals.weighed import Weighed


def in_force(
    classifiers: Sequence[Classifier], states: Sequence[Calibration], fixed: Collection[str]
) -> tuple[Classifier, ...]:
    """The built-in classifiers, in their order, with the thresholds and heads that hold here, and
    `as_of` a project that has its own."""
    shared = calibrated(classifiers, standing(states), fixed)
    by_project = {
        project: calibrated(classifiers, standing(states, project), fixed)
        for project in sorted({each.project for each in states} - {""})
    }
    made = []
    for number, (plain, classifier) in enumerate(zip(classifiers, shared, strict=True)):
        own = {project: each[number] for project, each in by_project.items()}
        own = {project: each for project, each in own.items() if each is not plain}
        if own:
            classifier = copy.copy(classifier)
            vars(classifier)["of_projects"] = own
        made.append(classifier)
    return tuple(made)


def calibrated(
    classifiers: Sequence[Classifier], states: Mapping[str, Calibration], fixed: Collection[str]
) -> tuple[Classifier, ...]:
    """The built-in classifiers, in their order, with the thresholds and heads that hold here."""
    made = []
    for classifier in classifiers:
        state = states.get(classifier.name)
        if state is not None and state.moves and classifier.name not in fixed:
            try:
                fits = classifier.version == state.of
            except ModelError:
                # It can't judge before it can be read; then it is asked again.
                fits = False
            if fits and state.head:
                classifier = _with_head(classifier, state)
            elif fits and math.isfinite(state.threshold):
                classifier = copy.copy(classifier)
                classifier.threshold = state.threshold
        made.append(classifier)
    return tuple(made)


def _with_head(classifier: Classifier, state: Calibration) -> Classifier:
    """As it comes where the head was learned from vectors of another encoder."""
    if not isinstance(classifier, Weighed) or state.model != heads().version:
        return classifier
    made = copy.copy(classifier)
    made.head = Head(
        Map(state.c, state.a, state.b),
        state.head,
        state.shift,
        classifier.threshold,
        state.relabels,
    )
    made.head_number = state.number
    return made
