"""From recorded notifications to told destinations: take → enrich → render → send, in threads.

One thread makes deliveries of notifications; one for each destination sends them, so that one that
hangs keeps none of the others waiting. All state is in the outbox: a stop at any point goes on
where it was.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

from alerting.case import Case
from alerting.destinations.registry import CHANNELS
from alerting.destinations.sending import AwayError, RefusedError
from alerting.enrich.enrich import Tools, enrich
from alerting.enrich.find import window_of
from alerting.message import Message
from alerting.notification import Alert, BodyError
from alerting.outbox import LONGEST_SECONDS, Delivery, Outbox, fold_key
from alerting.routing import Routes
from alerting.settings import AlertingSettings
from alerting.telemetry import Telemetry

log = logging.getLogger(__name__)

#: So many deliveries due at once for one destination become one message.
FOLD_FROM = 20
_KEPT_CASES = 500
_SETTLE_SECONDS = 30.0
_DAY_MS = 86_400_000
_AWAY_SECONDS = 15.0
_wait = wait_exponential(multiplier=1, max=600) + wait_random(0, 1)


class Pipeline:
    """``connect``: a ClickHouse client for one alert's enrichment."""

    def __init__(
        self,
        settings: AlertingSettings,
        routes: Routes,
        tools: Tools,
        connect: Callable[[], Client],
        telemetry: Telemetry,
        outbox: Outbox,
    ) -> None:
        self._settings, self._routes, self._tools = settings, routes, tools
        self._connect, self._telemetry, self.outbox = connect, telemetry, outbox
        self._stopping = threading.Event()
        self._new = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._cases: OrderedDict[str, Case] = OrderedDict()
        self._enriching = threading.Lock()
        self._away: Case | None = None
        self._away_until = self._settle_at = self._forget_at = 0.0

    def start(self) -> None:
        """Work until `stop`."""
        names = {"alerts": self._take_all} | {
            f"alerts to {name}": self._sender(name) for name in self._routes.destinations
        }
        for name, work in names.items():
            thread = threading.Thread(target=self._loop, args=(work,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is being sent."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=self._settings.enrich_seconds + 15)

    def wake(self) -> None:
        """A notification has come: do not wait for the clock."""
        with self._new:
            self._new.notify_all()

    def _loop(self, work: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            try:
                worked = work()
            except Exception:
                log.exception("alerts: trying again")
                worked = False
            if not worked:
                with self._new:
                    if not self._stopping.is_set():
                        self._new.wait(timeout=1.0)

    def _take_all(self) -> bool:
        now = time.monotonic()
        if now >= self._settle_at:
            self._settle_at = now + _SETTLE_SECONDS
            self.outbox.settle()
            for status, count in self.outbox.counts().items():
                self._telemetry.deliveries.labels(status).set(count)
        if now >= self._forget_at:
            self._forget_at = now + 3600
            days = self._settings.retention_days
            self.outbox.forget(time.time_ns() // 1_000_000 - days * _DAY_MS)
        received = self.outbox.unprocessed()
        for each in received:
            try:
                alerts = each.notification.alerts
            except BodyError as error:
                log.error("notification %s can't be read, it is set aside: %s", each.id, error)
                alerts = []
            routed = [(alert, self._routes.of(alert.labels)) for alert in alerts]
            try:
                self.outbox.take(each, routed)
            except sqlite3.Error:
                raise
            except Exception:
                # Something that nobody thought of must not keep all others from being told.
                log.exception("notification %d is set aside; its body stays in the spool", each.id)
                self.outbox.take(each, [])
        if received:
            self.wake()
        return bool(received)

    def _sender(self, name: str) -> Callable[[], bool]:
        config = self._routes.destinations[name]
        last = 0.0

        def send_due() -> bool:
            nonlocal last
            due = self.outbox.due(name)
            if not due:
                return False
            for batch in self._batches(due):
                if self._stopping.wait(max(0.0, last + config.every_seconds - time.monotonic())):
                    return False
                self._send(config, batch)
                last = time.monotonic()
            return True

        return send_due

    def _batches(self, due: list[Delivery]) -> list[list[Delivery]]:
        """What makes one message each: the triggers of a burst, and the ends of what was told as
        one, once the last of it has ended. Ends of what was never told are told to nobody."""
        triggers = [d for d in due if d.event == "trigger"]
        ends = [d for d in due if d.event == "resolve"]
        found = [triggers] if len(triggers) >= FOLD_FROM else [[d] for d in triggers]
        folds = self.outbox.folds(ends)
        quiet: list[Delivery] = []
        together: dict[str, list[Delivery]] = {}
        for each in ends:
            key, others = folds.get(each.id, ("", False))
            if others or not self.outbox.was_told(each):
                quiet.append(each)
            else:
                together.setdefault(key or each.dedup_key, []).append(each)
        if quiet:
            self.outbox.need_no_telling(quiet)
        found += together.values()
        found += [[d] for d in due if d.event not in ("trigger", "resolve")]
        return sorted(found, key=lambda batch: batch[0].id)

    def _send(self, config: Any, batch: list[Delivery]) -> None:
        began = time.monotonic()
        try:
            CHANNELS[config.type].send(config, self._message(batch))
        except RefusedError as error:
            log.error("%s refuses alert %s: %s", batch[0].destination, batch[0].id, error)
            self.outbox.failed(batch, str(error), None)
            outcome = "refused"
        except AwayError as error:
            outcome = "away"
            self._later(batch, str(error), error.retry_after)
        except Exception as error:
            # A template or a body that nobody thought of: the alert is kept, and seen.
            log.exception("alert %s can't be sent", batch[0].id)
            self.outbox.failed(batch, f"{type(error).__name__}: {error}", None)
            outcome = "error"
        else:
            self.outbox.sent(batch)
            outcome = "sent"
        self._telemetry.sent.labels(batch[0].destination, outcome).inc()
        self._telemetry.send_seconds.observe(time.monotonic() - began)

    def _later(self, batch: list[Delivery], error: str, retry_after: float | None) -> None:
        first = batch[0]
        age = time.time() - first.created_at / 1000
        if age > self._settings.alert_give_up_seconds:
            log.error("%s: alert %s is given up: %s", first.destination, first.id, error)
            self.outbox.failed(batch, error, None)
            return
        state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = first.attempts + 1
        delay = min(max(_wait(state), retry_after or 0.0), LONGEST_SECONDS)
        self.outbox.failed(batch, error, int((time.time() + delay) * 1000))

    def _message(self, batch: list[Delivery]) -> Message:
        first = batch[0]
        alert = first.alert
        if len(batch) > 1 and first.event != "resolve":
            return self._fold(batch)
        key = first.dedup_key
        if first.event in ("resolve", "acknowledge"):
            key, _ = self.outbox.folds([first]).get(first.id, (key, False))
        lasted = alert.ends_at - alert.starts_at if alert.ends_at else None
        return Message(
            first.event,
            key,
            alert.labels,
            alert.annotations,
            alert.starts_at,
            self._case(alert),
            dict(alert.values or {}),
            first.repeats,
            count=len(batch),
            image=alert.image_url,
            lasted=max(lasted, timedelta()) if first.event == "resolve" and lasted else None,
        )

    def _fold(self, batch: list[Delivery]) -> Message:
        first = batch[0]
        names = Counter(
            f"{d.alert.labels.get('classifier') or d.alert.labels.get('alertname', 'alert')}"
            f" {d.alert.labels.get('service', '')}".strip()
            for d in batch
        )
        common = {
            name: value
            for name, value in first.alert.labels.items()
            if all(d.alert.labels.get(name) == value for d in batch)
        }
        return Message(
            first.event,
            fold_key(first.destination, first.id),
            common,
            {},
            min(d.alert.starts_at for d in batch),
            self._case(first.alert),
            count=len(batch),
            folded=tuple(names.most_common(20)),
        )

    def _case(self, alert: Alert) -> Case:
        key = repr(alert.state)
        with self._enriching:
            if key not in self._cases:
                if self._away is not None and time.monotonic() < self._away_until:
                    labels = alert.labels
                    return replace(
                        self._away,
                        service=labels.get("service", ""),
                        environment=labels.get("environment", ""),
                        classifier=labels.get("classifier", ""),
                        kind=labels.get("kind", ""),
                        window=window_of(alert, datetime.now(UTC)),
                    )
                began = time.monotonic()
                case = enrich(alert, self._connect, self._tools, datetime.now(UTC))
                self._telemetry.enrich_seconds.observe(time.monotonic() - began)
                if case.unenriched:
                    # ClickHouse may be back later; a burst does not wait for it each time.
                    if time.monotonic() - began > 1 or "ClickHouse is away" in case.unenriched:
                        self._away, self._away_until = case, time.monotonic() + _AWAY_SECONDS
                    return case
                self._cases[key] = case
                while len(self._cases) > _KEPT_CASES:
                    self._cases.popitem(last=False)
            return self._cases[key]
