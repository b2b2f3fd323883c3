"""Enrich: what is behind an alert is looked up once, by workers of its own, and kept on disk.

No page waits for it longer than the budget, which begins when it is asked for: then the keeper
takes what is known so far, whatever the workers are waiting for. An enrichment that a stop
interrupts has left nothing, and is asked for again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from alerting.case import Case
from alerting.enrich.budget import Budget
from alerting.enrich.enrich import AWAY, Tools, enrich, unenriched
from alerting.notification import Alert
from alerting.own_alerts import is_own
from alerting.store.cases import Cases
from alerting.store.deliveries import Delivery
from alerting.telemetry import Telemetry

log = logging.getLogger(__name__)

#: Enrichments at once: one that hangs keeps none of the others waiting.
_WORKERS = 4
#: So long after ClickHouse did not answer, alerts go out without asking it.
_AWAY_SECONDS = 15.0
_STOP_SECONDS = 8.0


@dataclass(slots=True)
class _Asked:
    key: str
    alert: Alert
    budget: Budget
    so_far: Case
    begun: bool = False

    def learn(self, case: Case) -> None:
        self.so_far = case


class Enrichment:
    """``connect``: a ClickHouse client for one alert; ``done``: called when a case is there."""

    def __init__(
        self,
        cases: Cases,
        connect: Callable[[], Client],
        tools: Tools,
        telemetry: Telemetry,
        done: Callable[[], None],
    ) -> None:
        self._cases, self._connect, self._tools = cases, connect, tools
        self._telemetry, self._done = telemetry, done
        self._changed = threading.Condition()
        self._asked: dict[str, _Asked] = {}
        self._away, self._away_until = "", 0.0
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Work until `stop`."""
        workers = {f"enrich {number}": self._work for number in range(1, _WORKERS + 1)}
        for name, target in {"enrich in time": self._keep_time, **workers}.items():
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Leave what is not found yet."""
        with self._changed:
            self._stopping = True
            for asked in self._asked.values():
                asked.budget.cancel()
            self._changed.notify_all()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))

    def case_of(self, delivery: Delivery) -> Case | None:
        """None while it is being looked up: `done` says when to ask again."""
        alert, key = delivery.alert, delivery.case_key
        with self._changed:
            case = self._cases.get(key)
            if case is not None or key in self._asked or self._stopping:
                return case
            now = datetime.now(UTC)
            if is_own(alert):
                case = unenriched(alert, now, "")
                self._cases.put(key, case)
                return case
            if time.monotonic() < self._away_until:
                case = unenriched(alert, now, self._away)
                self._cases.put(key, case)
                return case
            budget = Budget(self._tools.settings.enrich_seconds)
            late = f"no answer within {budget.seconds:g} s"
            self._asked[key] = _Asked(key, alert, budget, unenriched(alert, now, late))
            self._changed.notify_all()
        return None

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            now = datetime.now(UTC)
            try:
                self._finish(
                    asked,
                    enrich(asked.alert, self._connect, self._tools, now, asked.budget, asked.learn),
                )
            except Exception:
                # The clock has it told with what is known.
                log.exception("what is behind an alert can't be looked up")

    def _next(self) -> _Asked | None:
        """The one that waits longest; None at the end."""
        with self._changed:
            while not self._stopping:
                for asked in self._asked.values():
                    if not asked.begun:
                        asked.begun = True
                        return asked
                self._changed.wait()
        return None

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                now = time.monotonic()
                late = [each for each in self._asked.values() if each.budget.ends_at <= now]
                if not late:
                    ends = [each.budget.ends_at for each in self._asked.values()]
                    self._changed.wait(timeout=min(ends) - now if ends else None)
            for asked in late:
                self._finish(asked, asked.so_far)

    def _finish(self, asked: _Asked, case: Case) -> None:
        """The first that has the case keeps it, be it the worker or the clock."""
        key = asked.key
        with self._changed:
            if self._stopping or self._asked.get(key) is not asked:
                return
            self._cases.put(key, case)
            del self._asked[key]
            late = asked.begun and asked.budget.over
            if case.unenriched and (late or case.unenriched.startswith(AWAY)):
                self._away = case.unenriched
                self._away_until = time.monotonic() + _AWAY_SECONDS
        began = asked.budget.ends_at - asked.budget.seconds
        self._telemetry.enrich_seconds.observe(time.monotonic() - began)
        self._done()
