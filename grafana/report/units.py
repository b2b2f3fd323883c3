"""Grafana's units, as text: those that our dashboards use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

_MILLISECONDS: Sequence[tuple[float, str]] = (
    (1.0, "ms"),
    (1000.0, "s"),
    (60_000.0, "min"),
    (3_600_000.0, "h"),
    (86_400_000.0, "d"),
)
_LARGE = ("", "K", "M", "B", "T")


def told(value: Any, unit: str, decimals: int | None = None) -> str:
    """A value of a panel as people read it; '–' where there is none."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)
    number = float(value)
    if math.isnan(number) or math.isinf(number):
        return "–"
    if unit == "percentunit":
        return f"{_rounded(100 * number, decimals)} %"
    if unit == "percent":
        return f"{_rounded(number, decimals)} %"
    if unit in ("ms", "s"):
        return _duration(number * (1000 if unit == "s" else 1), decimals)
    if unit == "currencyUSD":
        return f"${_money(number)}"
    if unit.startswith("suffix:"):
        return f"{_large(number, decimals)}{unit.removeprefix('suffix:')}"
    return _large(number, decimals)


def _rounded(number: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{number:.{decimals}f}"
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"


def _large(number: float, decimals: int | None) -> str:
    if abs(number) < 1000:
        return str(int(number)) if number == int(number) else _rounded(number, decimals)
    size = 0
    while abs(number) >= 1000 and size < len(_LARGE) - 1:
        number /= 1000
        size += 1
    return f"{_rounded(number, decimals)} {_LARGE[size]}"


def _duration(milliseconds: float, decimals: int | None) -> str:
    size, name = _MILLISECONDS[0]
    for larger, its_name in _MILLISECONDS[1:]:
        if abs(milliseconds) >= larger:
            size, name = larger, its_name
    return f"{_rounded(milliseconds / size, decimals)} {name}"


def _money(number: float) -> str:
    return f"{number:,.2f}" if number == 0 or abs(number) >= 1 else f"{number:.3g}"
