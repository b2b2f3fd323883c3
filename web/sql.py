"""Pieces of the views' SQL. What somebody typed gets into a statement as a literal, made here."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse.embedded_http.settings import quote as literal

__all__ = ["at", "literal", "literals"]


def literals(texts: list[str]) -> str:
    """'a', 'b'."""
    return ", ".join(literal(text) for text in texts)


def at(moment: datetime) -> str:
    """A moment, to the millisecond."""
    return f"toDateTime64('{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"
