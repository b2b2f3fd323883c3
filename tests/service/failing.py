"""Functions of other threads and processes that quote a stranger."""

from __future__ import annotations

import logging

_TEXT = "t\nforged\x1b[2J"


def fail() -> None:
    raise ValueError(_TEXT)


def log_it() -> None:
    logging.getLogger("worker").warning("%s", _TEXT)
