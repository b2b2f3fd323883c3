"""OTLP by way of Kafka topics, as the OpenTelemetry Collector's kafka exporter writes them."""
