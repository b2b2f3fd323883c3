"""Grafana's webhook. First byte: whether the body is signed, how, and which headers come along.

The pipeline behind it works on what was recorded; a stack trace in its log is a broken promise.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from alerting.app import create_app
from alerting.settings import AlertingSettings
from alerting.signature import sign
from clickhouse.connection import StorageUnavailableError
from tests.fuzz.targets import BrokenPromise
from tests.fuzz.targets.served import Complaints

_SECRET = "a secret that only Grafana knows"
_OK = frozenset({202, 400, 401, 413, 415})

_ALERT = {
    "status": "firing",
    "labels": {"alertname": "a", "service": "shop", "classifier": "hallucination"},
    "annotations": {"summary": "12 %"},
    "startsAt": "2026-11-24T01:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "f1",
    "values": {"B": 0.12},
}
_BODY = {
    "receiver": "everyspan",
    "status": "firing",
    "alerts": [_ALERT],
    "groupKey": "{}",
    "truncatedAlerts": 0,
}

WORDS = [
    f'"{word}"'.encode()
    for word in (
        "receiver status alerts labels annotations startsAt endsAt generatorURL fingerprint"
        " silenceURL dashboardURL panelURL imageURL values valueString groupLabels commonLabels"
        " externalURL groupKey truncatedAlerts orgId title message firing resolved alertname"
        " service environment classifier kind severity window_seconds threshold summary"
        " 2026-11-24T01:00:00Z 0001-01-01T00:00:00Z 9999-12-31T23:59:59Z"
    ).split()
] + [b"null", b"NaN", b"1e999", b"-1", b"{}", b"[]"]
SEEDS = [
    bytes([flags]) + json.dumps(_BODY | change).encode()
    for flags, change in (
        (1, {}),
        (3, {}),
        (0, {}),
        (5, {"alerts": [_ALERT | {"status": "resolved", "endsAt": "2026-11-24T02:00:00Z"}]}),
        (1, {"alerts": [_ALERT | {"labels": {}, "fingerprint": ""}]}),
        (9, {"alerts": [_ALERT] * 30}),
    )
]


class _Service:
    """The application on an event loop of its own, as a server would call it."""

    def __init__(self) -> None:
        self.complaints = Complaints()
        folder = tempfile.mkdtemp(prefix="fuzz-webhook-")
        routes = Path(folder, "routes.toml")
        # A port where nobody listens: what is to be told is rendered, and stays.
        routes.write_text(
            "".join(
                f'[destinations.{name}]\ntype = "{name}"\nurl = "http://127.0.0.1:9/x"\n{more}\n'
                for name, more in (
                    ("slack", ""),
                    ("teams", ""),
                    ("opsgenie", 'api_key = "k"'),
                    ("pagerduty", 'routing_key = "0123456789abcdef0123456789abcdef"'),
                    ("webhook", ""),
                )
            )
            + '[[routes]]\ndestinations = ["slack", "teams", "opsgenie", "pagerduty", "webhook"]\n'
        )
        settings = AlertingSettings(
            data=Path(folder),
            grafana_webhook_secret=SecretStr(_SECRET),
            alert_routes=str(routes),
            alerting_max_body_bytes=1 << 16,
            enrich_seconds=1,
        )
        self.app = create_app(settings, _away)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        import logging

        logging.getLogger().addHandler(self.complaints)
        self._lifespan = self.app.router.lifespan_context(self.app)
        self.call(self._lifespan.__aenter__())

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def post(self, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
        status: list[int] = []
        parts = [
            {"type": "http.request", "body": body, "more_body": False},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return parts.pop(0) if parts else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/grafana",
            "raw_path": b"/v1/grafana",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        self.call(self.app(scope, receive, send))
        return status[0]


def _away() -> Any:
    raise StorageUnavailableError("ClickHouse is away")


@cache
def _service() -> _Service:
    return _Service()


def check(data: bytes) -> None:
    """Raises BrokenPromise."""
    if not data:
        return
    flags, body = data[0], data[1:]
    stamp = str(int(time.time())) if flags & 2 else ""
    signature = sign(_SECRET, body, stamp)
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    if flags & 1:
        headers.append((b"x-grafana-alerting-signature", signature.encode()))
    elif flags & 64:
        # Bytes of the body as a signature.
        headers.append((b"x-grafana-alerting-signature", body[:64].replace(b"\n", b"")))
    if flags & 2:
        headers.append((b"x-grafana-alerting-timestamp", stamp.encode()))
    elif flags & 128:
        headers.append((b"x-grafana-alerting-timestamp", body[:12].replace(b"\n", b"")))
    service = _service()
    status = service.post(headers, body)
    if status not in _OK:
        raise BrokenPromise(f"status {status}")
    if status == 202 and not flags & 1:
        raise BrokenPromise("a body was recorded that nobody signed")
    service.complaints.check()
