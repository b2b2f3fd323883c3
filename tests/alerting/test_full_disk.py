"""Nowhere to write to: a notification is not taken, and its sender tries again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.alerting.test_webhook import notification, service
from tests.everyspan_up import Up
from tests.full_disk import small_disk


def post(alerting: Up, title: str) -> int:
    body = json.dumps(notification(title=title, message="x" * 100_000)).encode()
    answer = alerting.request("POST", "/v1/grafana", body, {"content-type": "application/json"})
    return answer.status


def test_a_full_disk_is_503_until_it_is_freed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 48) as disk, service(disk.path / "data") as alerting:
        assert alerting.request("GET", "/readyz").status == 200
        assert post(alerting, "before") == 202
        disk.fill(leaving=8 << 20)
        nearly = alerting.request("GET", "/readyz")
        assert nearly.status == 503
        assert b"free the disk" in nearly.body
        # There is still room for this one.
        assert post(alerting, "nearly") == 202
        disk.fill()
        statuses = [post(alerting, f"full {number}") for number in range(40)]
        assert 503 in statuses
        assert set(statuses) <= {202, 503}
        disk.empty()
        assert alerting.request("GET", "/readyz").status == 200
        assert post(alerting, "after") == 202
