"""The alerting service in this process, on a socket, with destinations on sockets."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from clickhouse_connect.driver.client import Client

from alerting.app import create_app
from alerting.settings import AlertingSettings
from tests.alerting.pipelines import away
from tests.alerting.stand_in import StandIn
from tests.everyspan_up import free_ports

KEY = "0123456789abcdef0123456789abcdef"
Ask = Callable[..., tuple[int, Any]]


@contextmanager
def served(
    data: Path,
    routes: str = "",
    connect: Callable[[], Client] = away,
    **settings: Any,
) -> Iterator[Ask]:
    """``routes``: TOML; ''  for the log alone. Gives a function ask(method, path, document) that
    answers status and JSON, or text where it is none."""
    data.mkdir(parents=True, exist_ok=True)
    file = ""
    if routes:
        path = data / "routes.toml"
        path.write_text(routes)
        file = str(path)
    port = free_ports()["alerting"]
    settings = {"alert_clickhouse_away_seconds": 3600} | settings
    config = AlertingSettings(data=data, alert_routes=file, alerting_port=port, **settings)
    app = create_app(config, connect)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="on")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.02)

    def ask(method: str, path: str, document: object = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = document if isinstance(document, bytes) else json.dumps(document or {}).encode()
        headers = {"content-type": "application/json"} if method != "GET" else {}
        connection.request(method, path, None if method == "GET" else body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    try:
        yield ask
    finally:
        server.should_exit = True
        thread.join(timeout=60)


def pagerduty_routes(server: StandIn, **more: str) -> str:
    """All to one PagerDuty. ``more``: destination names to TOML of theirs, told as well."""
    names = ["oncall", *more]
    return (
        f'[destinations.oncall]\ntype = "pagerduty"\nrouting_key = "{KEY}"\nurl = "{server.url}"\n'
        + "".join(f"[destinations.{name}]\n{text}\n" for name, text in more.items())
        + f"[[routes]]\ndestinations = {json.dumps(names)}\n"
    )


def events(server: StandIn) -> list[str]:
    """What PagerDuty was told, in order."""
    return [body["event_action"] for body in server.taken]


def tell(ask: Ask, *posts: Mapping[str, Any]) -> None:
    """As Grafana does."""
    for each in posts:
        status, answer = ask("POST", "/v1/grafana", each)
        assert status == 202, answer
