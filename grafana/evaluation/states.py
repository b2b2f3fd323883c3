"""The states of a rule's alert instances, as pkg/services/ngalert/state of Grafana's sources.

Normal → Pending (for `for`) → Alerting → Recovering (for `keepFiringFor`) → Normal, which is told
as resolved. A rule whose SQL fails or finds nothing has an instance of its own for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from grafana.evaluation.expressions import Result
from grafana.evaluation.provisioning import Rule, seconds
from grafana.evaluation.templates import TemplateError, render

State = Literal["normal", "pending", "alerting", "recovering"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One alert. ``labels``: all of them, in order. ``since``: of the state; ``starts_at``: since
    when it fires; ``ends_at``: since when it is resolved, while that is news."""

    rule_uid: str
    labels: dict[str, str]
    annotations: dict[str, str]
    state: State
    since: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    values: dict[str, float] = field(default_factory=dict)
    missing: int = 0

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the labels."""
        told = "\xff".join(f"{k}\xfe{v}" for k, v in sorted(self.labels.items()))
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()

    @property
    def firing(self) -> bool:
        """Alerting, or only just not any more."""
        return self.state in ("alerting", "recovering")


Instances = Mapping[str, Instance]
"""By fingerprint, of one rule."""


def advanced(
    rule: Rule, folder: str, before: Instances, found: Sequence[Result] | str, now: datetime
) -> dict[str, Instance]:
    """The instances after an evaluation. ``found``: its results, or what went wrong."""
    if isinstance(found, str):
        return _failed(rule, folder, before, found, now)
    results = list(found)
    if not results and rule.noDataState in ("NoData", "Alerting", "KeepLast"):
        return _without_data(rule, folder, before, now)
    after: dict[str, Instance] = {}
    for result in results:
        instance = _instance(rule, folder, dict(result.labels), result.values, now)
        known = before.get(instance.fingerprint)
        after[instance.fingerprint] = _moved(rule, instance, known, result.firing, now)
    for fingerprint, old in before.items():
        if fingerprint in after:
            continue
        gone = replace(old, missing=old.missing + 1)
        if gone.firing and gone.missing < rule.missing_series_evals_to_resolve:
            after[fingerprint] = gone
        elif gone.firing:
            after[fingerprint] = _resolved(gone, now)
        elif old.ends_at is not None:
            after[fingerprint] = old
    return after


def _moved(
    rule: Rule, new: Instance, known: Instance | None, firing: bool, now: datetime
) -> Instance:
    state: State = known.state if known else "normal"
    since = min(known.since, now) if known else now
    starts = known.starts_at if known else None
    if firing:
        if state in ("alerting", "recovering"):
            return replace(new, state="alerting", since=since, starts_at=starts)
        waited = now - (since if state == "pending" else now)
        if waited >= timedelta(seconds=seconds(rule.for_)):
            return replace(new, state="alerting", since=now, starts_at=now)
        return replace(new, state="pending", since=since if state == "pending" else now)
    if known is None or not known.firing:
        return replace(
            new,
            state="normal",
            since=since if state == "normal" else now,
            starts_at=starts,
            ends_at=known.ends_at if known else None,
        )
    keep = timedelta(seconds=seconds(rule.keepFiringFor))
    if state == "alerting" and keep:
        return replace(new, state="recovering", since=now, starts_at=starts)
    if state == "recovering" and now - since < keep:
        return replace(new, state="recovering", since=since, starts_at=starts)
    return _resolved(replace(new, starts_at=starts), now)


def _resolved(instance: Instance, now: datetime) -> Instance:
    return replace(instance, state="normal", since=now, ends_at=now, missing=0)


def _instance(
    rule: Rule, folder: str, found: dict[str, str], values: dict[str, float], now: datetime
) -> Instance:
    labels = {
        "alertname": rule.title,
        "grafana_folder": folder,
        **found,
        **{name: _told(text, found, values) for name, text in rule.labels.items()},
    }
    # It sends no label that is empty.
    labels = {name: value for name, value in labels.items() if value}
    # Every annotation may speak of the labels that the rule itself gives.
    annotations = {name: _told(text, labels, values) for name, text in rule.annotations.items()}
    return Instance(rule.uid, labels, annotations, "normal", now, values=values)


def _told(template: str, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    try:
        return render(template, labels, values)
    except TemplateError as error:
        # As Grafana does: an alert is not lost for a template.
        return f"{template} [{error}]"


def _without_data(rule: Rule, folder: str, before: Instances, now: datetime) -> dict[str, Instance]:
    if rule.noDataState == "KeepLast":
        return dict(before)
    return _special(rule, folder, before, "DatasourceNoData", {}, now)


def _failed(
    rule: Rule, folder: str, before: Instances, told: str, now: datetime
) -> dict[str, Instance]:
    if rule.execErrState in ("OK", "KeepLast"):
        return dict(before)
    return _special(rule, folder, before, "DatasourceError", {"Error": told[:1000]}, now)


def _special(
    rule: Rule,
    folder: str,
    before: Instances,
    name: str,
    annotations: dict[str, str],
    now: datetime,
) -> dict[str, Instance]:
    """What fired goes on doing so: nobody knows any better."""
    new = _instance(rule, folder, {}, {}, now)
    source = next(query for query in rule.data if query.relativeTimeRange is not None)
    labels = new.labels | {
        "alertname": name,
        "rulename": rule.title,
        "datasource_uid": source.datasourceUid,
        "ref_id": source.refId,
    }
    new = replace(new, labels=labels, annotations=new.annotations | annotations)
    kept = {key: each for key, each in before.items() if each.firing}
    known = before.get(new.fingerprint)
    return kept | {new.fingerprint: _moved(rule, new, known, True, now)}
