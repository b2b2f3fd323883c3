"""The service's watch over itself: what it finds is told as an alert of its own."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from alerting.clickhouse_watch import ClickHouseWatch
from alerting.notification import Alert
from alerting.own_alerts import own_alert
from alerting.queues import Queue, Queues
from alerting.routing import UNROUTED, Routes
from alerting.settings import AlertingSettings
from alerting.stages.record import hear
from alerting.store.file import now_ms
from alerting.store.store import Store
from alerting.telemetry import Telemetry
from alerting.unevaluated import AWAY, Failing, clock, description, highest, summary

log = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0


class Watch:
    """``told``: called when somebody is to be told of something."""

    def __init__(
        self,
        store: Store,
        routes: Routes,
        queues: Queues,
        clickhouse: ClickHouseWatch,
        settings: AlertingSettings,
        telemetry: Telemetry,
        told: Callable[[], None],
    ) -> None:
        self._store, self._routes, self._queues = store, routes, queues
        self._clickhouse, self._settings = clickhouse, settings
        self._telemetry, self._told = telemetry, told
        self._next = 0.0
        self._began = now_ms()

    def look(self) -> bool:
        """If it is time; False, since there is never more to do at once."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _EVERY_SECONDS
        for queue in self._queues.look():
            self._tell_of(queue)
        self._tell_of_clickhouse()
        self._tell_of_rules()
        self._tell_of_ends()
        return False

    def _tell_of(self, queue: Queue) -> None:
        waits = time.time() - queue.waits_since / 1000 if queue.waits_since else 0.0
        self._telemetry.waiting.labels(queue.name).set(max(0.0, waits))
        self._telemetry.stalled.labels(queue.name).set(bool(queue.trouble))
        alert = None
        if queue.trouble:
            summary = f"Alerts do not go out: {queue.trouble}"[:500]
            alert = own_alert(
                f"queue-{queue.name}", "alerts_stuck", summary, _REMEDY, _at(queue.waits_since)
            )
        others = [n for n in self._routes.destinations if n not in (queue.name, UNROUTED)]
        self._say(f"queue-{queue.name}", alert, others)

    def _tell_of_clickhouse(self) -> None:
        seen, alert = self._clickhouse.seen, None
        away = now_ms() - seen.away_since if seen.away_since else 0
        if away >= 1000 * self._settings.alert_clickhouse_away_seconds:
            rules = [each for each, _ in self._store.failing_rules.all() if each.cause == AWAY]
            alert = own_alert(
                _CLICKHOUSE,
                "clickhouse_away",
                f"ClickHouse is away since {clock(seen.away_since)}, Everyspan can't evaluate any"
                f" rule: {seen.error}"[:500],
                description(rules) if rules else _UNTIL_THEN,
                _at(seen.away_since),
            )
        elif seen.away_since or not seen.known:
            # It may be the one that is open already, over a restart of this service.
            return
        self._say(_CLICKHOUSE, alert)

    def _tell_of_rules(self) -> None:
        """One alert for each cause. What fails since ClickHouse is away, or was until just now, is
        a part of that one."""
        now, seen = now_ms(), self._clickhouse.seen
        just_back = seen.back_at and now - seen.back_at < _SETTLING_MS
        by_cause: dict[str, list[Failing]] = {}
        heard: dict[str, int] = {}
        for each, heard_at in self._store.failing_rules.all():
            # Whether it is away is known once it was asked since: an answer that comes later may be
            # to a question from before.
            asked = seen.asked_at > heard_at and not seen.away_since and not just_back
            if each.cause != AWAY or asked:
                by_cause.setdefault(each.cause, []).append(each)
                heard.setdefault(each.cause, heard_at)
        found: dict[str, Alert] = {}
        for cause, rules in by_cause.items():
            key = _key(cause)
            since = min(each.since for each in rules)
            # What was heard before this service was started may be over.
            heard_at = max(heard[cause], self._began)
            if now - heard_at >= 1000 * self._settings.alert_unevaluated_seconds:
                found[key] = own_alert(
                    key,
                    "rules_not_evaluated",
                    summary(rules, since),
                    description(rules),
                    _at(since),
                    severity=highest(rules),
                )
        for alert in self._store.alerts.firing_of("own-rules-"):
            found.setdefault(alert.fingerprint.removeprefix("own-"), alert)
        lasting = set(map(_key, by_cause))
        for key, alert in found.items():
            self._say(key, alert if key in lasting else None)

    def _tell_of_ends(self) -> None:
        """Of what had fired before its rule failed, and did not fire again since the rule is
        evaluated again."""
        held = self._store.held_resolutions
        now, blind = now_ms(), self._store.failing_rules.names()
        for alert, evaluated_at in held.all():
            if alert.labels.get("alertname") in blind or self._clickhouse.seen.away_since:
                if evaluated_at:
                    held.evaluated(alert.key, 0)
            elif not evaluated_at:
                held.evaluated(alert.key, now)
            elif now - evaluated_at >= 1000 * self._settings.alert_settle_seconds:
                self._hear(alert)

    def _say(self, key: str, alert: Alert | None, to: Sequence[str] | None = None) -> None:
        """``alert``: what is the matter, None where nothing is (any more). ``to``: names of
        destinations, by default those of the routes."""
        known = self._store.alerts.one(f"own-{key}"[:64])
        fires = known is not None and known.status == "firing"
        if alert is not None and not fires:
            log.error("%s", alert.annotations["summary"])
        elif alert is None and known is not None and fires:
            log.info("over: %s", known.annotations.get("summary", key))
            ended = {"status": "resolved", "ends_at": datetime.now(UTC)}
            alert = known.model_copy(update=ended)
        else:
            return
        self._hear(alert, to)

    def _hear(self, alert: Alert, to: Sequence[str] | None = None) -> None:
        destinations = self._routes.of(alert.labels) if to is None else to
        if hear(self._store, [(alert, destinations)]):
            self._told()


def _key(cause: str) -> str:
    return f"rules-{hashlib.sha256(cause.encode()).hexdigest()[:24]}"


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


_CLICKHOUSE = "clickhouse"
#: Grafana says so much later that a rule is evaluated again: its interval and the group's.
_SETTLING_MS = 600_000
_UNTIL_THEN = "Nobody is told of what the rules watch for until it is back."
_REMEDY = (
    "See `everyspan alerts --status pending` and the log of the alerting service. What waits is"
    " told once it moves again; `everyspan alerts resend` tries at once."
)
