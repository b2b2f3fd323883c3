"""Times in an address: 30m, 24h, 7d, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from service.errors import UserError

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST = timedelta(days=3650)


class AddressError(UserError):
    """A parameter of the address can't be used; the text names it and what it may be."""


def moment(name: str, text: str, now: datetime) -> datetime:
    """'24h' before ``now``, or an ISO 8601 time, UTC without an offset. Raises AddressError."""
    if found := _AGO.fullmatch(text.strip()):
        return now - min(timedelta(**{_UNITS[found[2]]: int(found[1])}), _MOST)
    try:
        given = datetime.fromisoformat(text.strip())
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise AddressError(
            f"{name}={text[:40]}: write 30m, 24h, 7d, or a time such as 2026-11-24T08:00Z"
        ) from None
