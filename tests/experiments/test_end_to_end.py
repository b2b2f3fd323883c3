"""Two prompt versions of the demo agent, one with a planted regression: started on the command
line, assigned by the SDK from ClickHouse, sent over a socket, judged, and called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grafana.macros import TimeRange, expand, interval_for
from grafana.variables import fill
from tests.cli.command import everyspan
from tests.everyspan_up import ROOT, Up, running

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

SESSIONS = 110
TOML = """
[experiment.support-prompt]
unit = "session"
planned_units = 200
min_units = 40

[experiment.support-prompt.variants]
a = 1
b = 1

[[experiment.support-prompt.metrics]]
metric = "tool_call_error"
role = "primary"
min_effect = 0.05

[[experiment.support-prompt.metrics]]
metric = "error_rate"
role = "guardrail"

[experiment.tone]
unit = "session"
min_units = 40
variants = {plain = 1, warm = 1}
metrics = [{metric = "tool_call_error", role = "primary"}]

# The same draw as support-prompt, so the same regression, and stops by itself.
[experiment.guarded]
salt = "support-prompt"
planned_units = 200
min_units = 40
stop_on_loss = true
variants = {a = 1, b = 1}
metrics = [
    {metric = "latency_ms", role = "primary"},
    {metric = "tool_call_error", role = "guardrail"},
]
"""


@dataclass
class Ran:
    """The stack after the agent's traffic, and what the agent did."""

    up: Up
    file: Path
    agent: dict[str, Any]

    def cli(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`everyspan experiment …` against the running stack."""
        ports = {
            "EVERYSPAN_CLICKHOUSE_PORT": str(self.up.ports["clickhouse"]),
            "EVERYSPAN_CLASSIFY_PORT": str(self.up.ports["classify"]),
        }
        return everyspan("experiment", *arguments, **{"COLUMNS": "240"} | ports | environment)

    def send(self, sessions: int) -> dict[str, Any]:
        """Run the agent as a process of its own."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "EVERYSPAN_"))}
        source = f"http://127.0.0.1:{self.up.ports['clickhouse']}/?database=everyspan"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.experiments.agent",
                f"http://127.0.0.1:{self.up.ports['otlp-http']}",
                str(sessions),
            ],
            cwd=ROOT,
            env={**clean, "PYTHONPATH": str(ROOT), "EVERYSPAN_EXPERIMENTS": source},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert found["failed"] == 0
        return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("two_prompts")
    file = folder / "experiments.toml"
    file.write_text(TOML)
    with running(
        folder / "data",
        classify_trace_quiet_seconds="1",
        classify_interval_seconds="0.2",
        experiment_watch_seconds="1",
    ) as up:
        found = Ran(up, file, {})
        for name in ("support-prompt", "tone", "guarded"):
            done = found.cli("start", name, f"--file={file}")
            assert done.returncode == 0, done.stderr + up.log()
            assert f"{name} runs; units are counted from" in done.stdout
        found.agent = found.send(SESSIONS)
        deadline = time.monotonic() + 300
        while True:
            (rows,) = up.query(
                "SELECT count() AS n, countIf(verdict_version = 0) AS pending FROM everyspan.spans"
            )
            if int(rows["n"]) >= found.agent["sent"] and not int(rows["pending"]):
                break
            assert time.monotonic() < deadline, f"{rows}\n{up.log()}"
            time.sleep(0.5)
        yield found


def test_assignment_and_exposure_are_on_the_spans(ran: Ran) -> None:
    found = ran.up.query(
        "SELECT session_id, groupUniqArray(experiments['support-prompt']) AS variants,"
        " groupUniqArray(experiments['tone']) AS tones,"
        " groupUniqArray(experiment_units['support-prompt']) AS units,"
        " countIf(position(events, 'feature_flag.evaluation') > 0) AS exposures, count() AS spans"
        " FROM everyspan.spans GROUP BY session_id"
    )
    assert len(found) == SESSIONS
    for row in found:
        assert row["variants"] == [ran.agent["variants"][row["session_id"]]]
        assert row["units"] == [row["session_id"]]
        assert row["tones"] in (["plain"], ["warm"])
        assert int(row["exposures"]) == 1  # all of them are events of the first span
        assert int(row["spans"]) > 4
    assert min(Counter(ran.agent["variants"].values()).values()) > 40


def test_the_command_line_calls_it(ran: Ran) -> None:
    done = ran.cli("status", "support-prompt")
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    first = done.stdout.splitlines()[0]
    assert first == "support-prompt: STOP"
    assert "b loses tool call error" in done.stdout
    assert "Keep a: everyspan experiment stop support-prompt" in done.stdout
    found = json.loads(ran.cli("status", "support-prompt", "--json").stdout)
    assert found["verdict"] == "stop"
    assert found["units"] == SESSIONS
    metrics = {each["metric"]: each for each in found["variants"][0]["metrics"]}
    assert metrics["tool_call_error"]["state"] == "worse"
    # The interval covers what was planted, and excludes no difference.
    assert 0 < metrics["tool_call_error"]["low"] < 0.55 < metrics["tool_call_error"]["high"]
    assert metrics["error_rate"]["state"] in ("open", "better")
    other = json.loads(ran.cli("status", "tone", "--json").stdout)
    assert other["verdict"] == "keep_going"
    listed = ran.cli("list")
    assert "support-prompt" in listed.stdout
    assert "keep going" in listed.stdout


def test_a_lost_guardrail_stops_it(ran: Ran) -> None:
    deadline = time.monotonic() + 60
    while True:
        found = json.loads(ran.cli("status", "guarded", "--json").stdout)
        if not found["running"]:
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    assert found["winner"] == ""
    assert "b loses guard-rail tool call error" in found["reasons"][0]
    assert "experiment guarded is stopped: every variant loses a guard-rail" in ran.up.log()


def test_the_dashboard_says_the_same(ran: Ran) -> None:
    board = json.loads((ROOT / "grafana/dashboards/experiments.json").read_text())
    values = {}
    for variable in board["templating"]["list"]:
        current = variable.get("current", {}).get("value", "")
        values[variable["name"]] = current[0] if isinstance(current, list) else current
    span = TimeRange.last(timedelta(hours=1), datetime.now(UTC))

    def panel(title: str) -> list[dict[str, Any]]:
        (found,) = [each for each in board["panels"] if each["title"] == title]
        sql = found["targets"][0]["rawSql"]
        path = expand(fill(sql, values), span, interval_for(span))
        return ran.up.query(path)

    told = json.loads(ran.cli("status", "support-prompt", "--json").stdout)
    assert told["verdict"] == "stop"
    mine = "SELECT * FROM everyspan.experiment_effects_measured WHERE experiment = 'support-prompt'"
    newest = "measured_at = (SELECT max(measured_at) FROM everyspan.experiment_effects_measured)"

    def shown() -> dict[str, dict[str, Any]]:
        return {r["metric"]: r for r in ran.up.query(f"{mine} AND {newest}")}

    def agrees(metric: dict[str, Any], row: dict[str, Any]) -> bool:
        columns = ("effect", "low", "high")
        same = all(row[each] == pytest.approx(metric[each]) for each in columns)
        return bool(row["state"] == metric["state"]) and same

    # Classify looks each second, or less often where that takes long.
    end = time.monotonic() + 120
    while not all(agrees(m, shown()[m["metric"]]) for m in told["variants"][0]["metrics"]):
        assert time.monotonic() < end, (told, shown())
        time.sleep(1)
    (row,) = [r for r in panel("What should be done?") if r["experiment"] == "support-prompt"]
    assert row["what_to_do"] == "stop"
    assert row["variants_to_stop"] == "b"
    shares = [
        r for r in panel("Are units split as intended?") if r["experiment"] == "support-prompt"
    ]
    assert sum(int(r["units"]) for r in shares) == SESSIONS
    for title in ("Which variant fails less?", "How does the traffic come in?"):
        assert panel(title)


def test_wrong_use_is_told(ran: Ran) -> None:
    cases = [
        (("status", "nothing"), "no experiment nothing was started"),
        (
            ("start", "other", f"--file={ran.file}"),
            "defines support-prompt, tone, guarded, but not other",
        ),
        (("start", "tone", "--file=/nowhere.toml"), "can't be read"),
        (("start", "tone", f"--file={ran.file}", "--since=soon"), "--since soon"),
        (("stop", "tone", "--ship=purple"), "has no variant purple; it has plain, warm"),
        (("stop", "nothing"), "no experiment nothing was started; define it in a file"),
    ]
    for arguments, said in cases:
        done = ran.cli(*arguments)
        assert done.returncode == 1, done.stdout
        assert said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    bad = ran.file.with_name("bad.toml")
    bad.write_text(TOML.replace('"tool_call_error"', '"politeness"'))
    done = ran.cli("start", "tone", f"--file={bad}")
    assert "no classifier and no metric is named politeness; there are" in done.stderr
    nobody = ran.cli("stop", "tone", EVERYSPAN_CLASSIFY_PORT="1")
    assert "no classify service answers" in nobody.stderr


def test_stopped_everybody_gets_one_and_nothing_is_recorded(ran: Ran) -> None:
    done = ran.cli("stop", "support-prompt", "--ship=a")
    assert done.returncode == 0, done.stderr
    assert "everybody gets a" in done.stdout
    again = ran.send(30)
    assert set(again["variants"].values()) == {"a"}
    deadline = time.monotonic() + 60
    while True:
        (row,) = ran.up.query(
            "SELECT uniqExactIf(trace_id, mapContains(experiments, 'support-prompt')) AS before,"
            " uniqExact(trace_id) AS n FROM everyspan.spans"
        )
        if int(row["n"]) >= SESSIONS + 30:
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert int(row["before"]) == SESSIONS
    assert "It was stopped; everybody gets a." in ran.cli("status", "support-prompt").stdout
    assert "stopped, a for all" in ran.cli("list").stdout
