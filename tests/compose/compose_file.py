"""docker-compose.yml with its variables filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def required() -> set[str]:
    """Variables without which nothing may start."""
    return {found[1] for found in _VARIABLE.finditer(TEXT) if found[2] == "?"}


def optional() -> dict[str, str]:
    """The others, with their defaults."""
    return {found[1]: found[3] for found in _VARIABLE.finditer(TEXT) if found[2] == "-"}


def example() -> dict[str, str]:
    """Variables of .env.example."""
    lines = (line for line in EXAMPLE.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def document() -> dict[str, Any]:
    """The file with a value for every variable, anchors and merges resolved."""
    filled = _VARIABLE.sub(lambda m: m[3] if m[2] == "-" else f"value-of-{m[1]}", TEXT)
    found: dict[str, Any] = yaml.safe_load(filled)
    return found


def services() -> dict[str, dict[str, Any]]:
    """Service name to its settings."""
    found: dict[str, dict[str, Any]] = document()["services"]
    return found
