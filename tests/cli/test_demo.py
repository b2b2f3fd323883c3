"""``everyspan demo --exit`` does what ``make demo`` shows, and ends."""

from __future__ import annotations

import re

from tests.cli.test_commands import everyspan


def test_demo_finds_what_was_planted() -> None:
    done = everyspan("demo", "--exit")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "coverage 100%" in done.stdout
    sent = re.search(r"(\d+) of (\d+) rows judged, (\d+) spans sent", done.stdout)
    assert sent is not None
    assert len(set(sent.groups())) == 1
    assert int(sent[1]) > 400
    for name in ("tool_call_error", "data_leakage"):
        found = re.search(rf"{name} +│ +(\d+) │ +(\d+) │ +(\d+) │", done.stdout.split("Planted")[1])
        assert found is not None, name
        assert int(found[1]) > 0
        assert found[1] == found[2]
        assert found[3] == "0"
    for word in ("Operational", "Quality", "Safety", "Worst traces", "curl", "Grafana"):
        assert word in done.stdout
