"""Each service as a part of a process: what it is made of, where it listens, how it starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clickhouse_connect.driver.client import Client
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_delay,
    wait_fixed,
)

from clickhouse.connection import DsnError, StorageUnavailableError, connect, served_dsn
from clickhouse.migrate import migrate
from clickhouse.projects.keyring import StoredKeyring
from clickhouse.settings import ClickHouseSettings
from service.client import Client as Service
from service.health import Degraded
from service.http_protocol import ConnectionLimits
from service.keys import Who
from service.serve import Site
from service.stack_settings import UpSettings
from service.tls import tls_of

if TYPE_CHECKING:  # each is loaded where it runs
    from alerting.settings import AlertingSettings
    from classify.settings import ClassifySettings
    from ingest.settings import IngestSettings
    from web.settings import WebSettings

log = logging.getLogger(__name__)

_OPEN_SECONDS = 120
_ONE_PAGE_EACH = (
    "this page reads a ClickHouse server as a user who sees all projects, so it takes no project's"
    " key; start `everyspan web` for each project, with the project's ClickHouse user in"
    " EVERYSPAN_CLICKHOUSE_DSN (docs/projects.md)"
)


class Part:
    """One service, or what goes along with some. ``registry``: what it counts. ``site``: where it
    listens."""

    name = ""
    registry: CollectorRegistry | None = None
    site: Site | None = None

    async def open(self) -> None:
        """Wait for what must be there before anything starts."""

    async def start(self) -> None:
        """Begin. ``stop`` follows in any case."""

    def ready(self, ports: dict[str, int]) -> None:
        """Every site listens: its name to its port. What listens besides is added."""

    async def stop(self) -> None:
        """Finish what is in progress."""

    async def close(self) -> None:
        """Once all have stopped."""


class ProjectKeys(Part):
    """The keys of projects, which the other parts are given. It is there before they ask, or soon
    after: the storage may not be yet."""

    name = "keys"

    def __init__(self, settings: ClickHouseSettings) -> None:
        self.ring = StoredKeyring(lambda: connect(settings.dsn), settings.database)

    async def start(self) -> None:
        self.ring.start()

    async def stop(self) -> None:
        await asyncio.to_thread(self.ring.stop)


class Ingest(Part):
    """OTLP over HTTP and gRPC, and from Kafka where brokers are set. ``keys``: of projects.
    ``beside``: metrics of others in the process, which its /metrics serves too. ``degraded``: what
    of them does not work, while spans are taken all the same."""

    name = "ingest"

    def __init__(
        self,
        settings: IngestSettings,
        beside: Sequence[CollectorRegistry] = (),
        degraded: Degraded = tuple,
        keys: StoredKeyring | None = None,
    ) -> None:
        from ingest.app import create_app
        from ingest.grpc_server import GrpcServer
        from ingest.receiver import Receiver

        self._receiver = Receiver(settings, keys)
        self._kafka = None
        if settings.kafka_brokers:
            from ingest.kafka.kafka_input import KafkaInput

            self._kafka = KafkaInput(self._receiver)
        reads_kafka = self._kafka
        self._serves_grpc = settings.otlp_grpc_port != 0
        self._grpc = GrpcServer(self._receiver, settings.host, settings.otlp_grpc_port)
        self.registry = self._receiver.telemetry.registry
        self.site = Site(
            "OTLP/HTTP",
            create_app(
                self._receiver,
                beside,
                lambda: [*degraded(), *(reads_kafka.degraded if reads_kafka else ())],
            ),
            settings.host,
            settings.otlp_http_port,
            "EVERYSPAN_OTLP_HTTP_PORT",
            _connection_limits(settings),
            tls_of(settings),
        )

    async def start(self) -> None:
        await self._receiver.start()
        if self._serves_grpc:
            await self._grpc.start()
        if self._kafka is not None:
            self._kafka.start()

    def ready(self, ports: dict[str, int]) -> None:
        if self._serves_grpc:
            ports["OTLP/gRPC"] = self._grpc.port

    async def stop(self) -> None:
        if self._kafka is not None:
            await self._kafka.stop()
        await self._grpc.stop()

    async def close(self) -> None:
        # It has the engine open for the others, too: opened again, one takes a second to close.
        await self._receiver.stop()


class Classify(Part):
    """Judging, with experiments and data sets, which need the engine that it has open.
    ``workers``: each takes its share of the traces; else this one takes what the settings say.
    ``keys``: of projects, which are made and revoked here."""

    name = "classify"

    def __init__(
        self,
        settings: ClassifySettings,
        workers: int | None = None,
        keys: StoredKeyring | None = None,
    ) -> None:
        from classify.reviews.api import router as reviews
        from classify.service import ClassifyService, create_app
        from classify.telemetry import Telemetry
        from clickhouse.projects.api import router as projects
        from experiments.api import router as experiments
        from experiments.datasets.api import router as datasets
        from experiments.watch import Watch

        self._settings = settings
        telemetry = Telemetry()
        shares = (
            [settings.classify_shard]
            if workers is None
            else [f"{index}/{workers}" for index in range(workers)]
        )
        self._services = [
            ClassifyService(
                settings.model_copy(update={"classify_shard": share}),
                self._connect,
                telemetry=telemetry,
            )
            for share in shares
        ]
        self._watch = Watch(
            self._connect, settings.database, settings.experiment_watch_seconds, settings.cluster
        )
        app = create_app(self._services[0], keys, keys.audit if keys else None)
        app.include_router(experiments(self._connect, settings.database, settings.cluster))
        app.include_router(datasets(settings, self._connect))
        app.include_router(reviews(self._connect, settings.database))
        app.include_router(projects(self._connect, settings.database, _noting(keys)))
        self.registry = telemetry.registry
        self.site = Site(
            "classify", app, settings.host, settings.classify_port, "EVERYSPAN_CLASSIFY_PORT"
        )

    @property
    def degraded(self) -> list[str]:
        """What can't judge, why, and what to do."""
        return list(dict.fromkeys(told for each in self._services for told in each.degraded))

    async def open(self) -> None:
        """Bring the schema up to date. Beside a server that starts at the same time, it comes when
        it comes; a directory that another process holds will not come free by waiting."""
        opening = AsyncRetrying(
            retry=retry_if_exception(_may_come),
            wait=wait_fixed(2),
            stop=stop_after_delay(0 if self._settings.embedded else _OPEN_SECONDS),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        )
        await opening(asyncio.to_thread, self._migrate)

    async def start(self) -> None:
        for service in self._services:
            await asyncio.to_thread(service.start)
        self._watch.start()

    async def stop(self) -> None:
        stops = [self._watch.stop, *(service.stop for service in self._services)]
        await asyncio.gather(*(asyncio.to_thread(stop) for stop in stops))

    def _connect(self) -> Client:
        return connect(self._settings.dsn)

    def _migrate(self) -> None:
        client = self._connect()
        migrate(client, self._settings)
        client.close()


class Alerting(Part):
    """Grafana's webhook. ``connecting``: a client for one alert, where the engine is in this
    process. ``keys``: of projects. It starts and stops with its application."""

    name = "alerting"

    def __init__(
        self,
        settings: AlertingSettings,
        connecting: Callable[[], Client] | None = None,
        keys: StoredKeyring | None = None,
    ) -> None:
        from alerting.app import create_app

        app = create_app(settings, connecting, keys, keys.audit if keys else None)
        self.registry = app.state.registry
        self.site = Site(
            "alerting", app, settings.host, settings.alerting_port, "EVERYSPAN_ALERTING_PORT"
        )


class Readers(Part):
    """ClickHouse's HTTP interface on the embedded engine, in a process of its own."""

    name = "clickhouse"

    def __init__(self, settings: UpSettings, keys: StoredKeyring | None = None) -> None:
        from clickhouse.connection import embedded_engine
        from clickhouse.embedded_http.process import ReaderProcess

        readers = ReaderProcess(
            embedded_engine(settings.dsn),
            database=settings.database,
            user=settings.clickhouse_user,
            password=settings.clickhouse_password.get_secret_value(),
            allowed_hosts=settings.host_names,
            lag_seconds=settings.clickhouse_lag_seconds,
            key_used=keys.use if keys is not None else None,
        )
        self.registry = readers.metrics.registry
        self.site = Site(
            "ClickHouse HTTP",
            readers,
            settings.clickhouse_host,
            settings.clickhouse_port,
            "EVERYSPAN_CLICKHOUSE_PORT",
        )


class Web(Part):
    """The page. ``classify``, ``alerting``: whose ports and tokens it calls. ``connecting``: a
    client that reads; None for ClickHouse's port of this process."""

    name = "web"

    def __init__(
        self,
        settings: WebSettings,
        readers: UpSettings,
        classify: ClassifySettings,
        alerting: AlertingSettings,
        connecting: Callable[[], Client] | None = None,
        keys: StoredKeyring | None = None,
    ) -> None:
        from web.app import create_app
        from web.key import key

        #: Opened with it, the page takes answers.
        self.key = key(settings)
        self._readers = readers
        self._port = 0
        app = create_app(
            settings,
            _operators(connecting) if connecting else self._connect,
            _called(
                "classify",
                settings.web_classify_url,
                (classify.host, classify.classify_port),
                classify.classify_token,
            ),
            _called(
                "alerting",
                settings.web_alerting_url,
                (alerting.host, alerting.alerting_port),
                alerting.alerting_token,
            ),
            self.key,
            keys,
        )
        self.registry = app.state.registry
        self.site = Site(
            "web", app, settings.host, settings.web_port, "EVERYSPAN_WEB_PORT", tls=tls_of(settings)
        )

    def ready(self, ports: dict[str, int]) -> None:
        self._port = ports.get("ClickHouse HTTP", 0)

    def _connect(self, who: Who) -> Client:
        settings = self._readers
        if not settings.embedded:
            if who.key is not None:
                raise _one_page_each()
            return connect(settings.dsn)
        if not self._port:
            raise StorageUnavailableError("the stack is starting; try again in a moment")
        return connect(
            served_dsn(
                settings.clickhouse_host,
                self._port,
                settings.clickhouse_user,
                # The port asks the key what may be read, and not the page.
                who.secret or settings.clickhouse_password.get_secret_value(),
            )
        )


def _noting(keys: StoredKeyring | None) -> Callable[[Who, str], None]:
    """What notes acts; nothing does where there is no table of them."""
    return keys.audit if keys is not None else lambda *_: None


def _operators(connecting: Callable[[], Client]) -> Callable[[Who], Client]:
    """Of a client that reads all projects."""

    def connected(who: Who) -> Client:
        if who.key is not None:
            raise _one_page_each()
        return connecting()

    return connected


def _one_page_each() -> Exception:
    from web.reader import NotReadError

    return NotReadError(_ONE_PAGE_EACH)


def _called(service: str, url: str, here: tuple[str, int], token: SecretStr) -> Service:
    """A client of another service: at ``url``, else ``here``."""
    host, port = here
    if url:
        parts = urlsplit(url)
        host, port = parts.hostname or host, parts.port or port
    return Service(
        service,
        host,
        port,
        token,
        f"start it, or set EVERYSPAN_WEB_{service.upper()}_URL",
        seconds=15,
    )


class AlertRules(Part):
    """Grafana's alert rules without a Grafana; the webhook is our own. Raises RulesError: a file
    that can't be read should end the start, not the first evaluation."""

    def __init__(self, settings: UpSettings, alerting: AlertingSettings) -> None:
        from grafana.evaluation.evaluator import Evaluator, read_rules

        self._settings, self._alerting = settings, alerting
        self._rules = read_rules(settings.grafana_rules)
        self._evaluator: Evaluator | None = None

    def ready(self, ports: dict[str, int]) -> None:
        from grafana.evaluation.evaluator import Evaluator

        settings, alerting = self._settings, self._alerting
        self._evaluator = Evaluator(
            self._rules,
            self._connect,
            Service(
                "alerting",
                alerting.host,
                ports["alerting"],
                alerting.alerting_token,
                "trying again",
                seconds=10,
            ),
            settings.data / "grafana" / "evaluation.json",
            secret=alerting.grafana_webhook_secret.get_secret_value(),
            grafana_url=alerting.grafana_url,
            every=settings.grafana_evaluate_seconds,
            patient=not settings.grafana_evaluate_seconds,
        )
        self._evaluator.start()

    async def stop(self) -> None:
        if self._evaluator is not None:
            await asyncio.to_thread(self._evaluator.stop)

    def _connect(self) -> Client:
        client = connect(self._settings.dsn)
        client.database = self._settings.database
        return client


def _may_come(error: BaseException) -> bool:
    return isinstance(error, StorageUnavailableError) and not isinstance(error, DsnError)


def _connection_limits(settings: IngestSettings) -> ConnectionLimits:
    """Of the OTLP/HTTP port."""
    return ConnectionLimits(
        connections=settings.max_connections,
        header_seconds=settings.header_seconds,
        stall_seconds=settings.body_seconds / 3,
        body_seconds=settings.body_seconds,
        # The application refuses a body that is too large, and says how to send it.
        body_bytes=settings.max_body_bytes + (1 << 20),
        # OTLP's senders do not try again after 408, and their spans are not at fault.
        slow_status=HTTPStatus.SERVICE_UNAVAILABLE,
    )
