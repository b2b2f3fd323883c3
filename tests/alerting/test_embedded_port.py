"""An alerting service of its own asks the embedded engine's port, stricter than a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from alerting.enrich.budget import Budget
from alerting.enrich.enrich import Tools, enrich
from alerting.notification import read_notification
from alerting.settings import AlertingSettings
from clickhouse.connection import connect
from tests.alerting.test_webhook import notification
from tests.everyspan_up import Up


def test_what_is_looked_up_is_taken_by_the_embedded_port(up: Up, tmp_path: Path) -> None:
    settings = AlertingSettings(data=tmp_path)
    (alert,) = read_notification(json.dumps(notification()).encode()).whole

    def client() -> Client:
        return connect(f"http://127.0.0.1:{up.ports['clickhouse']}")

    case = enrich(alert, client, Tools.of(settings), datetime.now(UTC), Budget(60))
    assert "max_execution_time" not in case.unenriched
    assert not case.unenriched
    assert not case.missing
