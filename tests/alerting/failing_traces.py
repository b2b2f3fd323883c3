"""Traces that fail for an alert to be about: an agent of seven steps whose fourth is the answer."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from alerting.enrich.enrich import Tools, enrich
from alerting.notification import Alert
from alerting.settings import AlertingSettings
from clickhouse.connection import connect
from clickhouse.span import Span
from grafana.replay_command import ENTRY_ATTRIBUTE

NOW = datetime.now(UTC)
SECOND = 10**9


def revision(folder: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def trace(number: int, minutes: float, failing: bool, agent: Path) -> list[Span]:
    """Seven steps; the fourth is the answer. Failing ones run prompt version v8."""
    start = int((NOW - timedelta(minutes=minutes)).timestamp() * SECOND)
    kinds = ["agent", "retrieval", "prompt", "llm", "tool", "llm", "parser"]
    spans = []
    for i, kind in enumerate(kinds):
        code: dict[str, Any] = {}
        if i == 0:
            code = {
                "code_file": "/app/agent.py",
                "code_line": 12,
                "code_function": "answer",
                "code_revision": revision(agent),
                "code_repository": "git@github.com:shop/agent.git",
            }
        spans.append(
            Span(
                f"{number:032x}",
                f"{i + 1:016x}",
                parent_span_id="" if i == 0 else f"{1:016x}",
                name="answer" if i == 3 else f"step {i + 1}",
                step_kind=kind,
                service_name="shop",
                environment="production",
                service_version="1.0",
                session_id=f"s{number}",
                user_id=f"u{number % 5}",
                start_time=start + i * SECOND,
                duration_ms=900,
                model="gpt-4.1" if kind == "llm" else "",
                prompt_version=("v8" if failing else "v7") if kind == "llm" else "",
                cost_usd=0.01 if kind == "llm" else None,
                resource_attributes={ENTRY_ATTRIBUTE: "agent:answer"} if i == 3 else {},
                documents=["Returns within 30 days."] if kind == "retrieval" else [],
                status="error" if kind == "tool" and failing else "ok",
                error_type="TimeoutError" if kind == "tool" and failing else "",
                **code,
            )
        )
    return spans


def alert(**labels: str) -> Alert:
    told = {
        "alertname": "hallucination fails too often",
        "service": "shop",
        "environment": "production",
        "classifier": "hallucination",
        "kind": "fail_rate",
        "severity": "error",
        **labels,
    }
    return Alert.model_validate(
        {
            "status": "firing",
            "labels": {k: v for k, v in told.items() if v},
            "annotations": {"window_seconds": "3600", "summary": "fails"},
            "startsAt": (NOW - timedelta(minutes=2)).isoformat(),
            "fingerprint": "c0ffee",
            "panelURL": "https://grafana.example/d/x?viewPanel=1",
        }
    )


def found(store: tuple[str, AlertingSettings, Client], **labels: str) -> Any:
    dsn, settings, _ = store
    return enrich(alert(**labels), lambda: connect(dsn), Tools.of(settings), NOW)
