"""Which alerts go together to whom, and when: the notification policy."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from grafana.evaluation.provisioning import MuteTime, Policy, Route, TimeInterval, seconds
from service.pattern import pattern

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january february march april may june july august september october november december".split()
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where an alert goes. Times in seconds; ``key``: of the route, for the group key."""

    receiver: str
    key: str
    group_by: tuple[str, ...]
    group_wait: float
    group_interval: float
    repeat_interval: float
    muted_by: tuple[str, ...]

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """What all alerts of the group have in common; '...' groups by all labels."""
        if "..." in self.group_by:
            return dict(labels)
        return {name: labels[name] for name in self.group_by if name in labels}

    def group_key(self, labels: Mapping[str, str]) -> str:
        """As Alertmanager writes it: the route, then the labels."""
        told = ", ".join(f'{k}="{v}"' for k, v in sorted(self.group_labels(labels).items()))
        return f"{self.key}:{{{told}}}"


def targets(policy: Policy, labels: Mapping[str, str]) -> list[Target]:
    """The deepest routes that match, the first of them unless it says to continue."""
    root = Target("", "", ("grafana_folder", "alertname"), 30.0, 300.0, 14_400.0, ())
    return _targets(policy, labels, root, "{}")


def _targets(route: Route, labels: Mapping[str, str], above: Target, key: str) -> list[Target]:
    def time(told: str | None, inherited: float) -> float:
        return seconds(told) if told else inherited

    mine = Target(
        route.receiver or above.receiver,
        key,
        tuple(route.group_by) or above.group_by,
        time(route.group_wait, above.group_wait),
        time(route.group_interval, above.group_interval),
        time(route.repeat_interval, above.repeat_interval),
        tuple(route.mute_time_intervals),
    )
    found: list[Target] = []
    for child in route.routes:
        if not all(_matches(labels, *matcher) for matcher in child.object_matchers):
            continue
        told = ",".join(f'{name}{sign}"{value}"' for name, sign, value in child.object_matchers)
        found += _targets(child, labels, mine, f"{key}/{{{told}}}")
        if not child.continue_:
            break
    return found or [mine]


def _matches(labels: Mapping[str, str], name: str, sign: str, value: str) -> bool:
    there = labels.get(name, "")
    if sign in ("=", "!="):
        return (there == value) == (sign == "=")
    return pattern(value).fullmatch(there) == (sign == "=~")


def muted(target: Target, times: Sequence[MuteTime], now: datetime) -> bool:
    """Whether one of the target's mute timings holds now."""
    return any(
        _within(interval, now)
        for mute in times
        if mute.name in target.muted_by
        for interval in mute.time_intervals
    )


def _within(interval: TimeInterval, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(interval.location))
    clock = f"{local:%H:%M}"
    last = calendar.monthrange(local.year, local.month)[1]
    return (
        (not interval.times or any(t.start_time <= clock < t.end_time for t in interval.times))
        and _in_ranges(interval.weekdays, local.weekday(), _DAYS, 0)
        and _in_ranges(interval.months, local.month, _MONTHS, 1)
        and _in_ranges(interval.years, local.year, (), 0)
        and _in_days(interval.days_of_month, local.day, last)
    )


def _in_ranges(ranges: Sequence[str], value: int, names: Sequence[str], first: int) -> bool:
    """``ranges``: 'monday:friday' or '3:5' or one of either."""

    def number(text: str) -> int:
        return names.index(text.lower()) + first if text.lower() in names else int(text)

    return not ranges or any(
        number(each.partition(":")[0]) <= value <= number(each.rpartition(":")[2])
        for each in ranges
    )


def _in_days(ranges: Sequence[str], day: int, last: int) -> bool:
    """Negative days count from the end of the month."""

    def number(text: str) -> int:
        return int(text) if int(text) > 0 else last + 1 + int(text)

    return not ranges or any(
        number(each.partition(":")[0]) <= day <= number(each.rpartition(":")[2]) for each in ranges
    )
