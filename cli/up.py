"""``everyspan up``: ingest, classify and alerting in one process, on embedded ClickHouse."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from clickhouse_connect.driver.client import Client

from alerting.app import create_app as create_alerting
from alerting.settings import AlertingSettings
from classify.service import ClassifyService
from classify.service import create_app as create_classify
from classify.settings import ClassifySettings
from classify.telemetry import Telemetry
from cli.console import console, plain_errors, read_settings
from cli.options import (
    AlertingPort,
    ClassifyPort,
    ClickHousePort,
    Data,
    Dsn,
    GrpcPort,
    Host,
    HttpPort,
    RetentionDays,
)
from cli.services import connection_limits
from cli.up_settings import UpSettings
from clickhouse.connection import connect, embedded_engine, redacted
from clickhouse.migrate import migrate
from experiments.api import router as experiments
from experiments.datasets.api import router as datasets
from experiments.watch import Watch
from grafana.evaluation.evaluator import Evaluator, read_rules
from ingest.app import create_app as create_ingest
from ingest.grpc_server import GrpcServer
from ingest.receiver import Receiver
from ingest.settings import IngestSettings
from service.log import log_to_stderr
from service.serve import Site, serve
from service.stack_metrics import StackMetrics

if TYPE_CHECKING:
    from clickhouse.embedded_http.process import ReaderProcess


def up(
    data: Data = None,
    host: Host = None,
    otlp_http_port: HttpPort = None,
    otlp_grpc_port: GrpcPort = None,
    clickhouse_port: ClickHousePort = None,
    alerting_port: AlertingPort = None,
    classify_port: ClassifyPort = None,
    clickhouse_host: Annotated[
        str | None,
        typer.Option(
            "--clickhouse-host",
            envvar="EVERYSPAN_CLICKHOUSE_HOST",
            help="Address of the ClickHouse HTTP port; anything but loopback needs a password.",
        ),
    ] = None,
    clickhouse_dsn: Dsn = None,
    retention_days: RetentionDays = None,
) -> None:
    """Run everything in one process. Ends on Ctrl-C or SIGTERM."""
    given: dict[str, Any] = {
        "data": data,
        "host": host,
        "otlp_http_port": otlp_http_port,
        "otlp_grpc_port": otlp_grpc_port,
        "clickhouse_port": clickhouse_port,
        "clickhouse_host": clickhouse_host,
        "alerting_port": alerting_port,
        "classify_port": classify_port,
        "clickhouse_dsn": clickhouse_dsn,
        "retention_days": retention_days,
    }
    settings = read_settings(UpSettings, **given)
    parts = (
        read_settings(IngestSettings, **given),
        read_settings(ClassifySettings, **given),
        read_settings(AlertingSettings, **given),
    )
    log_to_stderr()
    with plain_errors():
        asyncio.run(_House(settings, *parts).run())


class _House:
    """The services that share this process and its engine."""

    def __init__(
        self,
        settings: UpSettings,
        ingest: IngestSettings,
        classify: ClassifySettings,
        alerting: AlertingSettings,
    ) -> None:
        self._settings = settings
        self._ingest = ingest
        self._alerting = alerting
        # A file that can't be read should end the start, not the first evaluation.
        evaluate = settings.embedded and settings.grafana_evaluate
        self._rules = read_rules(settings.grafana_rules) if evaluate else None
        self._evaluator: Evaluator | None = None
        self._receiver = Receiver(ingest)
        self._grpc = GrpcServer(self._receiver, ingest.host, ingest.otlp_grpc_port)
        telemetry = Telemetry()
        count = settings.classify_shards
        self._classify = [
            ClassifyService(
                classify.model_copy(update={"classify_shard": f"{index}/{count}"}),
                lambda: connect(settings.dsn),
                telemetry=telemetry,
            )
            for index in range(count)
        ]
        alerts = create_alerting(alerting, lambda: connect(settings.dsn))
        judging = create_classify(self._classify[0])
        judging.include_router(
            experiments(lambda: connect(settings.dsn), settings.database, settings.cluster)
        )
        judging.include_router(datasets(settings, lambda: connect(settings.dsn)))
        registries = {
            "ingest": self._receiver.telemetry.registry,
            "classify": telemetry.registry,
            "alerting": alerts.state.registry,
        }
        exposed = [telemetry.registry]
        self._readers = self._clickhouse_readers() if settings.embedded else None
        if self._readers is not None:
            registries["clickhouse"] = self._readers.metrics.registry
            exposed.append(self._readers.metrics.registry)
        self._metrics = StackMetrics(
            registries,
            lambda: connect(settings.dsn),
            settings.database,
        )
        self._watch = Watch(
            lambda: connect(settings.dsn),
            settings.database,
            classify.experiment_watch_seconds,
            settings.cluster,
        )
        self._sites = [
            Site(
                "OTLP/HTTP",
                create_ingest(self._receiver, exposed, self._degraded),
                ingest.host,
                ingest.otlp_http_port,
                "EVERYSPAN_OTLP_HTTP_PORT",
                connection_limits(ingest),
            ),
            Site(
                "classify",
                judging,
                classify.host,
                classify.classify_port,
                "EVERYSPAN_CLASSIFY_PORT",
            ),
            Site(
                "alerting",
                alerts,
                alerting.host,
                alerting.alerting_port,
                "EVERYSPAN_ALERTING_PORT",
            ),
        ]
        if settings.embedded:
            self._sites.append(self._clickhouse())

    def _clickhouse_readers(self) -> ReaderProcess:
        from clickhouse.embedded_http.process import ReaderProcess

        settings = self._settings
        return ReaderProcess(
            embedded_engine(settings.dsn),
            database=settings.database,
            user=settings.clickhouse_user,
            password=settings.clickhouse_password.get_secret_value(),
            allowed_hosts=settings.host_names,
        )

    async def run(self) -> None:
        """Raises AddressInUseError, PortInUseError, and what opening the data directory raises."""
        await serve(self._sites, start=self._start, stop=self._stop, ready=self._ready)

    async def _start(self) -> None:
        if self._settings.embedded:
            # A directory that another process holds will not come free by waiting.
            client = await asyncio.to_thread(connect, self._settings.dsn)
            await asyncio.to_thread(migrate, client, self._settings)
            client.close()
        await self._receiver.start()
        if self._ingest.otlp_grpc_port:
            await self._grpc.start()
        for service in self._classify:
            await asyncio.to_thread(service.start)
        self._metrics.start()
        self._watch.start()

    def _degraded(self) -> list[str]:
        """What does not work while spans are taken."""
        return list(dict.fromkeys(told for each in self._classify for told in each.degraded))

    def _evaluate(self, port: int) -> None:
        """Alert rules without a Grafana; the webhook is our own, on ``port``."""
        settings, alerting = self._settings, self._alerting
        assert self._rules is not None

        def connected() -> Client:
            client = connect(settings.dsn)
            client.database = settings.database
            return client

        host = f"[{alerting.host}]" if ":" in alerting.host else alerting.host
        self._evaluator = Evaluator(
            self._rules,
            connected,
            f"http://{_reachable(host)}:{port}/v1/grafana",
            settings.data / "grafana" / "evaluation.json",
            secret=alerting.grafana_webhook_secret.get_secret_value(),
            token=alerting.alerting_token.get_secret_value(),
            grafana_url=alerting.grafana_url,
            every=settings.grafana_evaluate_seconds,
            patient=not settings.grafana_evaluate_seconds,
        )
        self._evaluator.start()

    async def _stop(self) -> None:
        companions = [self._watch.stop, self._metrics.stop]
        if self._evaluator is not None:
            companions.append(self._evaluator.stop)
        companions += [service.stop for service in self._classify]
        # At once: there is one deadline for all, and no one should wait for the slowest.
        await asyncio.gather(self._grpc.stop(), *(asyncio.to_thread(stop) for stop in companions))
        await self._receiver.stop()

    def _clickhouse(self) -> Site:
        settings = self._settings
        assert self._readers is not None
        return Site(
            "ClickHouse HTTP",
            self._readers,
            settings.clickhouse_host,
            settings.clickhouse_port,
            "EVERYSPAN_CLICKHOUSE_PORT",
        )

    def _ready(self, ports: dict[str, int]) -> None:
        host = self._ingest.host
        if self._rules is not None:
            self._evaluate(ports["alerting"])
        lines = [f"OTLP/HTTP        http://{host}:{ports['OTLP/HTTP']}"]
        if self._ingest.otlp_grpc_port:
            lines.append(f"OTLP/gRPC        {host}:{self._grpc.port}")
        if "ClickHouse HTTP" in ports:
            lines.append(
                f"ClickHouse HTTP  http://{self._settings.clickhouse_host}:"
                f"{ports['ClickHouse HTTP']}  (read-only)"
            )
        lines.append(f"classify         http://{host}:{ports['classify']}")
        lines.append(f"alerting         http://{host}:{ports['alerting']}")
        if self._rules is not None:
            lines.append(f"alert rules      {self._settings.grafana_rules} (no Grafana)")
        lines.append(f"data             {redacted(self._settings.dsn)}")
        console.print("everyspan is up")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True)


def _reachable(host: str) -> str:
    """An address to call where one listens on all of them."""
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
