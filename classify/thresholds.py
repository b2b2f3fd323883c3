"""Thresholds that a team sets itself, instead of the classifiers' own: a score, or a quantile of
each service's own traffic."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from classify.classifier import Classifier
from classify.signals.weighed import Weighed
from service.errors import UserError


class ThresholdError(UserError):
    """The text is no list of thresholds. It says which part, and how to write it."""


@dataclass(slots=True, frozen=True)
class OfOwnTraffic:
    """Scores over this quantile, 0 to 1, of what the service's own rows have."""

    quantile: float


Threshold = float | OfOwnTraffic
_QUANTILE = re.compile(r"p(\d{2}(?:\.\d{1,3})?)")


def read_thresholds(text: str) -> dict[str, Threshold]:
    """``name=score, name=p99`` to scores over 0 and up to 1, or quantiles from 0.5 up. Raises
    ThresholdError."""
    found: dict[str, Threshold] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, told = (each.strip() for each in part.partition("="))
        quantile = _QUANTILE.fullmatch(told)
        try:
            score = float(quantile[1]) / 100 if quantile else float(told)
        except ValueError:
            score = -1.0
        least = 0.5 if quantile else 0.0
        if not name or not equals or not least < score <= 1:
            raise ThresholdError(
                f"EVERYSPAN_CLASSIFY_THRESHOLDS: '{part}' is no threshold; write name=score with a"
                " score over 0 and up to 1, for example jailbreak=0.9, or a percentile of each"
                " service's own rows over 50, for example hallucination=p99"
            )
        if name in found:
            raise ThresholdError(f"EVERYSPAN_CLASSIFY_THRESHOLDS: '{name}' is there twice")
        found[name] = OfOwnTraffic(score) if quantile else score
    return found


def with_thresholds(
    classifiers: Sequence[Classifier], thresholds: Mapping[str, Threshold]
) -> tuple[Classifier, ...]:
    """The classifiers, in their order, with the scores that fail changed.

    Raises ThresholdError for a name that none of them has, and for a quantile of scores that are no
    probabilities.
    """
    names = [classifier.name for classifier in classifiers]
    if unknown := sorted(set(thresholds) - set(names)):
        raise ThresholdError(
            f"EVERYSPAN_CLASSIFY_THRESHOLDS: there is no classifier '{unknown[0]}'; use one of"
            f" {', '.join(names)}"
        )
    found = []
    for classifier in classifiers:
        wanted = thresholds.get(classifier.name)
        if wanted is not None:
            classifier = copy.copy(classifier)
            if not isinstance(wanted, OfOwnTraffic):
                classifier.threshold = wanted
            elif isinstance(classifier, Weighed):
                classifier.quantile = wanted.quantile
            else:
                raise ThresholdError(
                    f"EVERYSPAN_CLASSIFY_THRESHOLDS: {classifier.name} decides by rules; there is"
                    " no percentile of its scores. Write a score, or leave it out"
                )
        found.append(classifier)
    return tuple(found)
