"""Logs: to stderr, a record a line, whatever is in it; as text for people, or as JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType

from service import printable

#: ``text`` or ``json``; a setting of every service, which worker processes have from their parents.
_VARIABLE = "EVERYSPAN_LOG_FORMAT"
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


class AsJson(logging.Formatter):
    """A record is one line of JSON: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``,
    ``process``; where there is one ``error``, its class, and ``traceback``; ``below``, a record's
    further text. All of it is ASCII, so nothing in it commands a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__qualname__
            said["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            said["stack"] = record.stack_info
        if below := getattr(record, "below", ""):
            said["below"] = below
        return json.dumps(said, default=str)


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
    as_json = os.environ.get(_VARIABLE, "").strip().lower() == "json"
    handler.setFormatter(AsJson() if as_json else OneLine(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    # What would be printed past the log: warnings of libraries, and what nobody catches.
    logging.captureWarnings(True)
    threading.excepthook = _uncaught
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
