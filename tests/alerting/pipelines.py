"""The pipeline in this process: its store, its destinations on sockets, and a ClickHouse that does
what the test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from alerting.clickhouse_watch import NoServerError
from alerting.enrich.enrich import Tools
from alerting.notification import read_notification
from alerting.pipeline import Pipeline
from alerting.routing import read_routes
from alerting.settings import AlertingSettings
from alerting.spool import Spool
from alerting.store.file import now_ms
from alerting.store.store import Store
from alerting.telemetry import Telemetry
from tests.alerting.stand_in import StandIn
from tests.alerting.test_webhook import notification


def away() -> Client:
    """A ClickHouse that nobody reaches."""
    raise ConnectionError("refused")


def no_server() -> Client:
    """None to watch."""
    raise NoServerError("none here")


@contextmanager
def pipeline(
    data: Path,
    destinations: Mapping[str, StandIn],
    connect: Callable[[], Client] = away,
    **settings: Any,
) -> Iterator[Store]:
    """Tells every alert to all ``destinations``, as webhooks; the store it works on."""
    routes = data / "routes.toml"
    routes.write_text(
        "".join(
            f'[destinations.{name}]\ntype = "webhook"\nurl = "{server.url}"\n'
            for name, server in destinations.items()
        )
        + f"[[routes]]\ndestinations = {json.dumps(list(destinations))}\n"
    )
    # None of these tests is about a ClickHouse that is away for long, and some take as long.
    settings = {"alert_clickhouse_away_seconds": 3600} | settings
    config = AlertingSettings(data=data, alert_routes=str(routes), **settings)
    store = Store(config.spool)
    # ``connect`` counts what enrichment asks: nothing else asks by it.
    made = Pipeline(
        config, read_routes(str(routes)), Tools.of(config), connect, Telemetry(), store, no_server
    )
    made.start()
    try:
        yield store
    finally:
        made.stop()
        store.close()


def alert(fingerprint: str, **changes: Any) -> dict[str, Any]:
    """As Grafana sends it, firing unless ``changes`` say otherwise."""
    (found,) = notification()["alerts"]
    return {**found, "fingerprint": fingerprint, **changes}


def tell(store: Store, *alerts: dict[str, Any]) -> None:
    """As the webhook does, before its 202."""
    body = json.dumps(notification(alerts=list(alerts))).encode()
    spool = Spool(Path(store.file.path))
    read = read_notification(body)
    spool.add(read.content_key, body, now_ms(), read.group)
    spool.close()
