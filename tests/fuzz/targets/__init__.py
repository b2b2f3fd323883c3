"""What is fuzzed, by name: ``check(data)`` raises where a promise does not hold."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

#: Module to what it is.
NAMES = {
    "otlp_body": "OTLP bodies of any encoding: decode, normalise, and store in the engine",
    "otlp_http": "raw bytes to the OTLP/HTTP port",
    "otlp_grpc": "raw bytes and malformed messages to the OTLP/gRPC port",
    "webhook": "Grafana's webhook: body and headers, and what the pipeline makes of it",
    "guard": "statements to the read-only ClickHouse port",
    "rule_files": "classifiers, routes, playbook, experiments, alert rules, thresholds",
    "verdicts": "what classifiers make of spans of any text",
}


class BrokenPromise(AssertionError):
    """The text says which, and how."""


def target(name: str) -> ModuleType:
    """With ``check(data: bytes) -> None``, ``SEEDS: list[bytes]`` and ``WORDS: list[bytes]``."""
    return import_module(f"tests.fuzz.targets.{name}")
