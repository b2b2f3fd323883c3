"""Times as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from cli.console import fail

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta | None:
    """'24h' as a length of time; None where it is none."""
    found = _AGO.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def moment(option: str, text: str, now: datetime) -> datetime:
    """'24h' before ``now``, or an ISO 8601 time, UTC where it has no offset."""
    if ago := duration(text):
        return now - ago
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        fail(f"{option} {text}: write 30m, 24h, 7d, or a time such as 2026-11-24T08:00Z", 2)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
