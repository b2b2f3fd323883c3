"""Times in an address."""

from __future__ import annotations

from datetime import datetime

from service import moments
from service.errors import UserError


class AddressError(UserError):
    """A parameter of the address can't be used; the text names it and what it may be."""


def moment(name: str, text: str, now: datetime) -> datetime:
    """See ``service.moments``. Raises AddressError."""
    try:
        return moments.moment(text, now)
    except ValueError:
        raise AddressError(f"{name}={text[:40]}: {moments.REMEDY}") from None
