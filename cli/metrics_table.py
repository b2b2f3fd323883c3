"""docs/metrics.md, from the services' own registries.

make docs        # write it; or: python -m cli.metrics_table
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from alerting.telemetry import Telemetry as AlertingTelemetry
from classify.telemetry import Telemetry as ClassifyTelemetry
from clickhouse.embedded_http.process import Telemetry as ReaderTelemetry
from ingest.telemetry import Telemetry as IngestTelemetry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
_HEAD = """<!-- Written by `make docs` from the services themselves: change those, not this. -->
# Metrics

What each service says at `/metrics`, for Prometheus; in `everyspan up` the OTLP/HTTP port says it
for ingest, classify and ClickHouse's port, alerting and the page say their own. The same samples
are in the table `stack_metrics`, which the board Monitor and the rules beside it read. What to do
when one is not as it should be is in [operations.md](operations.md).
"""


def page() -> str:
    """The whole text."""
    parts = [_HEAD]
    for title, registry in _registries().items():
        parts.append(f"\n## {title}\n\n| metric | kind | labels | |\n|---|---|---|---|\n")
        parts.extend(_rows(registry))
    return "".join(parts)


def _registries() -> dict[str, CollectorRegistry]:
    return {
        "ingest": IngestTelemetry().registry,
        "classify": ClassifyTelemetry().registry,
        "alerting": AlertingTelemetry().registry,
        "readers of the embedded engine": ReaderTelemetry().registry,
    }


def _rows(registry: CollectorRegistry) -> Iterable[str]:
    collectors: set[Collector] = set(registry._collector_to_names)
    found = {}
    for collector in collectors:
        labels = ", ".join(f"`{name}`" for name in getattr(collector, "_labelnames", ()))
        for metric in collector.collect():
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            text = metric.documentation.replace("|", "\\\\|")
            found[name] = f"| `{name}` | {metric.type} | {labels} | {text} |\n"
    return [found[name] for name in sorted(found)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
