"""From which score on a row fails, and of whose rows. Plain SELECTs: they run wherever rows are
read, and with a project's key they see its own alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from classify.custom.fewshot import THRESHOLD
from classify.reviews.calibration_store import Run
from clickhouse.embedded_http.settings import quote

#: Of a classifier of which nothing is said yet.
_UNKNOWN = 0.5


@dataclass(frozen=True, slots=True)
class FailsFrom:
    """``shared``: classifier to threshold. ``own``: classifier to that of each project that has
    another."""

    shared: Mapping[str, float]
    own: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def knows(self, classifier: str) -> bool:
        """Whether it is deployed."""
        return classifier in self.shared

    def of(self, classifier: str, project: str = "") -> float:
        """For rows of a project; '' for the default one's."""
        shared = self.shared.get(classifier, _UNKNOWN)
        return self.own.get(classifier, {}).get(project, shared)

    def sql(self, classifier: str) -> str:
        """The same of a row of ``spans``, by its own project."""
        shared, own = f"{self.of(classifier):.6f}", self.own.get(classifier, {})
        if not own:
            return shared
        names, values = ", ".join(map(quote, own)), ", ".join(f"{e:.6f}" for e in own.values())
        return f"transform(project, [{names}], [{values}], {shared})"


def fails_from(run: Run) -> FailsFrom:
    """Of the deployed classifiers, the users' own too."""
    rows = run(
        "SELECT name, JSONExtractFloat(argMax(definition, revision), 'threshold') AS said"
        " FROM custom_classifiers GROUP BY name"
    )
    custom = {row["name"]: row["said"] or THRESHOLD for row in rows}
    shared = custom | _thresholds(
        run("SELECT argMax(classifiers, version) AS described FROM classifier_sets")[0]
    )
    own: dict[str, dict[str, float]] = {}
    for row in run(
        "SELECT project, argMax(classifiers, version) AS described FROM project_sets"
        " GROUP BY project ORDER BY project"
    ):
        for name, threshold in _thresholds(row).items():
            if threshold != shared.get(name):
                own.setdefault(name, {})[row["project"]] = threshold
    return FailsFrom(shared, own)


def _thresholds(row: Mapping[str, Any]) -> dict[str, float]:
    """Of a set as it is ``described``; nothing where that can't be read."""
    try:
        found = json.loads(row["described"] or "[]")
        return {str(each["name"]): float(each["threshold"]) for each in found}
    except (ValueError, KeyError, TypeError):
        return {}


def cuts(run: Run) -> dict[str, list[float]]:
    """Classifier to all thresholds that it has had here, where reviews have moved it: what was
    drawn while another held was drawn at another rate."""
    rows = run(
        "SELECT classifier, arraySort(arrayDistinct(arrayFilter(x -> x > 0, arrayFlatten("
        "groupArray([threshold, before]))))) AS cuts FROM calibrations GROUP BY classifier"
    )
    return {row["classifier"]: [float(each) for each in row["cuts"]] for row in rows}
