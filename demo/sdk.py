"""The SDK and the OpenTelemetry API, which the agent needs and the server does not."""

from __future__ import annotations

try:
    import everyspan
    from opentelemetry import trace
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("everyspan", "opentelemetry"):
        raise
    raise ModuleNotFoundError(
        "the demo agent needs the SDK, which is not installed here: "
        "pip install everyspan-sdk (in a clone: pip install -e sdk)",
        name=error.name,
    ) from error

__all__ = ["everyspan", "trace"]
