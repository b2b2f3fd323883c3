"""What a destination is told: an alert's change of state and its case, as a pager says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from alerting.case import Case, Failure

Event = Literal["trigger", "reminder", "acknowledge", "resolve", "flapping"]
SEVERITIES = ("critical", "error", "warning", "info")
#: Severities of other systems' rules, and what they are here.
_ALSO = {"page": "critical", "high": "error", "medium": "warning", "low": "info", "none": "info"}


@dataclass(frozen=True, slots=True)
class Message:
    """``dedup_key``: the same for all that is said of one alert. ``folded``: what a burst was
    folded from, label to number; ``count``: how many alerts. ``repeats``: how often Grafana said it
    again. ``lasted``: of a resolved alert. ``image``: URL of the panel's picture, '' for none."""

    event: Event
    dedup_key: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    case: Case
    values: dict[str, float | None] = field(default_factory=dict)
    repeats: int = 0
    count: int = 1
    folded: tuple[tuple[str, int], ...] = ()
    lasted: timedelta | None = None
    image: str = ""

    @property
    def severity(self) -> str:
        """critical, error, warning or info."""
        return severity(self.labels)

    @property
    def what(self) -> str:
        """The classifier, or the alert's name."""
        return self.labels.get("classifier") or self.labels.get("alertname", "alert")

    @property
    def where(self) -> str:
        """'checkout-agent (production)'; of an experiment its name and the variant."""
        named = (self.labels.get("experiment", ""), self.labels.get("variant", ""))
        service = self.labels.get("service") or " ".join(filter(None, named))
        environment = self.labels.get("environment", "")
        return f"{service} ({environment})" if service and environment else service or environment

    @property
    def brief(self) -> bool:
        """Those who read it know the alert already."""
        return self.event in ("resolve", "acknowledge")

    @property
    def rate(self) -> str:
        """'7.2 % of 412 fail', '' where nothing was counted."""
        case = self.case
        if not case.judged or not case.failing:
            return ""
        return f"{percent(case.failing / case.judged)} of {case.judged} fail"

    @property
    def best(self) -> Failure | None:
        """The failure that represents the alert."""
        return self.case.failures[0] if self.case.failures else None

    @property
    def headline(self) -> str:
        """One line that says what, where and at which step."""
        if self.folded:
            return f"{self.count} alerts at once: " + ", ".join(f"{n} {k}" for k, n in self.folded)
        parts = [self.what, self.where]
        if self.event == "resolve":
            lasted = f" after {duration(self.lasted)}" if self.lasted is not None else ""
            if self.count > 1:
                parts = [f"{self.count} alerts, the last of them {self.what}", self.where]
            users = f", {self.case.users} users touched" if self.case.users else ""
            return f"Resolved: {' · '.join(filter(None, parts))}{lasted}{users}"
        if self.event == "acknowledge":
            return f"Acknowledged: {' · '.join(filter(None, parts))}"
        best = self.best
        if best is not None:
            parts.append(f"step {best.place} ({best.step_name})")
            if best.source is not None:
                parts.append(f"{best.source.file}:{best.source.line}")
        parts.append(self.rate)
        told = " · ".join(filter(None, parts))
        if best is None and (summary := self.annotations.get("summary")):
            told = summary
        begins = {"flapping": "Flapping: ", "reminder": "Still firing: "}
        return begins.get(self.event, "") + told


def severity(labels: Mapping[str, str]) -> str:
    """critical, error, warning or info, whoever's rule it is."""
    told = labels.get("severity", "").lower()
    return told if told in SEVERITIES else _ALSO.get(told, "error")


def percent(share: float) -> str:
    """Three figures."""
    return f"{100 * share:.3g} %"


def duration(span: timedelta) -> str:
    """'2 h 5 min'."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    told = [
        f"{value} {unit}"
        for value, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
        if value
    ]
    return " ".join(told[:2]) or "0 s"


def number(value: float) -> str:
    """Two decimals; '' for NaN."""
    return "" if math.isnan(value) else f"{value:.2f}"
