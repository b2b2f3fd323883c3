"""Logs: to stderr, a record a line, whatever is in it."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from service import printable

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


log = logging.getLogger(__name__)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """A record is one line: a stranger's text in it can neither begin another nor command a
    terminal. A traceback, and a record's text ``below``, follow on lines that are indented, which
    no record is."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        below = getattr(record, "below", "")
        return f"{text}\n{_below(below)}" if below else text

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return printable.line(super().formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802
        return _below(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _below(super().formatStack(stack_info))


def _below(text: str) -> str:
    return "\n".join(f"    {line}" for line in printable.lines(text).split("\n"))


def _uncaught(told: threading.ExceptHookArgs) -> None:
    if told.exc_type is not SystemExit and told.exc_value is not None:
        name = told.thread.name if told.thread else "?"
        log.error(
            "thread %s ended", name, exc_info=(told.exc_type, told.exc_value, told.exc_traceback)
        )


def log_to_stderr(level: int = logging.INFO) -> None:
    """What a service does first; worker processes do it for themselves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    # What would be printed past the log: warnings of libraries, and what nobody catches.
    logging.captureWarnings(True)
    threading.excepthook = _uncaught
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
