"""An alert and what is behind it: look-ups in a fixed order, within one budget of time.

What one look-up found is known from then on, whatever becomes of the next: who asks gets the case
after each of them, and at the end it says what is missing, and why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from alerting.case import Case, Source
from alerting.enrich.budget import Budget, OverBudgetError
from alerting.enrich.choose import chosen
from alerting.enrich.failure import at_fault, code_of, facts_of, failure_of, masked_source
from alerting.enrich.find import (
    Question,
    Row,
    Run,
    candidates,
    classifiers,
    counted,
    onset,
    question,
    run_of,
    steps_of,
    threshold_of,
    window_of,
)
from alerting.enrich.playbook import Playbook, read_playbook, suggested
from alerting.enrich.source_code import Root, read_roots, source
from alerting.enrich.what_changed import what_changed
from alerting.enrich.writer import worded
from alerting.notification import Alert
from alerting.settings import AlertingSettings

log = logging.getLogger(__name__)

#: Kinds of alert about errors, which a step passes on to those around it.
ERRORS = ("error_rate", "tool_failure")
#: How a reason begins that the next alert would meet as well.
AWAY = "ClickHouse is away"


@dataclass(frozen=True, slots=True)
class Tools:
    """What enrichment needs beside the database. Raises RootsError and PlaybookError when made."""

    settings: AlertingSettings
    roots: list[Root]
    playbook: Playbook

    @classmethod
    def of(cls, settings: AlertingSettings) -> Tools:
        return cls(settings, read_roots(settings.source_roots), read_playbook(settings.playbook))


def enrich(
    alert: Alert,
    connect: Callable[[], Client],
    tools: Tools,
    now: datetime,
    budget: Budget | None = None,
    so_far: Callable[[Case], None] | None = None,
) -> Case:
    """Never raises: what can't be looked up is said in the case.

    ``budget``: for all look-ups together, EVERYSPAN_ENRICH_SECONDS if None. ``so_far`` is told
    what is known after each of them.
    """
    budget = budget or Budget(tools.settings.enrich_seconds)
    try:
        client = connect()
    except Exception as error:
        # The client's own clock may be a moment before or after that of all that is looked up.
        why = _late(budget) if budget.over else f"{AWAY}: {error}"
        return unenriched(alert, now, why)
    try:
        asked = question(alert, classifiers(client, tools.settings.database, budget), now)
        if asked is None:
            return unenriched(alert, now, "this alert is not about single steps")
        return _Enquiry(unenriched(alert, now, ""), client, asked, tools, budget).run(so_far)
    except Exception as error:
        return unenriched(alert, now, _why(error, budget))
    finally:
        client.close()


def unenriched(alert: Alert, now: datetime, why: str) -> Case:
    """What the alert itself says. Never raises."""
    try:
        return replace(bare(alert, why), window=window_of(alert, now), links=_links(alert))
    except Exception:
        log.exception("an alert's own window or links can't be read")
        return bare(alert, why)


def bare(alert: Alert, why: str) -> Case:
    """Its labels and nothing that has to be understood."""
    labels, now = alert.labels, datetime.now(UTC)
    return Case(
        labels.get("service", ""),
        labels.get("environment", ""),
        labels.get("classifier", ""),
        labels.get("kind", ""),
        (now, now),
        unenriched=why[:300],
    )


@dataclass(slots=True)
class _Enquiry:
    """What is known so far. ``picked``: failing rows, each with how many it stands for; ``steps``,
    ``sources`` and ``fixes`` of them."""

    case: Case
    client: Client
    asked: Question
    tools: Tools
    budget: Budget
    picked: list[tuple[Row, int]] = field(default_factory=list)
    steps: dict[Run, list[Row]] = field(default_factory=dict)
    threshold: float = float("nan")
    sources: dict[int, Source] = field(default_factory=dict)
    fixes: dict[int, str] = field(default_factory=dict)

    def run(self, so_far: Callable[[Case], None] | None) -> Case:
        missing = list(LOOK_UPS)
        why = ""
        for name, look_up in LOOK_UPS.items():
            try:
                look_up(self)
                missing.remove(name)
            except Exception as error:
                why = why or _why(error, self.budget)
            if so_far:
                so_far(self.known(missing, why or _late(self.budget)))
            if self.budget.over:
                break
        self.word()
        return self.known(missing, why or _late(self.budget))

    def known(self, missing: list[str], why: str) -> Case:
        """The case without what is missing."""
        if "how many" in missing and "the failing steps" in missing:
            return replace(self.case, unenriched=why)
        failures = tuple(
            failure_of(
                row,
                similar,
                self.steps.get(run_of(row), []),
                self.asked,
                self.threshold,
                self.tools.settings.grafana_url,
                self.tools.settings.web_url,
                self.sources.get(at),
                self.fixes.get(at, ""),
            )
            for at, (row, similar) in enumerate(self.picked)
        )
        without = f"{', '.join(missing)}: {why}" if missing else ""
        return replace(self.case, failures=failures, missing=without)

    def count(self) -> None:
        facts = counted(self.client, self._database, self.asked, self.budget)
        self.case = replace(
            self.case,
            failing=int(facts["failing"]),
            judged=int(facts["judged"]),
            traces=int(facts["traces"]),
            users=int(facts["users"]),
            sessions=int(facts["sessions"]),
            cost_usd=facts["cost_usd"],
        )

    def pick(self) -> None:
        self.picked = chosen(candidates(self.client, self._database, self.asked, self.budget))

    def follow(self) -> None:
        rows = [row for row, _ in self.picked]
        self.steps = steps_of(self.client, self._database, rows, self.budget)
        if self.asked.kind in ERRORS:
            self.picked = [
                (at_fault(row, self.steps.get(run_of(row), [])), similar)
                for row, similar in self.picked
            ]

    def compare(self) -> None:
        project = str(self.asked.parameters.get("project", ""))
        self.threshold = threshold_of(
            self.client, self._database, self.asked.classifier, self.budget, project
        )

    def read_source(self) -> None:
        for at, (row, _) in enumerate(self.picked):
            code = code_of(row, self.steps.get(run_of(row), []))
            if code is not None:
                found = source(
                    code["code_file"],
                    int(code["code_line"]),
                    code["code_function"],
                    code["code_revision"],
                    code["code_repository"],
                    self.tools.roots,
                    self.budget,
                )
                self.sources[at] = masked_source(found)

    def suggest(self) -> None:
        name = self.asked.classifier or self.asked.kind
        for at, (row, similar) in enumerate(self.picked):
            facts = facts_of(row, similar, self.steps.get(run_of(row), []))
            self.fixes[at] = suggested(self.tools.playbook, name, facts)

    def date(self) -> None:
        since = onset(self.client, self._database, self.asked, self.budget)
        self.case = replace(self.case, since=since)

    def explain(self) -> None:
        if self.asked.classifier or self.asked.kind in ("error_rate", "tool_failure"):
            changed = what_changed(
                self.client, self._database, self.asked, self.case.since, self.budget
            )
            self.case = replace(self.case, what_changed=tuple(changed))

    def word(self) -> None:
        """The playbook's words stay where the endpoint has none in time."""
        for at, (row, similar) in enumerate(self.picked):
            if self.tools.settings.fix_llm_url and not self.budget.over:
                facts = facts_of(row, similar, self.steps.get(run_of(row), []))
                self.fixes[at] = worded(
                    self.tools.settings, facts, self.fixes.get(at, ""), self.budget
                )

    @property
    def _database(self) -> str:
        return self.tools.settings.database


#: What is looked up, most needed first, as the reader of an alert knows it.
LOOK_UPS: dict[str, Callable[[_Enquiry], None]] = {
    "how many": _Enquiry.count,
    "the failing steps": _Enquiry.pick,
    "their traces": _Enquiry.follow,
    "the threshold": _Enquiry.compare,
    "the suggested fix": _Enquiry.suggest,
    "the source": _Enquiry.read_source,
    "since when": _Enquiry.date,
    "what changed": _Enquiry.explain,
}


def _why(error: Exception, budget: Budget) -> str:
    if isinstance(error, OverBudgetError) or budget.over:
        return _late(budget)
    log.warning("an alert goes out without all that could be known", exc_info=error)
    return f"{type(error).__name__}: {error}"[:300]


def _late(budget: Budget) -> str:
    return f"no answer within {budget.seconds:g} s"


def _links(alert: Alert) -> tuple[tuple[str, str], ...]:
    found = (
        ("panel", alert.panel_url),
        ("image", alert.image_url),
        ("dashboard", alert.dashboard_url),
        ("rule", alert.generator_url),
        ("silence", alert.silence_url),
        ("runbook", alert.annotations.get("runbook_url", "")),
    )
    return tuple((name, url) for name, url in found if url.startswith(("http://", "https://")))
