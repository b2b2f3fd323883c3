"""A rule that can't be evaluated is no finding of that rule: what Grafana's DatasourceError and
DatasourceNoData say, and which of them have one cause.

They carry the rule's own labels and headline, without its values: told as they come, a restart of
ClickHouse reads as "data leakage in [no value] traces". Here they are rules that fail; watch.py
tells of them, once for each cause, as alerts of the stack.
https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/stale-alert-instances/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerting.message import SEVERITIES, severity
from alerting.notification import Alert

_KINDS = {"DatasourceError": "error", "DatasourceNoData": "no data", "NoData": "no data"}
#: The cause of all that can't reach the database, whatever the words of the driver are.
AWAY = "away"
#: What Go's net package, clickhouse-go and our own client say of a server that is not there.
_UNREACHABLE = re.compile(
    r"(?i)connection (?:refused|reset|closed|aborted|error)|broken pipe|\beof\b|i/o timeout"
    r"|no such host|no route to host|network is unreachable|deadline exceeded|timed? ?out"
    r"|bad connection|server closed|unexpected packet|clickhouse is away|can't be reached"
    r"|remote end closed|max retries exceeded|service unavailable|bad gateway|name resolution"
    # A server that has no place for a rule's query, or is being started again.
    r"|too many simultaneous queries|http 50[234]"
)
#: What is said of a failure of which nobody says why.
_NO_WORDS = "no reason given"
_VARYING = re.compile(r"[0-9a-f]{8,}|\d+|'[^']{0,200}'|\"[^\"]{0,200}\"|\s+", re.IGNORECASE)
_MOST_ERROR = 200
_MOST_RULES = 30


@dataclass(frozen=True, slots=True)
class Failing:
    """A rule that fails. ``cause``: the same for those that fail for one; ``severity``: one lower
    than the rule's; ``since``: ms since 1970."""

    fingerprint: str
    rule: str
    cause: str
    error: str
    severity: str
    since: int

    @property
    def says_why(self) -> bool:
        """Whether Grafana does."""
        return self.error != _NO_WORDS


def failing_of(alert: Alert) -> Failing | None:
    """None for an alert that says something of its own."""
    labels, name = alert.labels, alert.labels.get("alertname", "")
    what = _KINDS.get(name)
    if what is None or not ("rulename" in labels or "datasource_uid" in labels):
        return None
    rule = labels.get("rulename") or alert.rule_uid or "?"
    told = " ".join((alert.annotations.get("Error") or alert.annotations.get("error", "")).split())
    error = told[:_MOST_ERROR] or (_NO_WORDS if what == "error" else what)
    if what == "error" and (not told or _UNREACHABLE.search(told)):
        # Grafana 9 says why in the first notification of a failure alone, and a first one that is
        # late (many are sent at once while ClickHouse is away) is without words, too.
        cause = AWAY
    elif what == "error":
        cause = _VARYING.sub(" ", error.lower())
    else:
        # No rows are found where there are none: nothing that two rules have in common.
        cause = f"no data of {rule}"
    since = int(alert.starts_at.timestamp() * 1000) if alert.says_since else 0
    return Failing(alert.key, rule, cause, error, lower(severity(labels)), since)


def lower(of: str) -> str:
    """One severity less: that nobody knows is less than that something is wrong."""
    return SEVERITIES[min(SEVERITIES.index(of) + 1, len(SEVERITIES) - 1)]


def summary(rules: Sequence[Failing], at: int) -> str:
    """One line of those that fail for one cause. ``at``: since when, ms since 1970."""
    names = sorted({each.rule for each in rules})
    which = f"rule {names[0]}" if len(names) == 1 else f"{len(names)} rules"
    why = next((each for each in rules if each.says_why), rules[0]).error
    return f"Everyspan can't evaluate {which} since {clock(at)}: {why}"


def description(rules: Sequence[Failing]) -> str:
    """Which they are, and what follows from it."""
    names = sorted({each.rule for each in rules})
    more = f" and {len(names) - _MOST_RULES} more" if len(names) > _MOST_RULES else ""
    return (
        f"Nobody is told of what they watch for until then: {', '.join(names[:_MOST_RULES])}{more}."
        " See the rule's last evaluation in Grafana, and whether its data source answers."
    )


def highest(rules: Sequence[Failing]) -> str:
    """The highest severity among them."""
    return min((each.severity for each in rules), key=SEVERITIES.index)


def clock(at: int) -> str:
    """'12:00 UTC'."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M} UTC"
