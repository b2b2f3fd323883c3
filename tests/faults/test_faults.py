"""A minute of faults with a fixed seed; the long run is ``python -m benchmarks.faults``.

``make test-all`` has it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults.kinds import KINDS
from benchmarks.faults.ledger import Ledger, Totals
from benchmarks.faults.receiver import receiver
from benchmarks.faults.report import Report, Round
from benchmarks.faults.run import SHORT
from tests.everyspan_up import ROOT

DOCS = ROOT / "docs" / "reliability.md"


@pytest.mark.slow
def test_a_minute_of_faults(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.faults", "--short", "--seed", "7"),
            *("--patience", "3", "--output", str(tmp_path / "report"), "--work", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["problems"] == []
    assert report["kills"] > 0
    assert report["spans"] > 0
    assert report["leaks"] == report["pages"] > 0


def test_there_are_kinds_enough_and_each_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert len(KINDS) >= 24
    assert set(SHORT.split(",")) <= set(KINDS)
    for kind in KINDS.values():
        assert f"| `{kind.name}` | {kind.about} |" in text, "python -m benchmarks.faults --list"


def test_the_ledger_sees_what_is_lost_doubled_and_unjudged() -> None:
    ledger = Ledger()
    ids = [(f"{n:032x}", f"{n:016x}") for n in range(1, 4)]
    ledger.acknowledge(ids)
    ledger.acknowledge(ids[:1])
    xor = 0
    for _, span_id in ids:
        xor ^= int.from_bytes(bytes.fromhex(span_id), "little")
    assert ledger.problems(Totals(3, 3, 0, 0, xor)) == []
    assert ledger.problems(Totals(2, 2, 0, 0, 0)) == ["lost: 1 of 3 acknowledged spans"]
    assert ledger.problems(Totals(4, 3, 0, 0, xor)) == ["doubled: 1 rows"]
    assert ledger.problems(Totals(4, 4, 0, 0, 0)) == ["unknown: 1 spans that nobody was promised"]
    assert ledger.problems(Totals(3, 3, 2, 0, xor)) == ["unjudged: 2 of 3 rows"]
    assert ledger.problems(Totals(3, 3, 0, 0, 5))[0].startswith("other spans")

    rows = [{"trace_id": t, "span_id": s} for t, s in ids[1:]]
    rows.append({"trace_id": "f" * 32, "span_id": "f" * 16})
    ledger.leak("leak-x")
    found = ledger.differences(lambda sql: [] if "LIKE 'leak-%'" in sql else rows)
    assert [each.partition(":")[0] for each in found] == ["lost", "unknown", "misjudged"]


def test_the_receiver_sees_what_is_told_twice_or_not_at_all() -> None:
    def event(service: str, key: str, action: str = "trigger") -> tuple[int, dict[str, object]]:
        payload = {"group": service, "class": "data_leakage", "custom_details": {}}
        return 0, {"dedup_key": key, "event_action": action, "payload": payload}

    with receiver() as pagerduty:
        ledger = Ledger()
        for name in ("leak-once", "leak-twice", "leak-again", "leak-never"):
            ledger.leak(name)
        pagerduty.events += [
            event("leak-once", "1"),
            event("leak-once", "1", "resolve"),
            event("leak-twice", "2"),
            event("leak-twice", "3"),
            event("leak-again", "4"),
        ]
        pagerduty.begun(event("leak-again", "4")[1])
        pagerduty.house_was_killed()
        pagerduty.events.append(event("leak-again", "4"))
        told = pagerduty.problems(ledger, 0)
        assert [each.partition(" after")[0] for each in told] == [
            "not told: leak-never",
            "told as 2 incidents: leak-twice",
        ]
        pagerduty.events.append(event("leak-again", "4"))
        (again,) = [each for each in pagerduty.problems(ledger, 0) if "leak" not in each]
        assert again.startswith("told 3 times: trigger 4 (seconds: 0.0, ")


def test_a_report_counts_what_was_wrong() -> None:
    report = Report(1, "abc", rounds=[Round("kill_insert", "0.1", 1, kills=2)])
    report.problems = [
        "[house 0.1, fault 1, kill_insert] lost: 1 of 3 acknowledged spans; unjudged: 2 of 3 rows",
        "[house 0.1, at its end] told 3 times: trigger 4",
        "[house 0.1, at its end] not told: leak-1",
    ]
    text = report.markdown()
    assert "| **spans lost** | **1** |" in text
    assert "| **spans unjudged or judged wrongly** | **1** |" in text
    assert "| **leaks not told, or as two incidents** | **2** |" in text
    assert "| processes killed with `kill -9` | 2 |" in text
