"""``everyspan demo --exit`` does what ``make demo`` shows, and ends."""

from __future__ import annotations

import re

from tests.cli.command import everyspan


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
    shares = re.findall(r"(\w+) +│ +\d+ │ +\d+ │ +\d+ │ +\d+ │ +(\d+)% │", done.stdout)
    assert len(shares) == 11
    assert all(int(share) >= 95 for _, share in shares), shares
    planted_rows = re.findall(
        r"(\w+) +│ +(\d+) │ +(\d+) │ +(\d+) │", done.stdout.split("Planted")[1].split("Worst")[0]
    )
    there = sum(int(planted) for _, planted, _, _ in planted_rows)
    assert there >= 44
    assert sum(int(found) for _, _, found, _ in planted_rows) >= 40 / 44 * there, planted_rows
    alert = done.stdout.split("The alert of the planted hallucination")[1].split("Where to look")[0]
    planted = re.search(
        r"hallucination +│ +(\d+) │ +(\d+) │ +(\d+) │", done.stdout.split("Planted")[1]
    )
    assert planted is not None
    assert planted[3] == "0"
    trace = re.search(r"trace +([0-9a-f]{32})\n", alert)
    step = re.search(r"step +(\d) of (\d): chat gpt-4.1-mini \(llm\)", alert)
    assert trace is not None, alert
    assert step is not None, alert
    for told in (
        r"classifier +hallucination\n",
        r"evidence +“.*” is contradicted by .*(?:EUR|years|days|hours)",
        r"source +demo/chat\.py line \d+ in demo\.chat\.ChatClient\.complete\n",
        r"\n> \d+ +with _tracer\.start_as_current_span",
        r"suggested fix +\S.{40}",
        rf"replay +everyspan replay {trace[1]} --from-step {step[1]}\n",
        r"\d+ events taken, 0 refused",
    ):
        assert re.search(told, alert), (told, alert)
    assert re.search(
        r"again +\S+ replay [0-9a-f]{32} --from-step 4 --entry demo\.replay:answer", done.stdout
    )
    for word in ("Operational", "Quality", "Safety", "Worst traces", "curl", "Grafana"):
        assert word in done.stdout
