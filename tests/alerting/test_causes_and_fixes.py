"""Which failures are alike, what is no chance, and what the playbook says."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerting.enrich.choose import cause, chosen
from alerting.enrich.playbook import FACTS, PlaybookError, read_playbook, suggested
from alerting.enrich.what_changed import hypergeometric


def test_causes() -> None:
    assert cause("order LF-1001 took 12.5 s") == cause("order LF-2044 took 3 s")
    rows = [
        {"trace_id": f"{n}", "name": "a", "said": f"timeout of order {n}{n}{n}{n}{n}{n}"}
        for n in range(9)
    ]
    rows.append({"trace_id": "x", "name": "b", "said": "no such tool"})
    picked = chosen(rows, most=3)
    assert [(row["trace_id"], count) for row, count in picked] == [("0", 9), ("x", 1), ("1", 9)]


def test_fisher() -> None:
    assert hypergeometric(3, 3, 3, 6) == pytest.approx(1 / 20)
    assert hypergeometric(0, 3, 3, 6) == pytest.approx(1.0)
    assert hypergeometric(8, 8, 8, 48) < 1e-8


def test_playbook_of_ones_own(tmp_path: Path) -> None:
    facts = dict.fromkeys(FACTS, "x") | {"evidence": "not among get_weather"}
    assert "does not exist" in suggested(read_playbook(), "tool_call_error", facts)
    assert suggested(read_playbook(), "never heard of", facts)
    (tmp_path / "tool_call_error.toml").write_text('[[entry]]\nfix = "Ask {service}."\n')
    assert suggested(read_playbook(str(tmp_path)), "tool_call_error", facts) == "Ask x."
    (tmp_path / "bad.toml").write_text('[[entry]]\nfix = "Ask {servise}."\n')
    with pytest.raises(PlaybookError, match=r"bad\.toml: entry 1: \{servise\} is no fact"):
        read_playbook(str(tmp_path))
    with pytest.raises(PlaybookError, match="is no folder"):
        read_playbook("/nowhere/at/all")
