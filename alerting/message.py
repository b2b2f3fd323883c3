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

#: Labels that a message says in words of its own, or that Grafana adds.
_SAID = frozenset(
    "alertname service environment project classifier severity experiment variant team layer kind"
    " grafana_folder datasource_uid ref_id".split()
)
_MOST_FACTS = 12


@dataclass(frozen=True, slots=True)
class Message:
    """``dedup_key``: the same for all that is said of one alert. ``folded``: what a burst was
    folded from, label to number; ``count``: how many alerts. ``repeats``: how often Grafana said it
    again. ``lasted``: of a resolved alert. ``image``: URL of the panel's picture, '' for none.
    ``left_out``: alerts that Grafana did not send with this one; ``test``: nothing has happened."""

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
    left_out: int = 0
    test: bool = False

    @property
    def severity(self) -> str:
        """critical, error, warning or info."""
        return severity(self.labels)

    @property
    def what(self) -> str:
        """The classifier, or the alert's name."""
        named = (self.labels.get("classifier", ""), self.labels.get("alertname", ""))
        return next((" ".join(name.split()) for name in named if name.strip()), "alert")

    @property
    def where(self) -> str:
        """'checkout-agent (production)', 'alpha/checkout-agent (production)' of the project alpha;
        of an experiment its name and the variant."""
        named = (self.labels.get("experiment", ""), self.labels.get("variant", ""))
        service = self.labels.get("service") or " ".join(filter(None, named))
        environment = self.labels.get("environment", "").strip()
        service = service.strip()
        project = self.labels.get("project", "").strip()
        if project and not service.startswith(f"{project}/"):
            service = f"{project}/{service}" if service else project
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
    def facts(self) -> list[tuple[str, str]]:
        """Labels that no other part of a message says, and the rule's values: all that is known of
        an alert whose traces are not."""
        labels = [(k, v) for k, v in sorted(self.labels.items()) if k not in _SAID and v]
        values = [(k, f"{v:.6g}") for k, v in sorted(self.values.items()) if v is not None]
        return [*labels, *values][:_MOST_FACTS]

    @property
    def facts_text(self) -> str:
        """'queue=orders, A=1523'."""
        return ", ".join(f"{name}={value}" for name, value in self.facts)

    @property
    def more(self) -> str:
        """' and 40 more', '' where Grafana left none out."""
        return f" and {self.left_out} more" if self.left_out else ""

    @property
    def headline(self) -> str:
        """One line that says what, where and at which step."""
        # PagerDuty refuses a summary that is empty.
        told = " ".join(self._headline.split()) or self.what
        told += self.more
        return f"TEST: {told}" if self.test else told

    @property
    def _headline(self) -> str:
        if self.folded:
            names = (f"{n} {k}" if n > 1 else k for k, n in self.folded)
            what = "drifts" if self.labels.get("layer") == "drift" else "alerts"
            return f"{self.count} {what} at once: {', '.join(names)}"
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
        elif best is None and not self.labels.get("classifier"):
            # A rule of one's own that says nothing else: its name alone helps nobody.
            told = " · ".join(filter(None, [told, self.facts_text]))
        begins = {"flapping": "Flapping: ", "reminder": "Still firing: "}
        return begins.get(self.event, "") + told


def severity(labels: Mapping[str, str]) -> str:
    """critical, error, warning or info, whoever's rule it is."""
    told = labels.get("severity", "").lower()
    return told if told in SEVERITIES else _ALSO.get(told, "error")


def percent(share: float) -> str:
    """'7.4 %', '12 %', '0.04 %': one decimal, or one figure of what is less."""
    return (
        f"{100 * share:.1f}".removesuffix(".0") + " %" if share >= 0.001 else f"{100 * share:.1g} %"
    )


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
