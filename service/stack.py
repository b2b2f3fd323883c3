"""The services, put together once: `everyspan up` runs them all in one process, the other commands
one each.

With ``parts`` it stands on top: these alone of the room import the others, and only commands import
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings
from service.client import Client as Service
from service.parts import Alerting, AlertRules, Classify, Ingest, Part, ProjectKeys, Readers, Web
from service.serve import serve
from service.stack_metrics import StackMetrics
from service.stack_settings import UpSettings

if TYPE_CHECKING:
    from alerting.settings import AlertingSettings
    from classify.settings import ClassifySettings
    from ingest.settings import IngestSettings
    from web.settings import WebSettings


Connecting = Callable[[], Client]


class Stack:
    """``parts`` in one process, started in that order and stopped at once: there is one deadline
    for all, and none should wait for the slowest. ``sampled``: whether their metrics are stored,
    for the Monitor dashboard."""

    def __init__(
        self, settings: ClickHouseSettings, parts: Sequence[Part], *, sampled: bool = True
    ) -> None:
        self._parts = parts
        self.sites = [part.site for part in parts if part.site is not None]
        self._sampled = sampled
        self._metrics = StackMetrics(
            {part.name: part.registry for part in parts if part.registry is not None},
            lambda: connect(settings.dsn),
            settings.database,
        )

    async def run(self, ready: Callable[[dict[str, int]], None]) -> None:
        """Until a signal ends it. ``ready``: called once all listen, with name of site to port.

        Raises UserError where an address or the data directory can't be had.
        """

        def told(ports: dict[str, int]) -> None:
            for part in self._parts:
                part.ready(ports)
            ready(ports)

        await serve(self.sites, open=self._open, start=self._start, stop=self._stop, ready=told)

    async def _open(self) -> None:
        for part in self._parts:
            await part.open()

    async def _start(self) -> None:
        for part in self._parts:
            await part.start()
        if self._sampled:
            self._metrics.start()

    async def _stop(self) -> None:
        # The last sample first: a single part closes the engine when it stops.
        await asyncio.to_thread(self._metrics.stop)
        await _all(part.stop() for part in self._parts)
        await _all(part.close() for part in self._parts)


async def _all(ends: Iterable[Awaitable[None]]) -> None:
    """Every one is awaited, whatever becomes of the others. Raises what the first to fail did."""
    for outcome in await asyncio.gather(*ends, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def ingest_alone(settings: IngestSettings) -> Stack:
    """`everyspan ingest`."""
    keys = ProjectKeys(settings)
    return Stack(settings, [keys, Ingest(settings, keys=keys.ring)])


def classify_alone(settings: ClassifySettings) -> Stack:
    """`everyspan classify`."""
    keys = ProjectKeys(settings)
    return Stack(settings, [Classify(settings, keys=keys.ring), keys])


def alerting_alone(settings: AlertingSettings) -> Stack:
    """`everyspan alerting`. An embedded engine is for one process, and that is `everyspan up`."""
    if settings.embedded:
        return Stack(settings, [Alerting(settings)], sampled=False)
    keys = ProjectKeys(settings)
    return Stack(settings, [keys, Alerting(settings, keys=keys.ring)])


def web_alone(
    settings: WebSettings,
    readers: UpSettings,
    classify: ClassifySettings,
    alerting: AlertingSettings,
    connecting: Connecting,
) -> Stack:
    """`everyspan web`. It only reads, so its own metrics are not stored."""
    return Stack(settings, [Web(settings, readers, classify, alerting, connecting)], sampled=False)


def page_url(web: WebSettings) -> str:
    """Where a browser on this machine finds the page."""
    return Service(
        "web", web.host, web.web_port, web.web_token, "", certificate=web.tls_certificate
    ).address


def whole(
    settings: UpSettings,
    ingest: IngestSettings,
    classify: ClassifySettings,
    alerting: AlertingSettings,
    web: WebSettings,
) -> Stack:
    """`everyspan up`. ClickHouse's port and the rules come along with the embedded engine."""
    if not alerting.web_url:
        alerting = alerting.model_copy(update={"web_url": page_url(web)})
    keys = ProjectKeys(settings)
    judging = Classify(classify, settings.classify_shards, keys.ring)
    engine: list[Part] = []
    if settings.embedded:
        engine.append(Readers(settings, keys.ring))
        if settings.grafana_evaluate:
            engine.append(AlertRules(settings, alerting))
    beside = [part.registry for part in (judging, *engine) if part.registry is not None]
    return Stack(
        settings,
        [
            Ingest(ingest, beside, lambda: judging.degraded, keys.ring),
            judging,
            keys,
            Alerting(alerting, lambda: connect(settings.dsn), keys.ring),
            Web(web, settings, classify, alerting, keys=keys.ring),
            *engine,
        ],
    )
