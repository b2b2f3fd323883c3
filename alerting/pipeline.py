"""The way of an alert, with the stages named as Alertmanager names them.

    receive   app.py             Grafana's notification, on disk before it is answered
    route     routing.py         to which destinations
    record    stages/record.py   what each destination knows of it, and what is new to it:
                                 alert_state.py; stages/mute.py: is it silenced?
      = a delivery for each destination, on disk with the notification's mark, in one transaction
    group     stages/group.py    deliveries that make one message
    dedup     stages/dedup.py    does the destination have to know?
    enrich    stages/enrich.py   what is behind it: once for all destinations, on disk
    retry     stages/retry.py    render, send, note what became of it

One thread makes deliveries; one for each destination tells them, so that one that hangs keeps none
of the others waiting; enrichment has workers of its own. All state is in the store: a stop at any
point goes on where it was.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from alerting.clickhouse_watch import ClickHouseWatch
from alerting.enrich.enrich import Tools, bare
from alerting.notification import BodyError
from alerting.queues import NOTIFICATIONS, Queues
from alerting.routing import Routes
from alerting.settings import AlertingSettings
from alerting.stages.dedup import dedup
from alerting.stages.enrich import Enrichment
from alerting.stages.group import group
from alerting.stages.record import record, release
from alerting.stages.retry import Retry
from alerting.store.file import now_ms
from alerting.store.store import Store
from alerting.telemetry import Telemetry
from alerting.watch import Watch

log = logging.getLogger(__name__)

_RELEASE_SECONDS = 30.0
_FORGET_SECONDS = 3600.0
#: How soon what is forgotten and has ended is deleted.
_ERASE_SECONDS = 60.0
_DAY_MS = 86_400_000


class Pipeline:
    """``connect``: a ClickHouse client for one alert's enrichment; ``watched``: for the watch on
    it, by default the same."""

    def __init__(
        self,
        settings: AlertingSettings,
        routes: Routes,
        tools: Tools,
        connect: Callable[[], Client],
        telemetry: Telemetry,
        store: Store,
        watched: Callable[[], Client] | None = None,
    ) -> None:
        self._settings, self._routes, self._telemetry = settings, routes, telemetry
        self.store = store
        self._enrichment = Enrichment(store.cases, connect, tools, telemetry, self.wake)
        self._stopping = threading.Event()
        self._new = threading.Condition()
        self._woken = 0
        self._threads: list[threading.Thread] = []
        self._release_at = self._forget_at = self._erase_at = 0.0
        self.queues = Queues(store, routes.destinations, settings.alert_stalled_seconds)
        self._clickhouse = ClickHouseWatch(watched or connect)
        self._watch = Watch(
            store, routes, self.queues, self._clickhouse, settings, telemetry, self.wake
        )

    def start(self) -> None:
        """Work until `stop`."""
        self._enrichment.start()
        names = {
            "alerts": self._record_all,
            "alerting's watch": self._watch.look,
            "watch of ClickHouse": self._clickhouse.look,
        } | {f"alerts to {name}": self._teller(name) for name in self._routes.destinations}
        for name, work in names.items():
            thread = threading.Thread(target=self._loop, args=(work,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is being sent."""
        self._stopping.set()
        self.wake()
        self._enrichment.stop()
        for thread in self._threads:
            thread.join(timeout=self._settings.enrich_seconds + 15)
        self._clickhouse.close()

    def wake(self) -> None:
        """There is something to do: do not wait for the clock."""
        with self._new:
            self._woken += 1
            self._new.notify_all()

    def _loop(self, work: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            woken = self._woken
            try:
                worked = work()
            except Exception:
                log.exception("alerts: trying again")
                worked = False
            if not worked:
                with self._new:
                    if not self._stopping.is_set() and self._woken == woken:
                        self._new.wait(timeout=1.0)

    def _record_all(self) -> bool:
        self._tidy()
        received = self.store.notifications.unprocessed()
        for each in received:
            try:
                alerts = each.notification.whole
            except BodyError as error:
                log.error("notification %s can't be read, it is set aside: %s", each.id, error)
                alerts = []
            try:
                routed = [(a, self._routes.of(a.labels)) for a in alerts]
                record(
                    self.store,
                    each,
                    routed,
                    1000 * self._settings.alert_remind_seconds,
                    1000 * self._settings.alert_gather_seconds,
                )
            except sqlite3.Error:
                raise
            except Exception:
                # Something that nobody thought of must not keep all others from being told.
                log.exception("notification %d is set aside; its body stays in the spool", each.id)
                record(self.store, each, [])
        self.queues.moved(NOTIFICATIONS)
        if received:
            self.wake()
        return bool(received)

    def _tidy(self) -> None:
        now = time.monotonic()
        if now >= self._release_at:
            self._release_at = now + _RELEASE_SECONDS
            if release(self.store):
                self.wake()
            for status, count in self.store.deliveries.counts().items():
                self._telemetry.deliveries.labels(status).set(count)
        if now >= self._erase_at:
            self._erase_at = now + _ERASE_SECONDS
            self.store.forgotten.again()
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_SECONDS
            self.store.forget(now_ms() - self._settings.retention_days * _DAY_MS)

    def _teller(self, name: str) -> Callable[[], bool]:
        config, deliveries = self._routes.destinations[name], self.store.deliveries
        give_up = self._settings.alert_give_up_seconds
        retry = Retry(config, deliveries, self._telemetry, give_up)
        last = 0.0

        def tell_due() -> bool:
            nonlocal last
            worked = waits = False
            retry.note()
            for each in dedup(deliveries, group(deliveries, deliveries.due(name))):
                try:
                    case = self._enrichment.case_of(each.leading)
                except sqlite3.Error:
                    raise
                except Exception as error:
                    # It goes out without; what can't be sent so is dead by itself.
                    log.exception("alert %d goes out unenriched", each.leading.id)
                    case = bare(each.alert, f"{type(error).__name__}: {error}")
                if case is None:
                    waits = True
                    continue
                if self._stopping.wait(max(0.0, last + config.every_seconds - time.monotonic())):
                    return False
                retry.send(each, case)
                self.queues.moved(name)
                last, worked = time.monotonic(), True
            if not waits:
                self.queues.moved(name)
            return worked

        return tell_due
