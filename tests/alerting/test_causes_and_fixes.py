"""Which failures are alike, what is no chance, and what the playbook says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alerting.enrich.choose import cause, chosen
from alerting.enrich.failure import facts_of
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


def test_every_fix_is_a_sentence_of_a_step_that_says_little() -> None:
    """No prompt version, no line of code, one document, one row: nothing may be left open."""
    row: dict[str, Any] = dict.fromkeys(
        "service_name environment name step_kind tool_name model prompt_version said code_file"
        " code_line code_function".split(),
        "",
    )
    row |= {
        "span_id": "a",
        "parent_span_id": "",
        "trace_id": "t",
        "name": "chat",
        "documents": ["d"],
    }
    row["said"] = "timeout: the document is silent"
    for name, entries in read_playbook().items():
        for entry in entries:
            fix = " ".join(entry.fix.format_map(facts_of(row, 1, [row])).split())
            assert not re.search(r"\b1 [a-z]+s\b| [,;.:)]|\( |the the|^$", fix), (name, fix)
    facts = facts_of({**row, "prompt_version": "3"}, 1, [row])
    assert "make prompt 3 answer" in suggested(read_playbook(), "hallucination", facts)
