"""Numbers and times as people say them."""

from __future__ import annotations

import math
from datetime import datetime

from service.moments import utc


def duration(milliseconds: float) -> str:
    """'45 µs', '850 ms', '3.2 s', '4 min 10 s', '2 h 5 min'."""
    if not math.isfinite(milliseconds):
        return "–"
    if 0 < milliseconds < 0.1:
        return f"{1000 * milliseconds:.2g} µs"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms" if milliseconds >= 1 else f"{milliseconds:.2g} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def money(dollars: float | None) -> str:
    """'$0.0042', '$12.30', '–' where it is not known."""
    if dollars is None or not math.isfinite(dollars):
        return "–"
    if dollars == 0 or abs(dollars) >= 1:
        return f"${dollars:,.2f}"
    digits = max(2, 1 - math.floor(math.log10(abs(dollars))))
    return f"${dollars:.{digits}f}"


def share(part: float) -> str:
    """0.183 as '18 %'; small ones with a digit more."""
    if not math.isfinite(part):
        return "–"
    percent = 100 * part
    digits = f"{percent:.0f}" if percent >= 9.95 else f"{percent:.1f}".removesuffix(".0")
    return f"{digits} %"


def interval(low: float, high: float) -> str:
    """'10-29 %'."""
    ends = [share(each).removesuffix(" %") for each in (low, high)]
    return f"{ends[0]}-{ends[1]} %"


def count(number: float) -> str:
    """1234567 as '1,234,567'."""
    return f"{number:,.0f}"


def size(length: int) -> str:
    """Bytes or characters: '5.0 M', '12 K', '800'."""
    if length >= 1_000_000:
        return f"{length / 1e6:.1f} M"
    return f"{length / 1e3:.0f} K" if length >= 10_000 else f"{length:,}"


def iso(at: datetime) -> str:
    """For a machine: 2026-11-29T02:14:05.123Z."""
    return utc(at).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def clock(at: datetime, now: datetime) -> str:
    """'02:14:05', with the date where that is another day. UTC: a browser puts its own zone in."""
    at = utc(at)
    same_day = at.date() == utc(now).date()
    return f"{at:%H:%M:%S}" if same_day else f"{at:%Y-%m-%d %H:%M:%S}"


def plural(number: int, one: str, many: str = "") -> str:
    """'1 step', '2 steps'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
