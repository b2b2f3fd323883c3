"""What a detector of this classifier found, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Finding:
    """``value``: what leaked, unmasked: never leaves the classifier. ``start``: its place in the
    text, in characters. ``score``: 0 to 1, how sure and how bad."""

    rule: str
    value: str
    score: float
    start: int


def mask(value: str) -> str:
    """The first 4 and last 2 characters; of short values fewer, so that most stays hidden.

    Evidence goes to the table, to chat and to pagers.
    """
    length = len(value)
    if length >= 16:
        return f"{value[:4]}…{value[-2:]}"
    if length >= 10:
        return f"{value[:2]}…{value[-2:]}"
    return f"{value[:1]}…"


def mask_email(address: str) -> str:
    """First character of the name, and the domain, which is what one searches by."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"
