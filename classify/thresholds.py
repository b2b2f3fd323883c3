"""Thresholds that a team sets itself, instead of the classifiers' own."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from classify.classifier import Classifier
from service.errors import UserError


class ThresholdError(UserError):
    """The text is no list of thresholds. It says which part, and how to write it."""


def read_thresholds(text: str) -> dict[str, float]:
    """``name=score, name=score`` to scores over 0 and up to 1. Raises ThresholdError."""
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, told = (each.strip() for each in part.partition("="))
        try:
            score = float(told)
        except ValueError:
            score = -1.0
        if not name or not equals or not 0 < score <= 1:
            raise ThresholdError(
                f"EVERYSPAN_CLASSIFY_THRESHOLDS: '{part}' is no threshold; write name=score with a"
                " score over 0 and up to 1, for example jailbreak=0.9"
            )
        if name in found:
            raise ThresholdError(f"EVERYSPAN_CLASSIFY_THRESHOLDS: '{name}' is there twice")
        found[name] = score
    return found


def with_thresholds(
    classifiers: Sequence[Classifier], thresholds: dict[str, float]
) -> tuple[Classifier, ...]:
    """The classifiers, in their order, with the scores that fail changed.

    Raises ThresholdError for a name that none of them has.
    """
    names = [classifier.name for classifier in classifiers]
    if unknown := sorted(set(thresholds) - set(names)):
        raise ThresholdError(
            f"EVERYSPAN_CLASSIFY_THRESHOLDS: there is no classifier '{unknown[0]}'; use one of"
            f" {', '.join(names)}"
        )
    found = []
    for classifier in classifiers:
        if classifier.name in thresholds:
            classifier = copy.copy(classifier)
            classifier.threshold = thresholds[classifier.name]
        found.append(classifier)
    return tuple(found)
