"""Logs and terminals: what a stranger wrote is text."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import printable
from service.log import OneLine
from tests.everyspan_up import ROOT


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        (
            "größer, 日本語, 👩‍👩‍👧, שלום",
            "größer, 日本語, 👩‍👩‍👧, שלום",
            "größer, 日本語, 👩‍👩‍👧, שלום",
        ),
        ("a\nb\tc", "a\\nb\\tc", "a\nb\tc"),
        ("a\r\nb\rc", "a\\r\\nb\\rc", "a\nb\\rc"),
        ("\x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b", "\\x1b[2J\\x07\\x9b"),
        ("\u202ecba\u2069", "\\u202ecba\\u2069", "\\u202ecba\\u2069"),
        ("\u2028\x85\x0b\ud800", "\\u2028\\x85\\x0b\\ud800", "\\u2028\\x85\\x0b\\ud800"),
    ],
)
def test_what_commands_is_made_visible(text: str, line: str, lines: str) -> None:
    assert printable.line(text) == line
    assert printable.lines(text) == lines


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    shown = printable.line(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert len(printable.lines(text).splitlines()) <= text.count("\n") + 1


def logged(**record: object) -> list[str]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    handler.emit(logging.makeLogRecord({"name": "x", "levelname": "INFO", **record}))
    return stream.getvalue().splitlines()


def test_no_record_is_forged() -> None:
    told = logged(msg="service %s", args=("a\nERROR x: forged\x1b[2J",))
    assert told == ["INFO x: service a\\nERROR x: forged\\x1b[2J"]


def test_a_traceback_stays_readable_and_begins_no_record() -> None:
    try:
        raise ValueError("a\nERROR x: forged\x1b[2J")
    except ValueError:
        told = logged(msg="failed", exc_info=sys.exc_info())
    assert told[0] == "INFO x: failed"
    assert told[1] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in told[1:])
    assert told[-1] == "    ERROR x: forged\\x1b[2J"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_nobody_catches_goes_the_same_way(form: str) -> None:
    """Threads and libraries' warnings print to stderr past the log; so do worker processes."""
    code = (
        "import threading, warnings\n"
        "from concurrent.futures import wait\n"
        "from service.worker_pool import WorkerPool\n"
        "from service.log import log_to_stderr\n"
        "from tests.service.failing import fail, log_it\n"
        "if __name__ == '__main__':\n"
        "    log_to_stderr()\n"
        "    warnings.warn('w\\nforged\\x1b[2J')\n"
        "    thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "    pool = WorkerPool(1); wait([pool.submit(log_it)]); pool.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"EVERYSPAN_LOG_FORMAT": form},
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    if form == "json":
        records = [json.loads(line) for line in done.stderr.splitlines()]
        assert sum("forged" in str(record) for record in records) == 3
        (ended,) = (record for record in records if "error" in record)
        assert (ended["level"], ended["logger"]) == ("ERROR", "service.log")
        assert "Traceback" in ended["traceback"]
        return
    assert done.stderr.count("forged") == 3
    assert not [line for line in done.stderr.splitlines() if line.startswith("forged")]
