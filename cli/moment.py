"""Times on the command line."""

from __future__ import annotations

from datetime import datetime

from cli.console import fail
from service import moments


def moment(option: str, text: str, now: datetime) -> datetime:
    """See ``service.moments``; ends the command where it is none."""
    try:
        return moments.moment(text, now)
    except ValueError:
        fail(f"{option} {text}: {moments.REMEDY}", 2)
