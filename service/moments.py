"""Times as people write them, in a command or an address (24h before now, or a moment), and as
ClickHouse gives them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: What to write instead, for the error.
REMEDY = "write 30m, 24h, 7d, or a time such as 2026-11-24T08:00Z"
_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3650)


def utc(at: datetime) -> datetime:
    """ClickHouse's times have no zone, and mean UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def duration(text: str) -> timedelta | None:
    """'24h' as a length of time; None where it is none."""
    found = _AGO.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def moment(text: str, now: datetime) -> datetime:
    """'24h' before ``now``, ten years at the most, or an ISO 8601 time, UTC where it has no offset.

    Raises ValueError.
    """
    if (ago := duration(text)) is not None:
        return now - min(ago, _LONGEST)
    given = datetime.fromisoformat(text.strip())
    try:
        return utc(given)
    except OverflowError as error:
        raise ValueError(str(error)) from error
