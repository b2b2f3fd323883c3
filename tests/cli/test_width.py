"""What a table shows where it has room, and where it has little."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.table import Table

from cli.console import _Console
from cli.traces import _table

ROW = {
    "trace_id": "0123456789abcdef" * 2,
    "started": datetime(2026, 1, 2, tzinfo=UTC),
    "service": "a-service-of-a-long-name",
    "question": "How long is the guarantee of the Ridge tent that I bought in spring?",
    "name": "chat",
    "failures": ["hallucination", "instruction_following"],
    "errors": 1,
    "duration_ms": 12.0,
    "cost_usd": 0.01,
}


def shown(width: int | None) -> str:
    console = _Console(
        file=io.StringIO(), force_terminal=width is not None, width=width, color_system=None
    )
    console.print(_table([ROW], console.width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140, 200, 300])
def test_a_terminal_says_which_trace_asked_what_and_failed(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    found = shown(width)
    assert ROW["trace_id"][:16] in found  # type: ignore[index]
    assert "How lo" in found
    assert "hallucination" in found
    assert "instruction_" in found
    assert ("12 ms" in found) == (width >= 100)
    assert all(len(line) <= width for line in found.splitlines())


def test_a_pipe_gets_all_of_it_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    _, line = shown(None).splitlines()
    for whole in (ROW["trace_id"], ROW["service"], "instruction_following", "1 error", "$0.01"):
        assert str(whole) in line
    console = _Console(file=io.StringIO())
    table = Table("a")
    table.add_row("x" * 5000)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    assert "x" * 5000 in console.file.getvalue()
