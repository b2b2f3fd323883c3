"""What /healthz, /readyz and /metrics say, the same for every service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Ready = Callable[[], Awaitable[str]]
"""Why the service is not ready; '' when it is."""

Degraded = Callable[[], Sequence[str]]
"""What does not work while the service does: a sentence each."""

#: The process is alive.
ALIVE = "ok\n"
#: Prometheus text format.
METRICS_TYPE = CONTENT_TYPE_LATEST


def readiness(
    reason: str, degraded: Sequence[str] = (), *, may_see: bool = True
) -> tuple[HTTPStatus, str]:
    """200, or 503 with the reason for those who may know it; a line more for each thing that is
    degraded. ``reason``: '' when ready."""
    told = f": {reason}" if may_see else ""
    lines = [f"not ready{told}" if reason else "ok"]
    lines += [f"degraded: {each}" for each in degraded] if may_see else []
    status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
    return status, "\n".join(lines) + "\n"


def metrics(registries: Sequence[CollectorRegistry]) -> bytes:
    """What is counted, one registry after the other."""
    return b"".join(generate_latest(registry) for registry in registries)
