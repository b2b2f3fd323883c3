"""Group: deliveries of one destination that make one message, and the incident that it is about.

Twenty triggers at once are told as one, and what has one cause where two begin together: drift of
several classifiers or services is a model, a prompt or a provider. What was told as one has one key
from then on, and ends as one when the last of it has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerting.case import Case
from alerting.message import SEVERITIES, Message, severity
from alerting.notification import Alert
from alerting.store.deliveries import Deliveries, Delivery
from alerting.whose import whose

#: So many triggers due at once for one destination become one message.
GROUP_FROM = 20
#: So many that began together and have one cause do.
TOGETHER_FROM = 2
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Group:
    """``key``: its incident's dedup key; ``told_with``: the group that its alerts were told with
    before, None for each by itself. All deliveries are of the same event."""

    key: str
    deliveries: tuple[Delivery, ...]
    told_with: int | None = None

    @property
    def first(self) -> Delivery:
        """Stands for all."""
        return self.deliveries[0]

    @property
    def leading(self) -> Delivery:
        """The first of the most severe: what is looked up, and shown, of a burst."""
        return min(self.deliveries, key=lambda each: SEVERITIES.index(severity(each.alert.labels)))

    @property
    def alert(self) -> Alert:
        """Of the leading one."""
        return self.leading.alert

    def message(self, case: Case) -> Message:
        """``case``: of the leading one."""
        return self._burst(case) if self._is_burst else self._single(case)

    @property
    def _is_burst(self) -> bool:
        return len(self.deliveries) > 1 and self.first.event != "resolve"

    def _single(self, case: Case) -> Message:
        alert, event = self.alert, self.first.event
        lasted = alert.lasted if event == "resolve" else None
        return Message(
            event,
            self.key,
            alert.labels,
            alert.annotations,
            self._since(alert),
            case,
            dict(alert.values or {}),
            self.first.repeats,
            count=len(self.deliveries),
            image=alert.image_url,
            lasted=lasted,
            left_out=alert.left_out,
        )

    def _since(self, alert: Alert) -> datetime:
        """When it was heard of, where it does not say since when it fires."""
        heard = datetime.fromtimestamp(self.first.created_at / 1000, UTC)
        return alert.starts_at if alert.says_since else heard

    def _burst(self, case: Case) -> Message:
        alerts = [each.alert for each in self.deliveries]
        names = Counter(
            f"{a.labels.get('classifier') or a.labels.get('alertname', 'alert')}"
            f" {a.labels.get('service', '')}".strip()
            for a in alerts
        )
        common = {
            name: value
            for name, value in self.alert.labels.items()
            if all(a.labels.get(name) == value for a in alerts)
        }
        # The worst of them is what the page is about.
        common["severity"] = severity(self.alert.labels)
        return Message(
            self.first.event,
            self.key,
            common,
            {},
            min(map(self._since, alerts)),
            case,
            count=len(alerts),
            folded=tuple(names.most_common(_MOST_NAMES)),
            left_out=sum(a.left_out for a in alerts),
        )


def group(deliveries: Deliveries, due: Sequence[Delivery]) -> list[Group]:
    """``due``: of one destination, oldest first, as the groups are."""
    triggers = tuple(each for each in due if each.event == "trigger")
    if len(triggers) >= GROUP_FROM:
        # Never of two projects: what one is told quotes nothing of another.
        projects: dict[str | None, list[Delivery]] = {}
        for each in triggers:
            projects.setdefault(whose(each.alert.labels), []).append(each)
        found = [_folded(tuple(own)) for own in projects.values()]
    else:
        causes: dict[str, list[Delivery]] = {}
        for each in triggers:
            causes.setdefault(each.cause or f"itself {each.id}", []).append(each)
        found = [
            _folded(tuple(began))
            if len(began) >= TOGETHER_FROM
            else Group(began[0].dedup_key, tuple(began))
            for began in causes.values()
        ]
    ends: dict[tuple[str, str], Group] = {}
    for each in due:
        if each.event == "trigger":
            continue
        if each.event == "flapping":
            found.append(Group(each.dedup_key, (each,)))
            continue
        # What was told as one is reminded of, and ends, as one.
        known = deliveries.told_with(each)
        key = each.dedup_key if known is None else _key(each.destination, known)
        if each.event == "acknowledge":
            found.append(Group(key, (each,), known))
        else:
            others = ends[each.event, key].deliveries if (each.event, key) in ends else ()
            ends[each.event, key] = Group(key, (*others, each), known)
    return sorted([*found, *ends.values()], key=lambda each: each.first.id)


def _folded(triggers: tuple[Delivery, ...]) -> Group:
    return Group(_key(triggers[0].destination, triggers[0].id), triggers)


def _key(destination: str, first: int) -> str:
    return f"everyspan-fold-{destination}-{first}"[:255]
